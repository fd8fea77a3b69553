#include "cpu.h"
#include "vmath.h"

/* y (R,C) = x (R,C) * rstd (R), rstd = 1 / sqrt(mean(x^2) + eps). */
static void rmsnorm_fwd(float *y, float *rstd, const float *x, int64_t R, int64_t C, float eps)
{
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
    for (int64_t r = 0; r < R; r++) {
        const float *xr = x + r * C;
        float s = 1.0f / sqrtf(rn_dot(xr, xr, C) / (float)C + eps);
#pragma omp simd
        for (int64_t c = 0; c < C; c++)
            y[r * C + c] = xr[c] * s;
        rstd[r] = s;
    }
}

static void fwd(const struct rn_args *a)
{
    rmsnorm_fwd(a->y[0], a->y[1], a->x[0], rn_rows(a->xs[0]), rn_cols(a->xs[0]), a->attrs.f[0]);
}

/* dx = rstd * (dy - y * mean(dy * y)) */
static void rmsnorm_bwd(float *dx, const float *dy, const float *y, const float *rstd, int64_t R,
                        int64_t C, bool add)
{
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
    for (int64_t r = 0; r < R; r++) {
        const float *yr = y + r * C, *dyr = dy + r * C;
        float *to = dx + r * C, m = rn_dot(dyr, yr, C) / (float)C, s = rstd[r];
#pragma omp simd
        for (int64_t c = 0; c < C; c++) {
            float d = s * (dyr[c] - yr[c] * m);
            to[c] = add ? to[c] + d : d;
        }
    }
}

static void bwd(const struct rn_args *a)
{
    rmsnorm_bwd(a->dx[0], a->dy[0], a->y[0], a->y[1], rn_rows(a->xs[0]), rn_cols(a->xs[0]),
                a->acc & 1);
}

const struct rn_kernel RN_CPU(rmsnorm) = {fwd, bwd, NULL};
