/* gauge.h - a page that the processes of a run share: what the sampler sees of the
 * machine, and what the machine is working on.
 *
 *     struct rn_gauge *g = rn_gauge_new();          before the processes are forked
 *     rn_gauge_put(g, &reading);                    the sampler, after each sample
 *     if (rn_gauge_get(g, &reading)) ...            anybody
 *     rn_gauge_mark(g, stage, step);                the runner, as its stages tell it
 *     rn_gauge_free(g);
 *
 * Nobody waits for anybody: a writer that dies in the middle of writing leaves a page of which
 * nothing is read any more. */
#ifndef RN_GAUGE_H
#define RN_GAUGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_reading {
    double time_s;     /* clock, of the sample */
    double gpu_w;      /* all cards together; NaN: not known, as below */
    double gpu_j;      /* used since sampling began, by the cards' counters */
    double by_power_j; /* the same by power alone: right within a second, too */
    double cpu_j;      /* by the processors */
    double hottest_c;  /* the card that is nearest to its limit */
    double slowdown_c; /* that limit */
    double throttled;  /* 1: some card, hard (nvml.h) */
    double lost;       /* cards */
};

struct rn_gauge;
struct rn_gauge *rn_gauge_new(void);   /* never NULL; anonymous shared memory */
void rn_gauge_free(struct rn_gauge *); /* takes NULL */
void rn_gauge_put(struct rn_gauge *, const struct rn_reading *); /* one process alone */
bool rn_gauge_get(const struct rn_gauge *, struct rn_reading *); /* false: nothing yet */
/* step -1: none yet. */
void rn_gauge_mark(struct rn_gauge *, size_t stage, int64_t step);
bool rn_gauge_marked(const struct rn_gauge *, size_t *stage, int64_t *step); /* false: never */

#endif
