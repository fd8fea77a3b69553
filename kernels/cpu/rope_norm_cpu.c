#include "bf16.h"
#include "cpu.h"
#include "vmath.h"

enum { HEAD_MAX = 1024 }; /* op_rope_norm.c holds D to it */

struct rope {
    const float *cossin;
    const int32_t *pos;
    int64_t R, H, D, Tmax; /* R = B*T rows of H heads */
};

static struct rope rope_of(const struct rn_args *a)
{
    const struct rn_shape *x = &a->xs[0];
    return (struct rope){.cossin = a->x[1],
                         .pos = a->x[2],
                         .R = x->d[0] * x->d[1],
                         .H = x->d[2],
                         .D = x->d[3],
                         .Tmax = a->xs[1].d[0]};
}

static const float *angles(const struct rope *t, int64_t r)
{
    RN_ASSERT(t->pos[r] >= 0 && t->pos[r] < t->Tmax);
    return t->cossin + t->pos[r] * t->D;
}

/* One head: halves turned to (x1 c + x2 s, -x1 s + x2 c), then divided by the root of their mean
 * square. The norm is taken after turning: rounded angles change the length. */
static float head_fwd(float *y, const float *x, const float *cossin, int64_t D, float eps)
{
    int64_t half = D / 2;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < half; i++) {
        float c = cossin[i], s = cossin[half + i], x1 = x[i], x2 = x[half + i];
        float y1 = x1 * c + x2 * s, y2 = x2 * c - x1 * s;
        squares += y1 * y1 + y2 * y2;
        y[i] = y1;
        y[half + i] = y2;
    }
    float rstd = 1.0f / sqrtf(squares / (float)D + eps);
#pragma omp simd
    for (int64_t i = 0; i < D; i++)
        y[i] *= rstd;
    return rstd;
}

static void row_fwd(const struct rope *t, const struct rn_args *a, int64_t r)
{
    float in[HEAD_MAX], out[HEAD_MAX], *rstd = a->y[1];
    const float *cossin = angles(t, r);
    for (int64_t i = r * t->H; i < (r + 1) * t->H; i++) {
        const float *x = rn_row_in(a->x[0], a->x_type[0], i * t->D, t->D, in);
        float *y = rn_row_out(a->y[0], a->y_type[0], i * t->D, out);
        rstd[i] = head_fwd(y, x, cossin, t->D, a->attrs.f[0]);
        rn_row_done(a->y[0], a->y_type[0], i * t->D, t->D, y);
    }
}

static void fwd(const struct rn_args *a)
{
    struct rope t = rope_of(a);
#pragma omp parallel for schedule(static) if (rn_worth(t.R * t.H * t.D))
    for (int64_t r = 0; r < t.R; r++)
        row_fwd(&t, a, r);
}

/* u = rstd (dy - y mean(dy y)) is the gradient before the norm; dx is u turned back. */
static void head_bwd(float *dx, const float *dy, const float *y, const float *cossin, float rstd,
                     int64_t D, bool add)
{
    int64_t half = D / 2;
    float mean = rn_dot(dy, y, D) / (float)D;
#pragma omp simd
    for (int64_t i = 0; i < half; i++) {
        float c = cossin[i], s = cossin[half + i];
        float u1 = rstd * (dy[i] - y[i] * mean), u2 = rstd * (dy[half + i] - y[half + i] * mean);
        float d1 = u1 * c - u2 * s, d2 = u2 * c + u1 * s;
        dx[i] = add ? dx[i] + d1 : d1;
        dx[half + i] = add ? dx[half + i] + d2 : d2;
    }
}

static void row_bwd(const struct rope *t, const struct rn_args *a, int64_t r)
{
    float in[HEAD_MAX], kept[HEAD_MAX], out[HEAD_MAX];
    const float *cossin = angles(t, r), *rstd = a->y[1];
    for (int64_t i = r * t->H; i < (r + 1) * t->H; i++) {
        const float *dy = rn_row_in(a->dy[0], a->dy_type[0], i * t->D, t->D, in);
        const float *y = rn_row_in(a->y[0], a->y_type[0], i * t->D, t->D, kept);
        float *dx = rn_row_out(a->dx[0], a->dx_type[0], i * t->D, out);
        head_bwd(dx, dy, y, cossin, rstd[i], t->D, a->acc & 1);
        rn_row_done(a->dx[0], a->dx_type[0], i * t->D, t->D, dx);
    }
}

static void bwd(const struct rn_args *a)
{
    struct rope t = rope_of(a);
#pragma omp parallel for schedule(static) if (rn_worth(t.R * t.H * t.D))
    for (int64_t r = 0; r < t.R; r++)
        row_bwd(&t, a, r);
}

const struct rn_kernel RN_CPU(rope_norm) = {fwd, bwd, NULL};
