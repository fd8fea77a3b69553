#include "sdpa_graph.h"

#include <float.h>

struct sdpa { /* a graph in the making */
    struct rn_graph *g;
    const struct rn_sdpa_shape *s;
};

/* --- tensors --- */

static const cudnnDataType_t bf16 = CUDNN_DATA_BFLOAT16, fp32 = CUDNN_DATA_FLOAT;

/* (B,H,T,T), between ops. */
static rn_node scores(struct sdpa *x, cudnnDataType_t type)
{
    int64_t H = x->s->H, T = x->s->T;
    struct rn_graph_tensor t = {type, {x->s->B, H, T, T}, {H * T * T, T * T, T, 1}, 0, false};
    return rn_graph_tensor(x->g, &t);
}

/* (B,H,T,T), its last two sides turned. */
static rn_node turned_scores(struct sdpa *x)
{
    int64_t H = x->s->H, T = x->s->T;
    struct rn_graph_tensor t = {bf16, {x->s->B, H, T, T}, {H * T * T, T * T, 1, T}, 0, false};
    return rn_graph_tensor(x->g, &t);
}

/* (B,H,T,1), a number for each row. */
static rn_node rows(struct sdpa *x, int64_t id)
{
    int64_t H = x->s->H, T = x->s->T;
    struct rn_graph_tensor t = {fp32, {x->s->B, H, T, 1}, {H * T, T, 1, 1}, id, false};
    return rn_graph_tensor(x->g, &t);
}

/* (B,heads,T,D), stored (B,T,heads,D); turned: (B,heads,D,T). */
static rn_node heads(struct sdpa *x, cudnnDataType_t type, int64_t n, int64_t id, bool turned)
{
    int64_t T = x->s->T, D = x->s->D;
    struct rn_graph_tensor plain = {type, {x->s->B, n, T, D}, {T * n * D, D, n * D, 1}, id, false};
    struct rn_graph_tensor other = {type, {x->s->B, n, D, T}, {T * n * D, D, 1, n * D}, id, false};
    return rn_graph_tensor(x->g, turned ? &other : &plain);
}

/* (B,H,T,D), head after head. */
static rn_node packed(struct sdpa *x, cudnnDataType_t type, int64_t id)
{
    int64_t H = x->s->H, T = x->s->T, D = x->s->D;
    struct rn_graph_tensor t = {type, {x->s->B, H, T, D}, {H * T * D, T * D, D, 1}, id, false};
    return rn_graph_tensor(x->g, &t);
}

static rn_node number(struct sdpa *x, enum rn_sdpa_id id)
{
    struct rn_graph_tensor t = {fp32, {1, 1, 1, 1}, {1, 1, 1, 1}, id, true};
    return rn_graph_tensor(x->g, &t);
}

/* --- parts that both directions have --- */

static rn_node pointwise(struct sdpa *x, cudnnPointwiseMode_t mode, rn_node a, rn_node b)
{
    return rn_graph_pointwise(x->g, mode, a, b, NULL, scores(x, fp32), -1);
}

static rn_node index_along(struct sdpa *x, rn_node s, int64_t axis)
{
    return rn_graph_pointwise(x->g, CUDNN_POINTWISE_GEN_INDEX, s, NULL, NULL,
                              scores(x, CUDNN_DATA_INT32), axis);
}

static rn_node where(struct sdpa *x, rn_node s, enum rn_sdpa_id otherwise, rn_node mask)
{
    return rn_graph_pointwise(x->g, CUDNN_POINTWISE_BINARY_SELECT, s, number(x, otherwise), mask,
                              scores(x, fp32), -1);
}

/* Causal: row >= column. Window: column + left > row, where left is window + 1. */
static rn_node masked(struct sdpa *x, rn_node s)
{
    rn_node row = index_along(x, s, 2), column = index_along(x, s, 3);
    rn_node seen = rn_graph_pointwise(x->g, CUDNN_POINTWISE_CMP_GE, row, column, NULL,
                                      scores(x, CUDNN_DATA_BOOLEAN), -1);
    s = where(x, s, RN_SDPA_LOWEST, seen);
    if (x->s->window < 0)
        return s;
    row = index_along(x, s, 2), column = index_along(x, s, 3);
    rn_node end = rn_graph_pointwise(x->g, CUDNN_POINTWISE_ADD, column, number(x, RN_SDPA_LEFT),
                                     NULL, scores(x, fp32), 3);
    seen = rn_graph_pointwise(x->g, CUDNN_POINTWISE_CMP_GT, end, row, NULL,
                              scores(x, CUDNN_DATA_BOOLEAN), -1);
    return where(x, s, RN_SDPA_LOWEST_2, seen);
}

/* --- forward --- */

void rn_sdpa_forward(struct rn_graph *g, const struct rn_sdpa_shape *shape)
{
    struct sdpa *x = &(struct sdpa){g, shape};
    rn_node q = heads(x, bf16, shape->H, RN_SDPA_Q, false);
    rn_node kt = heads(x, bf16, shape->K, RN_SDPA_K, true);
    rn_node v = heads(x, bf16, shape->K, RN_SDPA_V, false);
    rn_node s = rn_graph_matmul(g, q, kt, scores(x, fp32));
    s = masked(x, pointwise(x, CUDNN_POINTWISE_MUL, s, number(x, RN_SDPA_SCALE)));
    rn_node most = rn_graph_reduce(g, CUDNN_REDUCE_TENSOR_MAX, s, rows(x, 0));
    rn_node e = pointwise(x, CUDNN_POINTWISE_EXP, pointwise(x, CUDNN_POINTWISE_SUB, s, most), NULL);
    rn_node sum = rn_graph_reduce(g, CUDNN_REDUCE_TENSOR_ADD, e, rows(x, 0));
    rn_node log = rn_graph_pointwise(g, CUDNN_POINTWISE_LOG, sum, NULL, NULL, rows(x, 0), -1);
    rn_graph_pointwise(g, CUDNN_POINTWISE_ADD, most, log, NULL, rows(x, RN_SDPA_STATS), -1);
    rn_node p = rn_graph_pointwise(g, CUDNN_POINTWISE_DIV, e, sum, NULL, scores(x, bf16), -1);
    rn_graph_matmul(g, p, v, heads(x, bf16, shape->H, RN_SDPA_O, false));
}

/* --- backward --- */

/* (B,H,T,1): the sum over D of dO times O. */
static rn_node row_sums(struct sdpa *x, rn_node dO)
{
    rn_node o = heads(x, bf16, x->s->H, RN_SDPA_O, false);
    rn_node both = heads(x, fp32, x->s->H, 0, false);
    rn_graph_pointwise(x->g, CUDNN_POINTWISE_MUL, dO, o, NULL, both, -1);
    rn_node sum = rn_graph_reduce(x->g, CUDNN_REDUCE_TENSOR_ADD, both, rows(x, 0));
    return rn_graph_pointwise(x->g, CUDNN_POINTWISE_MUL, sum, number(x, RN_SDPA_ONE), NULL,
                              rows(x, RN_SDPA_SUM), -1);
}

/* The heads that share keys and values add up. */
static void give_shared(struct sdpa *x, rn_node turned, rn_node other, enum rn_sdpa_id id)
{
    rn_node out = heads(x, bf16, x->s->K, id, false);
    if (x->s->H == x->s->K) {
        rn_graph_matmul(x->g, turned, other, out);
        return;
    }
    rn_node each = rn_graph_matmul(x->g, turned, other, packed(x, bf16, 0));
    rn_graph_reduce(x->g, CUDNN_REDUCE_TENSOR_ADD, each, out);
}

/* K as (B,K,T,D), from the turned one that the scores are made of. */
static rn_node keys_of(struct sdpa *x, rn_node kt)
{
    int64_t T = x->s->T, K = x->s->K, D = x->s->D;
    struct rn_graph_tensor t = {bf16, {x->s->B, K, T, D}, {T * K * D, D, K * D, 1}, 0, false};
    return rn_graph_reshape(x->g, kt, rn_graph_tensor(x->g, &t));
}

static void give_dq(struct sdpa *x, rn_node ds, rn_node k)
{
    rn_node dq = heads(x, bf16, x->s->H, RN_SDPA_DQ, false);
    if (x->s->deterministic) {
        rn_graph_matmul(x->g, ds, k, dq);
        return;
    }
    rn_node sum = rn_graph_matmul(x->g, ds, k, packed(x, fp32, RN_SDPA_DQ_SUM));
    rn_graph_pointwise(x->g, CUDNN_POINTWISE_IDENTITY, sum, NULL, NULL, dq, -1);
}

void rn_sdpa_backward(struct rn_graph *g, const struct rn_sdpa_shape *shape)
{
    struct sdpa *x = &(struct sdpa){g, shape};
    rn_node q = heads(x, bf16, shape->H, RN_SDPA_Q, false);
    rn_node kt = heads(x, bf16, shape->K, RN_SDPA_K, true);
    rn_node vt = heads(x, bf16, shape->K, RN_SDPA_V, true);
    rn_node dO = heads(x, bf16, shape->H, RN_SDPA_DO, false);
    rn_node scale = number(x, RN_SDPA_SCALE), stats = rows(x, RN_SDPA_STATS);
    rn_node sum = row_sums(x, dO);
    rn_node s = rn_graph_matmul(g, q, kt, scores(x, fp32));
    s = pointwise(x, CUDNN_POINTWISE_MUL, s, scale);
    s = masked(x, pointwise(x, CUDNN_POINTWISE_SUB, s, stats));
    rn_node p = pointwise(x, CUDNN_POINTWISE_EXP, s, NULL);
    give_shared(x, rn_graph_reshape(g, p, turned_scores(x)), dO, RN_SDPA_DV);
    rn_node dp = rn_graph_matmul(g, dO, vt, scores(x, fp32));
    dp = pointwise(x, CUDNN_POINTWISE_SUB, dp, sum);
    dp = pointwise(x, CUDNN_POINTWISE_MUL, dp, p);
    rn_node ds = rn_graph_pointwise(g, CUDNN_POINTWISE_MUL, dp, scale, NULL, scores(x, bf16), -1);
    give_shared(x, rn_graph_reshape(g, ds, turned_scores(x)), q, RN_SDPA_DK);
    give_dq(x, ds, keys_of(x, kt));
}

void rn_sdpa_numbers(const struct rn_sdpa_shape *s, float numbers[RN_SDPA_NUMBERS])
{
    numbers[RN_SDPA_SCALE - RN_SDPA_SCALE] = s->scale;
    numbers[RN_SDPA_LOWEST - RN_SDPA_SCALE] = -FLT_MAX;
    numbers[RN_SDPA_LOWEST_2 - RN_SDPA_SCALE] = -FLT_MAX;
    numbers[RN_SDPA_LEFT - RN_SDPA_SCALE] = (float)(s->window + 1);
    numbers[RN_SDPA_ONE - RN_SDPA_SCALE] = 1;
}
