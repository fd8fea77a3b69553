#include "vec.cuh"

struct adamw {
    struct rn_tensor w, g, m, v;
    const float *hyper, *coef; /* lr, beta1, beta2, eps, decay, 1 - beta1^t, 1 - beta2^t */
    int64_t n;
};

/* torch.optim.AdamW: decay first, eps outside the root. Gradients are multiplied by coef. */
static __global__ void adamw(struct adamw t)
{
    int64_t at = rn_vec_at();
    if (at >= t.n)
        return;
    float lr = t.hyper[0], new1 = 1.0f - t.hyper[1], beta2 = t.hyper[2], eps = t.hyper[3];
    float shrink = 1.0f - lr * t.hyper[4], step = lr / t.hyper[5], root = sqrtf(t.hyper[6]);
    float coef = t.coef ? *t.coef : 1.0f, w[RN_VEC], g[RN_VEC], m[RN_VEC], v[RN_VEC];
    rn_load(w, t.w, at, t.n);
    rn_load(g, t.g, at, t.n);
    rn_load(m, t.m, at, t.n);
    rn_load(v, t.v, at, t.n);
    for (int i = 0; i < RN_VEC; i++) {
        float gi = g[i] * coef;
        m[i] = m[i] + new1 * (gi - m[i]);
        v[i] = beta2 * v[i] + (1.0f - beta2) * gi * gi;
        w[i] = w[i] * shrink - step * (m[i] / (sqrtf(v[i]) / root + eps));
    }
    rn_store(t.w, at, t.n, w);
    rn_store(t.m, at, t.n, m);
    rn_store(t.v, at, t.n, v);
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    int64_t n = rn_elems(a->xs[0]);
    struct adamw t = {rn_x_of(a, 0),
                      rn_x_of(a, 1),
                      rn_x_of(a, 2),
                      rn_x_of(a, 3),
                      (const float *)a->x[4] + a->attrs.i[0],
                      (const float *)a->x[5],
                      n};
    RN_LAUNCH(adamw, rn_vec_blocks(n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

const struct rn_cuda_kernel rn_cuda_adamw = {fwd, NULL, NULL};
