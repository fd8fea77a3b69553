#include "op_batch.h"
#include "runs.cuh"
#include "vec.cuh"

struct adamw_weight {
    void *w, *m, *v;
    const float *g;
    int64_t n;
    int at; /* of its slots in hyper */
    uint8_t w_type, m_type, v_type;
};

struct adamw { /* of a batch of weights */
    struct adamw_weight of[RN_ADAMW_BATCH];
    struct rn_runs runs;
    const float *hyper, *coef; /* lr, beta1, beta2, eps, decay, 1 - beta1^t, 1 - beta2^t */
};
static_assert(sizeof(struct adamw) <= 4096, "arguments of a kernel");

/* torch.optim.AdamW: decay first, eps outside the root. Gradients are multiplied by coef. */
static __global__ void adamw(const RN_GRID_CONSTANT struct adamw t)
{
    int run = rn_run_of(t.runs);
    const struct adamw_weight &of = t.of[run];
    int64_t at =
        ((int64_t)(blockIdx.x - t.runs.first[run]) * RN_BLOCK_THREADS + threadIdx.x) * RN_VEC;
    if (at >= of.n)
        return;
    const float *hyper = t.hyper + of.at;
    struct rn_tensor tw = {of.w, of.w_type}, tg = {(void *)of.g, RN_F32}, tm = {of.m, of.m_type},
                     tv = {of.v, of.v_type};
    float lr = hyper[0], new1 = 1.0f - hyper[1], beta2 = hyper[2], eps = hyper[3];
    float shrink = 1.0f - lr * hyper[4], step = lr / hyper[5], root = sqrtf(hyper[6]);
    float coef = t.coef ? *t.coef : 1.0f, w[RN_VEC], g[RN_VEC], m[RN_VEC], v[RN_VEC];
    rn_load(w, tw, at, of.n);
    rn_load(g, tg, at, of.n);
    rn_load(m, tm, at, of.n);
    rn_load(v, tv, at, of.n);
    for (int i = 0; i < RN_VEC; i++) {
        float gi = g[i] * coef;
        m[i] = m[i] + new1 * (gi - m[i]);
        v[i] = beta2 * v[i] + (1.0f - beta2) * gi * gi;
        w[i] = w[i] * shrink - step * (m[i] / (sqrtf(v[i]) / root + eps));
    }
    rn_store(tw, at, of.n, w);
    rn_store(tm, at, of.n, m);
    rn_store(tv, at, of.n, v);
}

static struct adamw_weight weight_of(const struct rn_args *a)
{
    return {a->x[0],
            a->x[2],
            a->x[3],
            (const float *)a->x[1],
            rn_elems(a->xs[0]),
            (int)a->attrs.i[0],
            a->x_type[0],
            a->x_type[2],
            a->x_type[3]};
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct adamw t = {};
    t.hyper = (const float *)a->x[4];
    t.coef = (const float *)a->x[5];
    for (int i = 0; i <= a->behind; i++) {
        RN_ASSERT(a[i].kind == a->kind && a[i].x[4] == a->x[4] && a[i].x[5] == a->x[5]);
        t.of[i] = weight_of(&a[i]);
        rn_runs_add(&t.runs, rn_vec_blocks(t.of[i].n));
    }
    if (a->behind >= 0) /* else done with one before */
        RN_LAUNCH(adamw, rn_runs_blocks(&t.runs), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

const struct rn_cuda_kernel rn_cuda_adamw = {fwd, NULL, NULL};
