/* schedule.h - how learning rate, Muon momentum and decay move over a run.
 *
 *     struct rn_schedule s;
 *     rn_schedule_preset(&s, "nanochat-2026");       then override fields from YAML
 *     struct rn_schedule_at now = rn_schedule_at(&s, step, total);
 *
 * Pure functions of (step, total), steps counted from 0; nothing is remembered. */
#ifndef RN_SCHEDULE_H
#define RN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum rn_schedule_shape {
    RN_SCHEDULE_CONSTANT, /* warmup, then 1 */
    RN_SCHEDULE_COSINE,   /* warmup, then a half cosine from 1 to final_frac (build-nanogpt) */
    RN_SCHEDULE_LINEAR,   /* warmup, 1, then over the last `warmdown` of the steps to final_frac */
    RN_SCHEDULE_PROGRESS, /* the same in step/total, not rounded steps (nanochat's mid, sft) */
};

struct rn_schedule {
    const char *name; /* row of the presets */
    const char *doc;
    enum rn_schedule_shape shape;
    int64_t warmup;                      /* steps */
    double warmdown;                     /* fraction of all steps, LINEAR and PROGRESS */
    double final_frac;                   /* of the peak */
    double momentum_first, momentum_top; /* Muon: from first to top over momentum_steps */
    int64_t momentum_steps;
    double momentum_last; /* reached at the end of the warmdown; equal to top: stays */
    bool decay_cosine;    /* Muon's decay follows a half cosine to 0 */
    double decay;         /* factor on Muon's decay: 1, or 0 for fine-tuning */
};

/* NULL-ended, for RN_KEY_WORD; "auto" is no preset: the architecture's. */
extern const char *const rn_schedule_names[];
bool rn_schedule_preset(struct rn_schedule *, const char *name); /* false: no such name */

struct rn_schedule_at {
    double lr_mult;       /* times the learning rate of every group */
    double muon_momentum; /* absolute */
    double decay_mult;    /* times the decay of the Muon groups */
};
struct rn_schedule_at rn_schedule_at(const struct rn_schedule *, int64_t step, int64_t total);

/* True if no step's values depend on `total`: a longer horizon may continue a shorter run. */
bool rn_schedule_open_ended(const struct rn_schedule *);
/* How many leading steps have the same values under both totals: a run of `a` steps can be taken up
 * by one of `b` steps from any checkpoint at or before that step. */
int64_t rn_schedule_common(const struct rn_schedule *, int64_t a, int64_t b);

#endif
