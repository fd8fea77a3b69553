#include "loader_tokens.h"

#include <string.h>

int rn_loader_base_init(struct rn_loader_base *base, struct rn_tokens *tokens, int64_t B, int64_t T,
                        struct rn_err *err)
{
    RN_ASSERT(B >= 1 && T >= 1 && B < INT32_MAX / (T + 1));
    *base = (struct rn_loader_base){.tokens = tokens, .B = B, .T = T};
    if (rn_tokens_count(tokens) == 0)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "there are no tokens to train on");
    return RN_OK;
}

json_t *rn_loader_base_state(const struct rn_loader_base *base)
{
    return json_pack("{s:s, s:I, s:I}", "data", rn_tokens_digest(base->tokens), "B",
                     (json_int_t)base->B, "T", (json_int_t)base->T);
}

int rn_loader_base_match(const struct rn_loader_base *base, const json_t *state, struct rn_err *err)
{
    const char *data = rn_json_str(state, "data", "");
    int64_t B = rn_json_int(state, "B", -1), T = rn_json_int(state, "T", -1);
    if (strcmp(data, rn_tokens_digest(base->tokens)))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "loader state belongs to other data: %.64s, these tokens are %s", data,
                       rn_tokens_digest(base->tokens));
    if (B != base->B || T != base->T)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "loader state is of batches %lld x %lld, these are %lld x %lld",
                       (long long)B, (long long)T, (long long)base->B, (long long)base->T);
    return RN_OK;
}

void rn_loader_base_shift(const struct rn_loader_base *base, const int32_t *ids, int64_t stride,
                          int32_t *x, int32_t *y)
{
    size_t row_bytes = (size_t)base->T * sizeof *ids;
    for (int64_t b = 0; b < base->B; b++) {
        memcpy(x + b * base->T, ids + b * stride, row_bytes);
        memcpy(y + b * base->T, ids + b * stride + 1, row_bytes);
    }
}
