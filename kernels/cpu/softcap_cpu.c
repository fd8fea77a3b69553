#include "cpu.h"
#include "vmath.h"

static void softcap_fwd(float *y, const float *x, int64_t n, float cap)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = cap * rn_tanhf(x[i] / cap);
}

static void fwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    float *y = a->y[0];
    const float *x = a->x[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        softcap_fwd(y + lo, x + lo, rn_chunk_end(c, n) - lo, a->attrs.f[0]);
    }
}

static void softcap_bwd(float *dx, const float *dy, const float *y, int64_t n, bool add, float cap)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float d = dy[i] * (1.0f - y[i] / cap * (y[i] / cap));
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
        softcap_bwd(dx + lo, dy + lo, y + lo, rn_chunk_end(c, n) - lo, a->acc & 1, a->attrs.f[0]);
    }
}

const struct rn_kernel RN_CPU(softcap) = {fwd, bwd, NULL};
