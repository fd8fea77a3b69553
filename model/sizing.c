#include "sizing.h"

#include "optim.h"

/* What a micro-step keeps until its backward pass: logits and their gradient, and per layer about
 * 14 values a channel (489 MiB planned at depth 4, width 256, V 8192, 16 rows of 256). */
static double activation_bytes(const struct rn_model_cfg *c, int64_t rows)
{
    enum { LOGITS = 2, LAYER = 14 };
    double values = LOGITS * (double)c->vocab_padded + LAYER * (double)(c->n_layer * c->n_embd);
    return (double)(rows * c->sequence_len) * values * sizeof(float);
}

int rn_sizing_of(struct rn_sizing *s, const struct rn_model_cfg *c, const struct rn_sizing_ask *ask,
                 struct rn_err *err)
{
    int64_t batch = ask->batch_tokens > 0 ? ask->batch_tokens : rn_scaling_batch(c);
    double params = (double)rn_model_param_count(c), moments = (double)rn_optim_moments(c);
    *s = (struct rn_sizing){.params = rn_model_param_count(c),
                            .scaling_params = rn_model_scaling_params(c),
                            .batch_tokens = batch,
                            .flops_per_token = rn_model_flops_per_token(c, c->sequence_len),
                            .memory_bytes = (2 * params + moments) * sizeof(float) +
                                            activation_bytes(c, ask->rows),
                            .checkpoint_bytes = (params + moments) * sizeof(float)};
    RN_TRY(rn_scaling_steps(&s->steps, c, c->sequence_len, batch, &ask->horizon, err));
    s->tokens = (double)s->steps * (double)batch;
    s->flops = s->tokens * s->flops_per_token;
    return RN_OK;
}
