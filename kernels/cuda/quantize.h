/* quantize.h - values to codes of eight bits, and turned, in one look at them.
 *
 *     struct rn_quantizing q = rn_quantizing_x(args);
 *     rn_cuda_encode(c, &q);                      enqueued
 *
 * The library multiplies codes only where both operands lie along what is summed over: so each is
 * wanted as it is and turned. R and K are multiples of RN_FP8_MULTIPLE. */
#ifndef RN_QUANTIZE_H
#define RN_QUANTIZE_H

#include "cuda.h"
#include "fp8_args.h"

#ifdef __cplusplus
extern "C" {
#endif

void rn_cuda_encode(struct rn_cuda *, const struct rn_quantizing *);

/* n codes as bf16 numbers, enqueued. */
void rn_cuda_decode(struct rn_cuda *, uint16_t *to, const uint8_t *codes, uint8_t type,
                    const float *step, int64_t n);

#ifdef __cplusplus
}
#endif

#endif
