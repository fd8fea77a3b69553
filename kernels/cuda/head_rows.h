/* head_rows.h - between the products of head_loss: rows of logits into losses and
 * gradients. */
#ifndef RN_HEAD_ROWS_H
#define RN_HEAD_ROWS_H

#include "cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rn_head_rows {    /* all in device memory */
    const float *logits; /* (n,V) */
    void *slope;         /* (n,V) of slope_type, may be logits; NULL: no gradient is wanted */
    uint8_t slope_type;
    const int32_t *targets;     /* (n); below 0: neither loss nor gradient */
    float *losses;              /* (n); NULL: not wanted */
    int32_t *argmax;            /* (n), the first of the largest; NULL: not wanted */
    const float *scale, *dloss; /* the gradient of a loss is their product; dloss NULL: 0 */
    int64_t n, V;
    float cap; /* logits are cap tanh(logits / cap); 0: as they are */
};

void rn_cuda_head_rows(struct rn_cuda *, const struct rn_head_rows *);
/* *to = *scale * the sum of n losses. */
void rn_cuda_head_sum(struct rn_cuda *, float *to, const float *losses, int64_t n,
                      const float *scale);

#ifdef __cplusplus
}
#endif

#endif
