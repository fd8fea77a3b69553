/* sizing.h - what training a model costs, from its config alone: nothing is built.
 *
 *     struct rn_sizing_ask ask = {.horizon = {.tokens_per_param = 20}};
 *     struct rn_sizing s;
 *     RN_TRY(rn_sizing_of(&s, &cfg, &ask, err));
 *     printf("%lld steps of %lld tokens\n", (long long)s.steps, (long long)s.batch_tokens);
 *
 * `plan` and `estimate` agree because both ask here. */
#ifndef RN_SIZING_H
#define RN_SIZING_H

#include "footprint.h"
#include "scaling.h"

enum { RN_SIZING_ROWS = 16 }; /* of a micro-step where nobody asks for another number */

struct rn_sizing_ask {
    struct rn_horizon horizon;
    int64_t batch_tokens; /* of an optimizer step; 0: by the architecture's rule */
    const char *device;   /* whose memory is measured, apart; NULL: none */
    int threads;
    struct rn_footprint_of how; /* but for the model */
};

struct rn_sizing {
    int64_t params, scaling_params; /* all of them; those the scaling rules count */
    int64_t batch_tokens, steps;
    double tokens, flops; /* of the whole training */
    double flops_per_token;
    struct rn_footprint memory; /* zero where the device cannot be asked */
    double checkpoint_bytes;    /* weights and moments */
};

/* RN_ECONFIG where the horizon is shorter than one batch or absurdly long; what does not depend on
 * it is filled even then. */
int rn_sizing_of(struct rn_sizing *, const struct rn_model_cfg *, const struct rn_sizing_ask *,
                 struct rn_err *);

#endif
