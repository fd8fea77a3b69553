/* operand.h - what goes into a matrix product, in the type that it is computed in.
 *
 *     void *at = a->scratch;
 *     p.a = rn_cuda_operand(c, a->compute, a->x[0], a->x_type[0], R * K, &at);
 *     p.a.ld = K;
 *
 * Values that are fp32 where products round to bf16 (weights, sums of gradients) are rounded into
 * scratch memory first: 6 bytes of traffic for each, little beside a product over many rows. */
#ifndef RN_OPERAND_H
#define RN_OPERAND_H

#include "matmul.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ld is left to the caller; *at moves behind what was taken. */
struct rn_cuda_matrix rn_cuda_operand(struct rn_cuda *, enum rn_dtype compute, const void *x,
                                      uint8_t type, int64_t n, void **at);
/* How far *at moves. */
size_t rn_cuda_operand_bytes(enum rn_dtype compute, uint8_t type, int64_t n);

/* n values of another type, enqueued. */
void rn_cuda_convert(struct rn_cuda *, void *to, uint8_t to_type, const void *from,
                     uint8_t from_type, int64_t n);

/* sums[c] = or += the sum over r of x(R,N)[r][c]; scratch of rn_cuda_column_sums_bytes. */
void rn_cuda_column_sums(struct rn_cuda *, float *sums, bool add, const void *x, uint8_t type,
                         int64_t R, int64_t N, float *scratch);
size_t rn_cuda_column_sums_bytes(int64_t R, int64_t N);

#ifdef __cplusplus
}
#endif

#endif
