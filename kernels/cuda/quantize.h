/* quantize.h - values to codes of eight bits, and turned, in one look at them.
 *
 *     struct rn_quantizing q = {x, x_type, R, K, codes, turned, row, RN_E4M3, headroom, current};
 *     rn_cuda_encode(c, &q);                      enqueued
 *
 * The library multiplies codes only where both operands lie along what is summed over: so each is
 * wanted as it is and turned. R and K are multiples of RN_FP8_MULTIPLE. */
#ifndef RN_QUANTIZE_H
#define RN_QUANTIZE_H

#include "cuda.h"
#include "fp8.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_quantizing { /* all in device memory */
    const void *x;     /* (R,K) */
    uint8_t x_type;
    int64_t R, K;
    uint8_t *codes, *turned; /* (R,K), (K,R) */
    float *row;              /* of amax: NOW, STEP and LIMIT are given */
    uint8_t code;            /* RN_E4M3, RN_E5M2 */
    float headroom;          /* 2^-margin */
    bool current;            /* scaled by x itself, not by the history */
};
void rn_cuda_encode(struct rn_cuda *, const struct rn_quantizing *);

/* n codes as bf16 numbers, enqueued. */
void rn_cuda_decode(struct rn_cuda *, uint16_t *to, const uint8_t *codes, uint8_t type,
                    const float *step, int64_t n);

/* A row of amax. */
static inline float *rn_amax_row(void *amax, struct rn_shape shape, int64_t row)
{
    return (float *)amax + row * rn_cols(shape);
}

#ifdef __cplusplus
}
#endif

#endif
