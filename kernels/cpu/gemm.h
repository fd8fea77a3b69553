/* gemm.h - matrix products of the CPU, in fp32 and in bf16.
 *
 *     struct rn_product p = {.M = R, .N = N, .K = K,
 *                            .a = {x, K}, .b = {w, K, .turned = true}, .c = {y, N}};
 *     rn_product_run(&p, a->compute, a->scratch);
 *     rn_product_scratch_bytes(&p, a->compute, threads)       what scratch must hold
 *
 * C(M,N) = A(M,K) B(K,N), on all threads. Same bits for any number of them: C is cut into tiles by
 * shape alone and K is summed in one order. bf16: operands are rounded, products and sums are fp32.
 */
#ifndef RN_GEMM_H
#define RN_GEMM_H

#include "cpu.h"

struct rn_matrix { /* row-major */
    void *p;
    int64_t ld;  /* elements from one row to the next */
    bool turned; /* stored as its transpose */
    uint8_t type;
};

struct rn_product {
    int64_t M, N, K;
    struct rn_matrix a, b, c; /* c: not turned */
    const float *bias;        /* (N), added to every row; NULL: none */
    bool add; /* to what stands in c (without bias, c fp32); else c is overwritten */
    /* C is its own transpose, as A A^T is: in bf16 half of it is computed, the other half copied.
     * Alone: no bias, no add, c fp32. */
    bool symmetric;
};

/* fp32 products take fp32 matrices only. */
void RN_CPU(product_run)(const struct rn_product *, enum rn_dtype compute, void *scratch);
size_t RN_CPU(product_scratch_bytes)(const struct rn_product *, enum rn_dtype compute, int threads);
#define rn_product_run           RN_CPU(product_run)
#define rn_product_scratch_bytes RN_CPU(product_scratch_bytes)

#endif
