#include "scaling.h"

#include "arch.h"

#include <inttypes.h>
#include <math.h>

/* Reference of the 2026 rules: depth 12 of the same head size and vocabulary, trained with 2^19
 * tokens a step. Tokens per parameter cancel out of D / D_ref. */
static double depth12_params(const struct rn_model_cfg *cfg)
{
    struct rn_model_cfg ref;
    struct rn_model_shape_request request = {.depth = 12,
                                             .head_dim = cfg->head_dim,
                                             .sequence_len = cfg->sequence_len,
                                             .vocab_size = cfg->vocab_padded,
                                             .window_pattern = cfg->window_pattern};
    if (rn_model_cfg_fill(&ref, cfg->arch, &request, NULL) != RN_OK)
        return (double)rn_model_scaling_params(cfg);
    return (double)rn_model_scaling_params(&ref);
}

static double counted_params(const struct rn_model_cfg *cfg)
{
    bool total = rn_arch_of(cfg)->horizon_total;
    return (double)(total ? rn_model_param_count(cfg) : rn_model_scaling_params(cfg));
}

int64_t rn_scaling_batch(const struct rn_model_cfg *cfg)
{
    const struct rn_arch *arch = rn_arch_of(cfg);
    if (!arch->batch_scaling)
        return arch->batch_tokens;
    double longer = (double)rn_model_scaling_params(cfg) / depth12_params(cfg);
    return (int64_t)exp2(nearbyint(log2((double)arch->batch_tokens * pow(longer, 0.383))));
}

/* Tokens to train on; 2026 counts whole tokens before whole steps, as nanochat does. */
static double horizon_tokens(const struct rn_model_cfg *cfg, const struct rn_horizon *h)
{
    if (h->tokens > 0)
        return (double)h->tokens;
    double ratio =
        h->tokens_per_param > 0 ? h->tokens_per_param : rn_arch_of(cfg)->tokens_per_param;
    return floor(ratio * counted_params(cfg));
}

int rn_scaling_steps(int64_t *steps, const struct rn_model_cfg *cfg, int64_t T,
                     int64_t batch_tokens, const struct rn_horizon *h, struct rn_err *err)
{
    double n = (double)h->steps;
    if (h->steps <= 0 && h->flops > 0 && h->tokens <= 0)
        n = nearbyint(h->flops / (rn_model_flops_per_token(cfg, T) * (double)batch_tokens));
    else if (h->steps <= 0)
        n = floor(horizon_tokens(cfg, h) / (double)batch_tokens);
    if (!(n >= 1))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "the horizon is shorter than one batch of %" PRId64 " tokens", batch_tokens);
    if (!(n <= 1e12))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "a horizon of %g steps", n);
    *steps = (int64_t)n;
    return RN_OK;
}

struct rn_scaling rn_scaling_for(const struct rn_model_cfg *cfg, int64_t batch_tokens)
{
    const struct rn_arch *arch = rn_arch_of(cfg);
    if (!arch->batch_scaling)
        return (struct rn_scaling){.lr = 1, .decay = 1};
    double lr = sqrt((double)batch_tokens / (double)arch->batch_tokens);
    double shorter = depth12_params(cfg) / (double)rn_model_scaling_params(cfg);
    return (struct rn_scaling){.lr = lr, .decay = lr * shorter};
}
