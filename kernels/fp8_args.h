/* fp8_args.h - what kernels of quantize and linear_fp8 are called with, the same on every device.
 *
 *     struct rn_quantizing q = rn_quantizing_x(args);             of op quantize
 *     struct rn_quantizing q = rn_quantizing_dy(args, codes);     in the backward of linear_fp8
 *
 * For backends. Nothing is computed here; memory is the device's. */
#ifndef RN_FP8_ARGS_H
#define RN_FP8_ARGS_H

#include "backend.h"
#include "fp8.h"

/* Values to codes, as they lie and turned: a product wants its rows along what is summed over. */
struct rn_quantizing {
    const void *x; /* (R,K) */
    uint8_t x_type;
    int64_t R, K;
    uint8_t *codes, *turned; /* (R,K), (K,R) */
    float *row;              /* of amax: NOW, STEP and LIMIT are given */
    uint8_t code;            /* RN_E4M3, RN_E5M2 */
    float headroom;          /* 2^-margin */
    bool current;            /* scaled by x itself, not by the history */
};

static inline float *rn_amax_row(void *amax, struct rn_shape shape, int64_t row)
{
    return (float *)amax + row * rn_cols(shape);
}

/* What both ops say of how; `amax`: which operand that is. C++ wants every member. */
static inline struct rn_quantizing rn_quantizing_how(const struct rn_args *a, int amax)
{
    float *row = rn_amax_row(a->x[amax], a->xs[amax], a->attrs.i[RN_FP8_I_ROW]);
    uint8_t code = (uint8_t)a->attrs.i[RN_FP8_I_CODE];
    bool current = a->attrs.i[RN_FP8_I_CURRENT] != 0;
    struct rn_quantizing q = {NULL, 0, 0, 0, NULL, NULL, row, code, a->attrs.f[0], current};
    return q;
}

static inline struct rn_quantizing rn_quantizing_x(const struct rn_args *a)
{
    struct rn_quantizing q = rn_quantizing_how(a, 1);
    q.x = a->x[0];
    q.x_type = a->x_type[0];
    q.R = rn_rows(a->xs[0]);
    q.K = rn_cols(a->xs[0]);
    q.codes = (uint8_t *)a->y[0];
    q.turned = (uint8_t *)a->y[1];
    return q;
}

/* codes: 2 R N bytes, of dy as it lies, then turned. */
static inline struct rn_quantizing rn_quantizing_dy(const struct rn_args *a, uint8_t *codes)
{
    struct rn_quantizing q = rn_quantizing_how(a, RN_FP8_AMAX);
    q.x = a->dy[0];
    q.x_type = a->dy_type[0];
    q.R = rn_rows(a->ys[0]);
    q.K = rn_cols(a->ys[0]);
    q.codes = codes;
    q.turned = codes + q.R * q.K;
    return q;
}

#endif
