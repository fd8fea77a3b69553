/* training_health.h - `health:`, whether a step may become part of the weights.
 *
 *     health:
 *       nonfinite: stop                            a loss or gradient norm that is no number
 *       spike: {z: 6, window: 128, do: skip}       so many standard deviations above the last 128
 *       margin: 20 steps                           rollback: batches before it are left out, too
 *       max: 10                                    bad steps in a run; one more ends it
 *
 *     struct rn_health h;
 *     rn_health_init(&h, &cfg->health);
 *     struct rn_health_said s = rn_health_judge(&h, loss, norm);
 *     if (s.verdict == RN_STEP_SOUND) ...            only now the optimizer may have it
 *     rn_health_release(&h);
 *
 * A step is judged before the optimizer sees it, so nothing that is not finite gets into weights or
 * moments. To skip is to forget the gradients. To roll back is to go on from a checkpoint before
 * the bad step, without its batch and those of the margin. The rules are neutral, so that they can
 * be given to a training that has come to grief; what they left out stands in its metrics. */
#ifndef RN_TRAINING_HEALTH_H
#define RN_TRAINING_HEALTH_H

#include "ring.h"
#include "schema.h"

/* In the order of the words: tell, skip, rollback, stop. */
enum rn_verdict { RN_STEP_SOUND, RN_STEP_SKIP, RN_STEP_ROLL_BACK, RN_STEP_STOP };

struct rn_health_rules {
    int nonfinite;  /* a verdict - 1: to tell is not enough */
    int spike;      /* a verdict */
    double spike_z; /* 0: spikes are not looked for */
    int64_t window, margin, max;
};
extern const struct rn_key rn_health_keys[]; /* rows of a struct rn_training_cfg */

struct rn_health_said {
    enum rn_verdict verdict;
    double loss_z, norm_z; /* NAN: not known */
    char why[160];         /* "": nothing to tell */
};

struct rn_health_span { /* steps from first to last */
    int64_t first, last;
};
struct rn_health {
    struct rn_health_rules rules;
    struct rn_ring loss, norm; /* `window` sound values */
    int64_t n_bad;
    struct rn_health_span *left_out; /* by roll-backs; owned */
    size_t n_left_out, cap_left_out;
};

void rn_health_init(struct rn_health *, const struct rn_health_rules *);
void rn_health_release(struct rn_health *);

/* Counts bad steps, remembers the values of sound ones. */
struct rn_health_said rn_health_judge(struct rn_health *, double loss, double norm);
/* Leaves out the bad step and its margin from now on; the first step that is left out. */
int64_t rn_health_leave_out(struct rn_health *, int64_t bad_step);
/* True for a step that is left out: its batch is loaded, for the order, and not trained on. */
bool rn_health_leaves_out(const struct rn_health *, int64_t step);

/* For checkpoints: a resumed run judges as the unbroken one. What was left out and counted so far
 * stays when the window of an earlier step is restored. */
json_t *rn_health_state(const struct rn_health *); /* new */
void rn_health_restore(struct rn_health *, const json_t *);

#endif
