/* roll.h - the main processes of all ranks, and what they say to each other beside the work.
 *
 *     rank 0                                         the others
 *     rn_roll_open(&roll, &setup, err)               rn_roll_join(&roll, &setup, err)
 *     rn_roll_wait(roll, err)                        <- hello: who I am
 *     rn_roll_say(roll, RN_WORD_ORDER, 0, json)      -> "train this stage"
 *     poll() on rn_roll_fds, until rn_roll_due_s     poll() likewise
 *     while (rn_roll_next(roll, &word)) ..           while (rn_roll_next(roll, &word)) ..
 *     rn_roll_tick(roll, step)                       rn_roll_tick(roll, step)
 *     rn_roll_close(roll)                            rn_roll_close(roll)
 *
 * One connection between rank 0 and each other rank, over TCP: on loopback where all ranks are on
 * one host. Rank 0 writes where it listens, and a secret, to a file below the runs directory, which
 * all ranks must share; it goes when the roll is closed. Who does not know the secret, or comes
 * from another job, version or configuration, is refused.
 *
 * Each side ticks. A rank whose connection ends is GONE at once; one that does not tick, because it
 * or its machine is stopped, is SILENT after RUNNEL_PEER_S seconds (60). The sums of a training do
 * not go this way, see comm.h; but whoever waits in one for a rank that is gone is ended from here.
 *
 * What comes is believed to be hostile until the secret is there, and of fixed size ever after. One
 * thread. */
#ifndef RN_ROLL_H
#define RN_ROLL_H

#include "ranks.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct rn_roll;
struct rn_roll_setup {
    const struct rn_ranks *ranks; /* borrowed until the roll is closed */
    const char *runs;             /* directory; must exist */
    const char *config;           /* a digest that is the same on all ranks */
    bool (*stopping)(void);       /* asked while waiting for ranks; may be NULL */
};

enum rn_word_kind {
    RN_WORD_ORDER = 1, /* rank 0: what to train; text */
    RN_WORD_MEET,      /* rank 0: what its trainer says to the others'; text */
    RN_WORD_ENDED,     /* the others: my part of it ended; number is an exit code, text says why */
    RN_WORD_STOP,      /* the others: I was asked to stop */
    RN_WORD_BYE,       /* rank 0: the run is over; number is its code */
    RN_WORD_GONE,      /* made here: that rank's process ended; text says so */
    RN_WORD_SILENT,    /* made here, likewise: it does not answer */
};
enum { RN_WORD_TEXT = 1000 };
struct rn_word {
    enum rn_word_kind kind;
    int rank; /* whose */
    int64_t number;
    int64_t step; /* that rank's last, -1: none */
    char text[RN_WORD_TEXT];
};

/* Rank 0: listens, and says where. RN_EIO. */
int rn_roll_open(struct rn_roll **, const struct rn_roll_setup *, struct rn_err *);
/* Until every rank is there. RN_EPEER names those that are not after RUNNEL_PEER_S seconds. */
int rn_roll_wait(struct rn_roll *, struct rn_err *);
/* The others: finds rank 0, and waits for its welcome. RN_EPEER: it did not come, or refused. */
int rn_roll_join(struct rn_roll **, const struct rn_roll_setup *, struct rn_err *);
void rn_roll_close(struct rn_roll *); /* takes NULL */

/* To rank 0, or from it to all. Text longer than a word is cut. */
void rn_roll_say(struct rn_roll *, enum rn_word_kind, int64_t number, const char *text);
/* I live, and am at this step: goes out now and then however often it is called. Who speaks for
 * another process calls it when it hears of that one: if either is stopped, both are silent. */
void rn_roll_tick(struct rn_roll *, int64_t step);
/* How often who wants to be heard should be. RN_EUSAGE: what RUNNEL_PEER_S says is no time. */
int rn_roll_tick_every(double *every_s, struct rn_err *);
/* The same about the process that this rank speaks for: from now on it should be heard, or need
 * not; it was. */
void rn_roll_expect_own(struct rn_roll *, bool);
void rn_roll_hear_own(struct rn_roll *, int64_t step);
/* From now on silence counts, or does not: a main process at other work may be busy for long. */
void rn_roll_watch_silence(struct rn_roll *, bool);

/* What has come, one word at a time; false: nothing for now. */
bool rn_roll_next(struct rn_roll *, struct rn_word *);
/* Fills fds (room for RN_ROLL_FDS) with what to poll. */
enum { RN_ROLL_FDS = RN_RANKS_MAX + 32 };
size_t rn_roll_fds(const struct rn_roll *, struct pollfd *fds);
double rn_roll_due_s(const struct rn_roll *); /* when to look again whatever poll says */

/* RN_EPEER from a word that ends the work: "rank 1 on ada is gone, last at step 1042". */
int rn_roll_lost(const struct rn_roll *, const struct rn_word *, struct rn_err *);
/* "rank 1 on ada", into buf, which is returned. */
const char *rn_roll_who(const struct rn_roll *, int rank, char buf[128]);

#endif
