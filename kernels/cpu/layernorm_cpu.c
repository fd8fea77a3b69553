#include "bf16.h"
#include "cpu.h"
#include "vmath.h"

struct layer {
    const struct rn_args *a;
    const float *x, *w, *b;
    float *mean, *rstd;
    int64_t R, C;
};

static struct layer layer_of(const struct rn_args *a)
{
    return (struct layer){.a = a,
                          .x = a->x[0],
                          .w = a->x[1],
                          .b = a->x[2],
                          .mean = a->y[1],
                          .rstd = a->y[2],
                          .R = rn_rows(a->xs[0]),
                          .C = rn_cols(a->xs[0])};
}

static float squares(const float *x, float mean, int64_t n)
{
    float v = 0;
#pragma omp simd reduction(+ : v)
    for (int64_t c = 0; c < n; c++)
        v += (x[c] - mean) * (x[c] - mean);
    return v;
}

static void row_fwd(const struct layer *t, int64_t r)
{
    const struct rn_args *a = t->a;
    const float *x = t->x + r * t->C;
    float m = rn_sum(x, t->C) / (float)t->C;
    float s = 1.0f / sqrtf(squares(x, m, t->C) / (float)t->C + a->attrs.f[0]);
    t->mean[r] = m;
    t->rstd[r] = s;
    for (int64_t c = 0; c < t->C; c += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, t->C - c);
        float out[RN_BLOCK], *y = rn_row_out(a->y[0], a->y_type[0], r * t->C + c, out);
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[c + i] - m) * s * t->w[c + i] + t->b[c + i];
        rn_row_done(a->y[0], a->y_type[0], r * t->C + c, n, y);
    }
}

static void fwd(const struct rn_args *a)
{
    struct layer t = layer_of(a);
#pragma omp parallel for schedule(static) if (rn_worth(t.R * t.C))
    for (int64_t r = 0; r < t.R; r++)
        row_fwd(&t, r);
}

/* --- backward: with n = (x - mean) * rstd and g = dy * w --- */

struct sums {
    float g, gn;
};

/* Adds the sums of g and g * n over channels [c, c + count) of row r. */
static void add_sums(struct sums *sum, const struct layer *t, int64_t r, int64_t c, int64_t count)
{
    float buf[RN_BLOCK], g_sum = 0, gn_sum = 0, m = t->mean[r], s = t->rstd[r];
    const float *dy = rn_row_in(t->a->dy[0], t->a->dy_type[0], r * t->C + c, count, buf);
    const float *x = t->x + r * t->C + c, *w = t->w + c;
#pragma omp simd reduction(+ : g_sum, gn_sum)
    for (int64_t i = 0; i < count; i++) {
        float g = dy[i] * w[i];
        g_sum += g;
        gn_sum += g * ((x[i] - m) * s);
    }
    sum->g += g_sum;
    sum->gn += gn_sum;
}

/* dx = rstd * (g - mean(g) - n * mean(g * n)) */
static void row_bwd(const struct layer *t, int64_t r)
{
    const struct rn_args *a = t->a;
    struct sums sum = {0};
    for (int64_t c = 0; c < t->C; c += RN_BLOCK)
        add_sums(&sum, t, r, c, rn_min(RN_BLOCK, t->C - c));
    float mean_g = sum.g / (float)t->C, mean_gn = sum.gn / (float)t->C;
    float m = t->mean[r], s = t->rstd[r];
    bool add = a->acc & 1;
    for (int64_t c = 0; c < t->C; c += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, t->C - c), at = r * t->C + c;
        float buf[RN_BLOCK], *dx = (float *)a->dx[0] + at;
        const float *dy = rn_row_in(a->dy[0], a->dy_type[0], at, n, buf);
        const float *x = t->x + at, *w = t->w + c;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float d = s * (dy[i] * w[i] - mean_g - (x[i] - m) * s * mean_gn);
            dx[i] = add ? dx[i] + d : d;
        }
    }
}

/* Row r: dw += dy * n, db += dy. */
static void add_row(float *dw, float *db, const struct layer *t, int64_t r)
{
    float buf[RN_BLOCK], m = t->mean[r], s = t->rstd[r];
    for (int64_t c = 0; c < t->C; c += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, t->C - c), at = r * t->C + c;
        const float *dy = rn_row_in(t->a->dy[0], t->a->dy_type[0], at, n, buf);
        for (int64_t i = 0; i < n; i++) {
            dw[c + i] += dy[i] * ((t->x[at + i] - m) * s);
            db[c + i] += dy[i];
        }
    }
}

/* Each piece of the rows has its own sums, which are added in the order of the pieces. */
static void weights_bwd(const struct layer *t)
{
    const struct rn_args *a = t->a;
    int64_t parts = rn_parts(t->R), C = t->C;
    float *dw = a->scratch, *db = dw + parts * C;
#pragma omp parallel for schedule(static) if (rn_worth(t->R * C))
    for (int64_t p = 0; p < parts; p++) {
        for (int64_t c = 0; c < C; c++)
            dw[p * C + c] = db[p * C + c] = 0;
        for (int64_t r = rn_part_start(p, parts, t->R); r < rn_part_start(p + 1, parts, t->R); r++)
            add_row(dw + p * C, db + p * C, t, r);
    }
    if (a->dx[1])
        rn_add_parts(a->dx[1], dw, parts, C, a->acc >> 1 & 1);
    if (a->dx[2])
        rn_add_parts(a->dx[2], db, parts, C, a->acc >> 2 & 1);
}

static void bwd(const struct rn_args *a)
{
    struct layer t = layer_of(a);
    if (a->dx[0]) {
#pragma omp parallel for schedule(static) if (rn_worth(t.R * t.C))
        for (int64_t r = 0; r < t.R; r++)
            row_bwd(&t, r);
    }
    if (a->dx[1] || a->dx[2])
        weights_bwd(&t);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? (size_t)(2 * rn_parts(rn_rows(a->xs[0])) * rn_cols(a->xs[0])) * sizeof(float)
                  : 0;
}

const struct rn_kernel RN_CPU(layernorm) = {fwd, bwd, scratch_bytes};
