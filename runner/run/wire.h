/* wire.h - what a stage's process tells the runner, over a pipe.
 *
 *     struct rn_wire wire;                              in the stage's process
 *     rn_wire_init(&wire, fd);
 *     rn_wire_progress(&wire, 3, 10, "files", "a.bin");
 *     rn_wire_end(&wire, &end);
 *
 *     rn_inbox_read(&inbox, fd);                        in the runner, when the pipe has something
 *     while (rn_inbox_next(&inbox, &news))
 *         take(&news);
 *
 *     OFFSET  SIZE  WHAT
 *     0       4     bytes that follow the first eight
 *     4       4     enum rn_news_kind
 *     8       ..    numbers as eight bytes, texts as length (4 bytes), bytes, NUL
 *
 * Both ends are the same program on the same machine. Still the reader believes nothing: a stage
 * that went wrong may have written over its own memory first. A frame that does not parse makes the
 * inbox broken, for good. */
#ifndef RN_WIRE_H
#define RN_WIRE_H

#include "log.h"
#include "stage.h"

#include <pthread.h>

/* --- the stage's end; any thread --- */

struct rn_wire {
    int fd;
    pthread_mutex_t lock;
    double told_s; /* when progress went out last */
    double done;   /* what the last progress said */
    size_t n_held; /* bytes of frames that were not sent yet */
    char held[1 << 14];
};

/* How a stage ended, and what that took. */
struct rn_stage_end {
    int rc;
    struct rn_err err;
    char out[RN_HEX]; /* key of the outputs that it published, "" without */
    int64_t step;     /* of the last line of metrics, -1 without one */
    double stage_s;   /* the stage's own work */
    double sync_s;    /* fsync, outside of that */
};

void rn_wire_init(struct rn_wire *, int fd);
void rn_wire_log(struct rn_wire *, enum rn_level, const char *text);
/* Passed on at most 50 times a second. */
void rn_wire_progress(struct rn_wire *, double done, double total, const char *unit,
                      const char *text);
void rn_wire_numbers(struct rn_wire *, int64_t step, const struct rn_metric_value *, size_t n);
/* With `more`, it may go with the next. */
void rn_wire_arrival(struct rn_wire *, const struct rn_arrival *);
void rn_wire_file(struct rn_wire *, const struct rn_file_end *); /* likewise */
void rn_wire_end(struct rn_wire *, const struct rn_stage_end *);
/* This process lives, and is as far as it said last. */
void rn_wire_tick(struct rn_wire *);
/* A word for the trainers of all other ranks: they wait for it. */
void rn_wire_meet(struct rn_wire *, const char *word);

/* --- the runner's end; one thread --- */

enum rn_news_kind {
    RN_NEWS_LOG = 1,  /* level, text */
    RN_NEWS_PROGRESS, /* done, total, unit, text */
    RN_NEWS_NUMBERS,  /* step, values, n_values */
    RN_NEWS_ARRIVAL,  /* arrival */
    RN_NEWS_FILE,     /* file */
    RN_NEWS_END,      /* end */
    RN_NEWS_TICK,     /* done */
    RN_NEWS_MEET,     /* text */
};
enum { RN_NEWS_VALUES = 64 };

/* Texts are borrowed until the next call on the inbox. */
struct rn_news {
    enum rn_news_kind kind;
    enum rn_level level;
    const char *text, *unit;
    double done, total;
    int64_t step;
    struct rn_metric_value values[RN_NEWS_VALUES];
    size_t n_values;
    struct rn_arrival arrival;
    struct rn_file_end file;
    struct rn_stage_end end;
};

struct rn_inbox {
    char *bytes; /* owned */
    size_t n, used, cap;
    bool broken;
};

/* Takes what the pipe holds now. False: nothing more will come (end, error, or broken). */
bool rn_inbox_read(struct rn_inbox *, int fd);
/* The next whole message; false if there is none yet. */
bool rn_inbox_next(struct rn_inbox *, struct rn_news *);
void rn_inbox_release(struct rn_inbox *);

#endif
