#include "flat.h"

#include <math.h>

static void relu2(float *y, const float *x, const float *kept, int64_t n, float k, bool add)
{
    (void)kept, (void)k, (void)add;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] * x[i] : x[i] * 0.0f;
}

static void relu2_bwd(float *dx, const float *dy, const float *y, int64_t n, float k, bool add)
{
    (void)k;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float d = 2.0f * sqrtf(y[i]) * dy[i];
        dx[i] = add ? dx[i] + d : d;
    }
}

static void fwd(const struct rn_args *a)
{
    rn_flat_fwd(a, relu2);
}

static void bwd(const struct rn_args *a)
{
    rn_flat_bwd(a, relu2_bwd);
}

const struct rn_kernel RN_CPU(relu2) = {fwd, bwd, NULL};
