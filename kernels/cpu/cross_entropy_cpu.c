#include "cpu.h"
#include "vmath.h"

#include <string.h>

/* -log softmax(x[0..V))[target]; *lse the log of the sum of exponentials. */
static float row_loss(const float *x, int32_t target, int64_t V, float *lse)
{
    RN_ASSERT(target < V);
    float m = rn_largest(x, V);
    *lse = m + logf(rn_exp_sum(x, m, V));
    return target < 0 ? 0 : *lse - x[target];
}

static void fwd(const struct rn_args *a)
{
    const float *x = a->x[0], *scale = a->x[2];
    const int32_t *targets = a->x[1];
    float *loss = a->y[0], *losses = a->y[1], *lse = a->y[2];
    int64_t R = rn_rows(a->xs[0]), Vp = rn_cols(a->xs[0]), V = a->attrs.i[0];
#pragma omp parallel for schedule(static) if (rn_worth(R * Vp))
    for (int64_t r = 0; r < R; r++)
        losses[r] = row_loss(x + r * Vp, targets[r], V, &lse[r]);
    double sum = 0;
    for (int64_t r = 0; r < R; r++)
        sum += (double)losses[r];
    *loss = (float)(sum * (double)*scale);
}

/* dx = k * (softmax - [target]); nothing flows into rows without a target or padded columns. */
static void row_bwd(float *dx, const float *x, int32_t target, float lse, float k, int64_t V,
                    int64_t Vp, bool add)
{
    if (!add)
        memset(target < 0 ? dx : dx + V, 0, (size_t)(target < 0 ? Vp : Vp - V) * sizeof *dx);
    if (target < 0)
        return;
    if (add)
#pragma omp simd
        for (int64_t c = 0; c < V; c++)
            dx[c] += k * rn_expf(x[c] - lse);
    else
#pragma omp simd
        for (int64_t c = 0; c < V; c++)
            dx[c] = k * rn_expf(x[c] - lse);
    dx[target] -= k;
}

static void bwd(const struct rn_args *a)
{
    const float *x = a->x[0], *scale = a->x[2], *dloss = a->dy[0], *lse = a->y[2];
    const int32_t *targets = a->x[1];
    float *dx = a->dx[0], k = dloss ? *scale * *dloss : 0;
    int64_t R = rn_rows(a->xs[0]), Vp = rn_cols(a->xs[0]), V = a->attrs.i[0];
#pragma omp parallel for schedule(static) if (rn_worth(R * Vp))
    for (int64_t r = 0; r < R; r++)
        row_bwd(dx + r * Vp, x + r * Vp, targets[r], lse[r], k, V, Vp, a->acc & 1);
}

const struct rn_kernel RN_CPU(cross_entropy) = {fwd, bwd, NULL};
