#include "cpu.h"
#include "vmath.h"

/* 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): exact for large -x. */
static inline float twice_u(float x)
{
    return 1.5957691216f * (x + 0.044715f * x * x * x);
}

static inline float gelu_slope(float x)
{
    float s = rn_sigmoidf(twice_u(x));
    return s + x * s * (1.0f - s) * 1.5957691216f * (1.0f + 3.0f * 0.044715f * x * x);
}

static void gelu_fwd(float *y, const float *x, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * rn_sigmoidf(twice_u(x[i]));
}

static void fwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    float *y = a->y[0];
    const float *x = a->x[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        gelu_fwd(y + lo, x + lo, rn_chunk_end(c, n) - lo);
    }
}

/* Two loops: with the choice inside, gcc 12 does not vectorise this one. */
static void gelu_bwd(float *dx, const float *dy, const float *x, int64_t n, bool add)
{
    if (add)
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            dx[i] += dy[i] * gelu_slope(x[i]);
    else
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] * gelu_slope(x[i]);
}

static void bwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    float *dx = a->dx[0];
    const float *dy = a->dy[0], *x = a->x[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK;
        gelu_bwd(dx + lo, dy + lo, x + lo, rn_chunk_end(c, n) - lo, a->acc & 1);
    }
}

const struct rn_kernel RN_CPU(gelu) = {fwd, bwd, NULL};
