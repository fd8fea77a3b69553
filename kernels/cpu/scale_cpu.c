#include "cpu.h"

static void scale_fwd(float *y, const float *x, int64_t n, float k)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = k * x[i];
}

static void fwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    float *y = a->y[0];
    const float *x = a->x[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        scale_fwd(y + lo, x + lo, rn_chunk_end(c, n) - lo, a->attrs.f[0]);
    }
}

static void scale_bwd(float *dx, const float *dy, int64_t n, bool add, float k)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float d = k * dy[i];
        dx[i] = add ? dx[i] + d : d;
    }
}

static void bwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    float *dx = a->dx[0];
    const float *dy = a->dy[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        scale_bwd(dx + lo, dy + lo, rn_chunk_end(c, n) - lo, a->acc & 1, a->attrs.f[0]);
    }
}

const struct rn_kernel RN_CPU(scale) = {fwd, bwd, NULL};
