/* matmul.h - matrix products of the GPU, by cuBLASLt.
 *
 *     struct rn_cuda_product p = RN_CUDA_PRODUCT(M, N, K);
 *     p.a = (struct rn_cuda_matrix){x, K, .type = RN_BF16};
 *     p.b = (struct rn_cuda_matrix){w, K, .turned = true, .type = RN_BF16};
 *     p.d = (struct rn_cuda_matrix){y, N, .type = RN_F32};
 *     rn_cuda_matmul(c, &p);                                         enqueued
 *
 * D(M,N) = alpha A(M,K) B(K,N) + beta C(M,N) + bias(N). Sums are fp32. Of codes, a is not turned,
 * b is, not both are e5m2, and all sizes are multiples of 16: what the library's kernels take. How
 * a product of these sizes and types is best computed is found out when it is first met: the
 * library's candidates are timed, and the fastest is kept, in a file first (matmul_choices.h), for
 * all runs on the same card, driver and library. None of the candidates adds in an order that
 * changes from run to run. */
#ifndef RN_MATMUL_H
#define RN_MATMUL_H

#include "cuda.h"

struct rn_cuda_matrix { /* row-major */
    void *p;
    int64_t ld;        /* elements from one row to the next */
    bool turned;       /* a, b: stored as its transpose */
    uint8_t type;      /* RN_F32 or RN_BF16; a and b have the same, or are codes (fp8.h) */
    int64_t stride;    /* elements from one matrix of the batch to the next */
    const float *step; /* of codes, in device memory: what they are multiplied by */
};

struct rn_cuda_product {
    int64_t M, N, K, batch;
    struct rn_cuda_matrix a, b, d;
    const void *c;    /* laid out as d, may be d; read only if beta is not 0 */
    const void *bias; /* of d's type, with codes bf16; NULL: none */
    float alpha, beta;
    bool fast; /* of codes: sums may be rounded to fewer digits on their way */
};
#define RN_CUDA_PRODUCT(m, n, k)                                                                   \
    {                                                                                              \
        .M = (m), .N = (n), .K = (k), .batch = 1, .alpha = 1                                       \
    }

void rn_cuda_matmul(struct rn_cuda *, const struct rn_cuda_product *);

/* --- for the backend --- */

struct rn_matmuls; /* the library's handle, its workspace, and a plan for each product met so far */
/* Fails by rn_cuda_ok or rn_cuda_failed; NULL then. */
struct rn_matmuls *rn_matmuls_new(struct rn_cuda *);
void rn_matmuls_free(struct rn_matmuls *); /* takes NULL */

#endif
