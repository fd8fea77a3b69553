#include "cpu.h"

#include <math.h>

static void relu2_fwd(float *y, const float *x, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] * x[i] : x[i] * 0.0f;
}

static void fwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    float *y = a->y[0];
    const float *x = a->x[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        relu2_fwd(y + lo, x + lo, rn_chunk_end(c, n) - lo);
    }
}

static void relu2_bwd(float *dx, const float *dy, const float *y, int64_t n, bool add)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float d = 2.0f * sqrtf(y[i]) * dy[i];
        dx[i] = add ? dx[i] + d : d;
    }
}

static void bwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    float *dx = a->dx[0];
    const float *dy = a->dy[0], *y = a->y[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        relu2_bwd(dx + lo, dy + lo, y + lo, rn_chunk_end(c, n) - lo, a->acc & 1);
    }
}

const struct rn_kernel RN_CPU(relu2) = {fwd, bwd, NULL};
