#include "cpu.h"
#include "vmath.h"

static void layernorm_row(float *y, float *mean, float *rstd, const float *x, const float *w,
                          const float *b, int64_t C, float eps)
{
    float m = rn_sum(x, C) / (float)C, v = 0;
#pragma omp simd reduction(+ : v)
    for (int64_t c = 0; c < C; c++)
        v += (x[c] - m) * (x[c] - m);
    float s = 1.0f / sqrtf(v / (float)C + eps);
    for (int64_t c = 0; c < C; c++)
        y[c] = (x[c] - m) * s * w[c] + b[c];
    *mean = m;
    *rstd = s;
}

static void fwd(const struct rn_args *a)
{
    float *y = a->y[0], *mean = a->y[1], *rstd = a->y[2];
    const float *x = a->x[0], *w = a->x[1], *b = a->x[2];
    int64_t R = rn_rows(a->xs[0]), C = rn_cols(a->xs[0]);
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
    for (int64_t r = 0; r < R; r++)
        layernorm_row(y + r * C, mean + r, rstd + r, x + r * C, w, b, C, a->attrs.f[0]);
}

/* With n = (x - mean) * rstd and g = dy * w: dx = rstd * (g - mean(g) - n * mean(g * n)). */
static void layernorm_row_bwd(float *dx, const float *dy, const float *x, const float *w, float m,
                              float s, int64_t C, bool add)
{
    float sum_g = 0, sum_gn = 0;
#pragma omp simd reduction(+ : sum_g, sum_gn)
    for (int64_t c = 0; c < C; c++) {
        float g = dy[c] * w[c];
        sum_g += g;
        sum_gn += g * ((x[c] - m) * s);
    }
    float mean_g = sum_g / (float)C, mean_gn = sum_gn / (float)C;
    for (int64_t c = 0; c < C; c++) {
        float d = s * (dy[c] * w[c] - mean_g - (x[c] - m) * s * mean_gn);
        dx[c] = add ? dx[c] + d : d;
    }
}

/* Sums over rows [lo, hi): dw += dy * n, db += dy. */
static void weight_part(float *dw, float *db, const struct rn_args *a, int64_t lo, int64_t hi,
                        int64_t C)
{
    const float *dy = a->dy[0], *x = a->x[0], *mean = a->y[1], *rstd = a->y[2];
    for (int64_t c = 0; c < C; c++)
        dw[c] = db[c] = 0;
    for (int64_t r = lo; r < hi; r++) {
        float m = mean[r], s = rstd[r];
        for (int64_t c = 0; c < C; c++) {
            dw[c] += dy[r * C + c] * ((x[r * C + c] - m) * s);
            db[c] += dy[r * C + c];
        }
    }
}

static void bwd(const struct rn_args *a)
{
    int64_t R = rn_rows(a->xs[0]), C = rn_cols(a->xs[0]), parts = rn_parts(R);
    const float *dy = a->dy[0], *x = a->x[0], *w = a->x[1], *mean = a->y[1], *rstd = a->y[2];
    float *dx = a->dx[0], *dw = a->scratch, *db = dw + parts * C;
    if (dx) {
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
        for (int64_t r = 0; r < R; r++)
            layernorm_row_bwd(dx + r * C, dy + r * C, x + r * C, w, mean[r], rstd[r], C,
                              a->acc & 1);
    }
    if (!a->dx[1] && !a->dx[2])
        return;
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
    for (int64_t p = 0; p < parts; p++)
        weight_part(dw + p * C, db + p * C, a, rn_part_start(p, parts, R),
                    rn_part_start(p + 1, parts, R), C);
    if (a->dx[1])
        rn_add_parts(a->dx[1], dw, parts, C, a->acc >> 1 & 1);
    if (a->dx[2])
        rn_add_parts(a->dx[2], db, parts, C, a->acc >> 2 & 1);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? (size_t)(2 * rn_parts(rn_rows(a->xs[0])) * rn_cols(a->xs[0])) * sizeof(float)
                  : 0;
}

const struct rn_kernel RN_CPU(layernorm) = {fwd, bwd, scratch_bytes};
