#include "cpu.h"

#include <math.h>

struct adamw {
    float lr, beta1, beta2, eps, decay, fix1, fix2; /* fix: 1 - beta^t */
};

/* torch.optim.AdamW: decay first, eps outside the root. Gradients are multiplied by coef. */
static void adamw(float *w, const float *g, float *m, float *v, float coef, const struct adamw *h,
                  int64_t n)
{
    float shrink = 1.0f - h->lr * h->decay, step = h->lr / h->fix1, root = sqrtf(h->fix2);
    float new1 = 1.0f - h->beta1, new2 = 1.0f - h->beta2;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float gi = g[i] * coef;
        m[i] = m[i] + new1 * (gi - m[i]);
        v[i] = h->beta2 * v[i] + new2 * gi * gi;
        w[i] = w[i] * shrink - step * (m[i] / (sqrtf(v[i]) / root + h->eps));
    }
}

static void fwd(const struct rn_args *a)
{
    const float *hyper = (const float *)a->x[4] + a->attrs.i[0], *coef = a->x[5];
    struct adamw h = {hyper[0], hyper[1], hyper[2], hyper[3], hyper[4], hyper[5], hyper[6]};
    float *w = a->x[0], *m = a->x[2], *v = a->x[3];
    const float *g = a->x[1];
    int64_t n = rn_elems(a->xs[0]);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        adamw(w + lo, g + lo, m + lo, v + lo, coef ? *coef : 1.0f, &h, rn_chunk_end(c, n) - lo);
    }
}

const struct rn_kernel RN_CPU(adamw) = {fwd, NULL, NULL};
