#include "bf16.h"
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

enum { W, G, M, V }; /* operands */

/* Elements [lo, hi), in blocks: each of w, m and v lies there as floats, or is kept in bf16. */
static void piece(const struct rn_args *a, const struct adamw *h, float coef, int64_t lo,
                  int64_t hi)
{
    static const int changed[] = {W, M, V};
    for (int64_t at = lo; at < hi; at += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, hi - at);
        float bufs[3][RN_BLOCK], *x[3];
        for (int i = 0; i < 3; i++)
            x[i] = (float *)rn_row_in(a->x[changed[i]], a->x_type[changed[i]], at, n, bufs[i]);
        adamw(x[0], (const float *)a->x[G] + at, x[1], x[2], coef, h, n);
        for (int i = 0; i < 3; i++)
            rn_row_done(a->x[changed[i]], a->x_type[changed[i]], at, n, x[i]);
    }
}

static void fwd(const struct rn_args *a)
{
    const float *hyper = (const float *)a->x[4] + a->attrs.i[0], *coef = a->x[5];
    struct adamw h = {hyper[0], hyper[1], hyper[2], hyper[3], hyper[4], hyper[5], hyper[6]};
    int64_t n = rn_elems(a->xs[0]);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++)
        piece(a, &h, coef ? *coef : 1.0f, c * RN_CHUNK, rn_chunk_end(c, n));
}

const struct rn_kernel RN_CPU(adamw) = {fwd, NULL, NULL};
