#include "sizing.h"

#include "optim.h"

int rn_sizing_of(struct rn_sizing *s, const struct rn_model_cfg *c, const struct rn_sizing_ask *ask,
                 struct rn_err *err)
{
    int64_t batch = ask->batch_tokens > 0 ? ask->batch_tokens : rn_scaling_batch(c);
    *s =
        (struct rn_sizing){.params = rn_model_param_count(c),
                           .scaling_params = rn_model_scaling_params(c),
                           .batch_tokens = batch,
                           .flops_per_token = rn_model_flops_per_token(c, c->sequence_len),
                           .checkpoint_bytes = rn_model_weight_bytes(c) + rn_optim_moment_bytes(c)};
    struct rn_footprint_of how = ask->how;
    how.model = c;
    if (ask->device)
        rn_footprint_apart(&s->memory, ask->device, ask->threads, &how, NULL);
    RN_TRY(rn_scaling_steps(&s->steps, c, c->sequence_len, batch, &ask->horizon, err));
    s->tokens = (double)s->steps * (double)batch;
    s->flops = s->tokens * s->flops_per_token;
    return RN_OK;
}
