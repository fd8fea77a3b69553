#include "cpu.h"

static int32_t first_largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return (int32_t)best;
}

static void fwd(const struct rn_args *a)
{
    const float *x = a->x[0];
    int32_t *y = a->y[0];
    int64_t R = rn_rows(a->xs[0]), C = rn_cols(a->xs[0]);
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
    for (int64_t r = 0; r < R; r++)
        y[r] = first_largest(x + r * C, a->attrs.i[0]);
}

const struct rn_kernel RN_CPU(argmax) = {fwd, NULL, NULL};
