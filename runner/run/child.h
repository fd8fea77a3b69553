/* child.h - a process of its own for a stage.
 *
 *     struct rn_child child;
 *     RN_TRY(rn_child_start(&child, body, ctx, log_fd, err));
 *     poll() on child.fd and rn_signals_fd()
 *     while (rn_child_hears(&child, &news)) ...
 *     if (rn_child_ended(&child, &status)) ...          reaped, its descendants too
 *
 * Forked without exec, so that it has the parsed pipeline and shares the runner's locks: what a
 * stage holds stays held until the stage is gone, even when the runner died first. The runner must
 * have one thread. The child leads a process group; it gets SIGKILL when the runner dies; its
 * standard input is empty and what it or a library prints goes into the stage's log. */
#ifndef RN_CHILD_H
#define RN_CHILD_H

#include "wire.h"

#include <sys/types.h>

struct rn_child {
    pid_t pid; /* 0: not running */
    int fd;    /* reads; -1 when nothing will come any more */
    struct rn_inbox inbox;
};

/* Runs body in the child, which ends when it returns. body must end with rn_wire_end. */
int rn_child_start(struct rn_child *, void (*body)(void *ctx, struct rn_wire *), void *ctx,
                   int log_fd, struct rn_err *);
/* Takes what came and gives the next message; false: none for now. */
bool rn_child_hears(struct rn_child *, struct rn_news *);
/* Hears it until it has said its last word. False: it had not after so long. */
bool rn_child_hear_out(struct rn_child *, double patience_s,
                       void (*hear)(void *ctx, const struct rn_news *), void *ctx);
/* True once, when the process is gone: then its whole group is, and *status is waitpid's. What it
 * said last may still have to be heard. */
bool rn_child_ended(struct rn_child *, int *status);
void rn_child_ask(const struct rn_child *);  /* SIGTERM to the stage: finish the step, save, end */
void rn_child_kill(const struct rn_child *); /* SIGKILL to its whole group */
void rn_child_release(struct rn_child *);    /* kills what still runs and waits for it */
/* The same, for a second at most: one that a driver holds in the kernel cannot even be killed. */
void rn_child_leave(struct rn_child *);
/* In a child that is no stage: closes every descriptor but 0, 1, 2 and these, so that it holds no
 * lock of the runner's. */
void rn_child_keep_only(const int *fds, size_t n);

/* A status without a last word: "was ended by SIGSEGV", "ended with status 3 and no word". */
const char *rn_child_fate(int status, char buf[64]);
/* "SIGSEGV", or NULL if no signal ended it. */
const char *rn_child_signal_name(int status);

#endif
