/* watch.h - `watch:`, what a stage must keep doing while it works.
 *
 *     watch:
 *       no_step: 10 min                      neither numbers nor progress for so long
 *       nan: true                            a number that is none, seen or reported by the stage
 *       spike: {factor: 3, window: 50}       loss above 3 times the median of its last 50 values
 *       floor: {min: 2000, for: 5 min}       tok_per_sec below 2000 for so long
 *       max: 3                               continue from the last checkpoint so often, then fail;
 *                                            at once when it derails twice at the same step
 *       grace: 30 s                          from SIGTERM to SIGKILL
 *
 *     struct rn_watching w;
 *     rn_watching_start(&w, &stage->watch, now_s);
 *     rn_watching_hear(&w, &news, now_s);
 *     if (rn_watching_look(&w, now_s) != RN_QUIET) ...            w.why says what
 *     sleep until rn_watching_due_s(&w);
 *
 * This file only judges; attempt.c stops the stage and scheduler.c starts it again. */
#ifndef RN_WATCH_H
#define RN_WATCH_H

#include "pipeline.h"
#include "ring.h"
#include "wire.h"

enum rn_alarm {
    RN_QUIET,
    RN_HANGS,   /* no_step, floor: asked to stop, it may save and end well */
    RN_DERAILS, /* nan, spike: what it would save now is spoilt; it is killed */
};

struct rn_watching {
    const struct rn_watch *rules;
    enum rn_alarm alarm;   /* the first; it stays */
    char why[192];         /* "no step for 10 min" */
    int64_t step;          /* of the newest numbers before the alarm, or with it; -1: none */
    double sign_s;         /* of life, the last one */
    double done;           /* newest progress */
    double slow_since_s;   /* -1: not below the floor */
    struct rn_ring window; /* the spike metric's last values */
};

void rn_watching_start(struct rn_watching *, const struct rn_watch *, double now_s);
void rn_watching_hear(struct rn_watching *, const struct rn_news *, double now_s);
enum rn_alarm rn_watching_look(struct rn_watching *, double now_s);
double rn_watching_due_s(const struct rn_watching *); /* when to look again; INFINITY: no need */
void rn_watching_stop(struct rn_watching *);

/* 11 or 12, as an error code. */
enum rn_code rn_alarm_code(enum rn_alarm);

#endif
