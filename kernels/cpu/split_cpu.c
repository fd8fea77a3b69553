#include "cpu.h"

#include <string.h>

static void fwd(const struct rn_args *a)
{
    int64_t R = rn_rows(a->ys[0]), C = rn_cols(a->ys[0]);
    const float *x = a->x[0];
#pragma omp parallel for schedule(static) if (rn_worth(3 * R * C))
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < 3; i++)
            memcpy((float *)a->y[i] + r * C, x + (3 * r + i) * C, (size_t)C * sizeof *x);
}

/* dy NULL: that third was not used. */
static void join_row(float *dx, const float *dy, int64_t C, bool add)
{
    if (!dy && !add)
        memset(dx, 0, (size_t)C * sizeof *dx);
    else if (dy && !add)
        memcpy(dx, dy, (size_t)C * sizeof *dx);
    else if (dy)
        for (int64_t c = 0; c < C; c++)
            dx[c] += dy[c];
}

static void bwd(const struct rn_args *a)
{
    int64_t R = rn_rows(a->ys[0]), C = rn_cols(a->ys[0]);
    float *dx = a->dx[0];
#pragma omp parallel for schedule(static) if (rn_worth(3 * R * C))
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < 3; i++) {
            const float *dy = a->dy[i];
            join_row(dx + (3 * r + i) * C, dy ? dy + r * C : NULL, C, a->acc & 1);
        }
}

const struct rn_kernel RN_CPU(split) = {fwd, bwd, NULL};
