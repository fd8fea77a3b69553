#include "flat.h"

/* Forward and backward: y = or += k x */
static void scale(float *y, const float *x, const float *kept, int64_t n, float k, bool add)
{
    (void)kept;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = add ? y[i] + k * x[i] : k * x[i];
}

static void fwd(const struct rn_args *a)
{
    rn_flat_fwd(a, scale);
}

static void bwd(const struct rn_args *a)
{
    rn_flat_bwd(a, scale);
}

const struct rn_kernel RN_CPU(scale) = {fwd, bwd, NULL};
