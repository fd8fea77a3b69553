/* runner/running.h - a run while it runs: shared by engine.c, which does, and tell.c, which says.
 *
 * Nobody else includes this. */
#ifndef RN_RUNNING_H
#define RN_RUNNING_H

#include "engine.h"
#include "journal.h"
#include "lock.h"
#include "metrics.h"
#include "stagelog.h"

/* The whole run. */
struct rn_running {
    struct rn_plan plan;
    struct rn_ui *ui;
    struct rn_journal journal;
    struct rn_lock lock;
    size_t n_kept, n_made;
    double start_s;
};

/* One stage at work. */
struct rn_work {
    struct rn_running *run;
    size_t index;
    const struct rn_pstage *stage;
    struct rn_planned *node;
    char *dir, *attempt; /* <kind>-<progresskey16>.work, <kind>-<outkey16>.attempt; owned */
    struct rn_lock lock;
    struct rn_metrics metrics;
    struct rn_stagelog log;
    double start_s;
};

/* What a person sees (and, as events, a program): one call per transition. */
void rn_tell_kept(struct rn_running *, size_t stage);
void rn_tell_start(struct rn_running *, size_t stage);
void rn_tell_done(const struct rn_work *, double wall_s);
void rn_tell_end(struct rn_work *, int rc, const struct rn_err *); /* failed or stopped */
void rn_tell_how_to_continue(struct rn_running *);
void rn_tell_summary(struct rn_running *);
/* message: what went wrong, or NULL. */
void rn_tell_event(struct rn_running *, size_t stage, const char *state, double wall_s,
                   const char *message);

/* Steps a training took all in all, 0 if the stage does not train. */
int64_t rn_work_steps(const struct rn_work *);

#endif
