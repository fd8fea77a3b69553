/* muon_rows.h - between the products of Muon: momentum before them, norms on both
 * sides, the update behind them. */
#ifndef RN_MUON_ROWS_H
#define RN_MUON_ROWS_H

#include "cuda.h"
#include "op_batch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_muon_matrix { /* in device memory, as all below */
    float *w, *buf, *buf2;
    const float *g;
    const float *hyper; /* lr, momentum, decay, beta2 */
};

/* Matrices of one shape. What lies in scratch memory lies there for all of them, `stride` elements
 * (of a square: square_stride; of lengths: max(N,K)) from one to the next. */
struct rn_muon {
    struct rn_muon_matrix of[RN_MUON_BATCH];
    int n;
    const float *coef; /* NULL: 1 */
    int64_t N, K, stride, square_stride;
    bool is_2026;
    float *X32; /* (N,K): the update before the products */
    void *X;    /* (N,K) of `type`: what is multiplied, and the update behind the products */
    uint8_t type;
    float *squares; /* max(N,K): sums of squares of rows, or of columns */
    float *factor;  /* max(N,K): what rows, or columns, are multiplied by */
    float *part;    /* of rn_cuda_muon_part_floats(n, N, K), for all */
};

/* Momentum into buf and X32; X32 over its norm into X, in 2026 with rows of one length. */
void rn_cuda_muon_before(struct rn_cuda *, const struct rn_muon *);
/* w -= lr times what the products have made of it, in X32. */
void rn_cuda_muon_after(struct rn_cuda *, const struct rn_muon *);
/* to(s,s) of `type` = from + a I, of all matrices; to may be from. */
void rn_cuda_muon_round(struct rn_cuda *, const struct rn_muon *, void *to, const float *from,
                        int64_t s, float a);

int64_t rn_cuda_muon_part_floats(int n, int64_t N, int64_t K);

#ifdef __cplusplus
}
#endif

#endif
