/* sdpa_graph.h - attention in cuDNN's words: the graphs that its fused engines know.
 *
 *     struct rn_graph g = {.api = api};
 *     rn_sdpa_forward(&g, &shape);        or rn_sdpa_backward
 *     rn_graph_plan(&g, ..)
 *     rn_sdpa_numbers(&shape, numbers)    what stands behind the RN_SDPA_NUMBER.. tensors
 *
 * The engines are found by the pattern of the graph: the order of its ops matters. */
#ifndef RN_SDPA_GRAPH_H
#define RN_SDPA_GRAPH_H

#include "cudnn_graph.h"

struct rn_sdpa_shape { /* q(B,T,H,D), k and v (B,T,K,D), all bf16, row after row */
    int64_t B, T, H, K, D;
    int64_t window; /* key j is seen from i if 0 <= i - j <= window; below 0: all before */
    float scale;
    bool deterministic; /* backward */
};

/* Tensors by the ids that a plan is given their addresses under. */
enum rn_sdpa_id {
    RN_SDPA_Q = 1,
    RN_SDPA_K,
    RN_SDPA_V,
    RN_SDPA_O,
    RN_SDPA_STATS, /* (B,H,T) fp32: log-sums */
    RN_SDPA_DO,
    RN_SDPA_DQ,
    RN_SDPA_DK,
    RN_SDPA_DV,
    RN_SDPA_SUM,    /* (B,H,T) fp32, of backward */
    RN_SDPA_DQ_SUM, /* (B,H,T,D) fp32, zero before; not of deterministic backward */
    RN_SDPA_SCALE,  /* and following: numbers of the host */
    RN_SDPA_LOWEST,
    RN_SDPA_LOWEST_2,
    RN_SDPA_LEFT,
    RN_SDPA_ONE,
    RN_SDPA_END
};
enum { RN_SDPA_NUMBERS = RN_SDPA_END - RN_SDPA_SCALE };

void rn_sdpa_forward(struct rn_graph *, const struct rn_sdpa_shape *);
void rn_sdpa_backward(struct rn_graph *, const struct rn_sdpa_shape *);
/* By id - RN_SDPA_SCALE. */
void rn_sdpa_numbers(const struct rn_sdpa_shape *, float numbers[RN_SDPA_NUMBERS]);

#endif
