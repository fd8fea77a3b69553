/* scaling.h - nanochat's rules of thumb: how long to train, in which batches, at which rates.
 *
 *     struct rn_horizon h = {.tokens_per_param = 20};          what YAML said; 0: not given
 *     int64_t batch = given ? given : rn_scaling_batch(&cfg);
 *     RN_TRY(rn_scaling_steps(&steps, &cfg, T, batch, &h, err));
 *     struct rn_scaling s = rn_scaling_for(&cfg, batch);       factors for the optimizer
 *
 *     2025    counts all parameters; one batch size, no further rules
 *     2026    counts matrices and head; scales from a depth-12 model of the same vocabulary */
#ifndef RN_SCALING_H
#define RN_SCALING_H

#include "model.h"

struct rn_horizon { /* first given wins, in this order; none: the architecture's tokens_per_param */
    int64_t steps;
    int64_t tokens;
    double flops;
    double tokens_per_param;
};

/* Tokens per optimizer step by the architecture's rule. */
int64_t rn_scaling_batch(const struct rn_model_cfg *);
/* At least one step. RN_ECONFIG where the horizon is shorter than one batch or absurdly long. */
int rn_scaling_steps(int64_t *steps, const struct rn_model_cfg *, int64_t T, int64_t batch_tokens,
                     const struct rn_horizon *, struct rn_err *);

struct rn_scaling {
    double lr;    /* times the learning rate of batch-scaled groups: sqrt(B / 2^19), or 1 */
    double decay; /* times the decay of the Muon groups: sqrt(B / 2^19) * D_ref / D, or 1 */
};
struct rn_scaling rn_scaling_for(const struct rn_model_cfg *, int64_t batch_tokens);

#endif
