#include "flat.h"
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

static void gelu(float *y, const float *x, const float *kept, int64_t n, float k, bool add)
{
    (void)kept, (void)k, (void)add;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * rn_sigmoidf(twice_u(x[i]));
}

/* Two loops: with the choice inside, gcc 12 does not vectorise this one. */
static void gelu_bwd(float *dx, const float *dy, const float *x, int64_t n, float k, bool add)
{
    (void)k;
    if (add)
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            dx[i] += dy[i] * gelu_slope(x[i]);
    else
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] * gelu_slope(x[i]);
}

static void fwd(const struct rn_args *a)
{
    rn_flat_fwd(a, gelu);
}

static void bwd(const struct rn_args *a)
{
    rn_flat_bwd(a, gelu_bwd);
}

const struct rn_kernel RN_CPU(gelu) = {fwd, bwd, NULL};
