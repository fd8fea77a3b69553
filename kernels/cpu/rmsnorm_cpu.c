#include "bf16.h"
#include "cpu.h"
#include "vmath.h"

struct norm {
    const struct rn_args *a;
    int64_t R, C;
};

static struct norm norm_of(const struct rn_args *a)
{
    return (struct norm){a, rn_rows(a->xs[0]), rn_cols(a->xs[0])};
}

/* y = x * rstd, rstd = 1 / sqrt(mean(x^2) + eps), of row r. */
static void row_fwd(const struct norm *t, int64_t r)
{
    const struct rn_args *a = t->a;
    const float *x = (const float *)a->x[0] + r * t->C;
    float s = 1.0f / sqrtf(rn_dot(x, x, t->C) / (float)t->C + a->attrs.f[0]);
    ((float *)a->y[1])[r] = s;
    for (int64_t c = 0; c < t->C; c += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, t->C - c);
        float out[RN_BLOCK], *y = rn_row_out(a->y[0], a->y_type[0], r * t->C + c, out);
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = x[c + i] * s;
        rn_row_done(a->y[0], a->y_type[0], r * t->C + c, n, y);
    }
}

static void fwd(const struct rn_args *a)
{
    struct norm t = norm_of(a);
#pragma omp parallel for schedule(static) if (rn_worth(t.R * t.C))
    for (int64_t r = 0; r < t.R; r++)
        row_fwd(&t, r);
}

struct rows { /* [at, at + n) of dy and y, as floats */
    const float *dy, *y;
    float dy_buf[RN_BLOCK], y_buf[RN_BLOCK];
};

static void take(struct rows *b, const struct rn_args *a, int64_t at, int64_t n)
{
    b->dy = rn_row_in(a->dy[0], a->dy_type[0], at, n, b->dy_buf);
    b->y = rn_row_in(a->y[0], a->y_type[0], at, n, b->y_buf);
}

/* dx = rstd * (dy - y * mean(dy * y)), of row r. */
static void row_bwd(const struct norm *t, int64_t r)
{
    const struct rn_args *a = t->a;
    struct rows b;
    float *dx = (float *)a->dx[0] + r * t->C, s = ((const float *)a->y[1])[r], sum = 0;
    bool add = a->acc & 1;
    for (int64_t c = 0; c < t->C; c += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, t->C - c);
        take(&b, a, r * t->C + c, n);
        sum += rn_dot(b.dy, b.y, n);
    }
    float mean = sum / (float)t->C;
    for (int64_t c = 0; c < t->C; c += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, t->C - c);
        take(&b, a, r * t->C + c, n);
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float d = s * (b.dy[i] - b.y[i] * mean);
            dx[c + i] = add ? dx[c + i] + d : d;
        }
    }
}

static void bwd(const struct rn_args *a)
{
    struct norm t = norm_of(a);
#pragma omp parallel for schedule(static) if (rn_worth(t.R * t.C))
    for (int64_t r = 0; r < t.R; r++)
        row_bwd(&t, r);
}

const struct rn_kernel RN_CPU(rmsnorm) = {fwd, bwd, NULL};
