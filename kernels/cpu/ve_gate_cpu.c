#include "bf16.h"
#include "cpu.h"
#include "vmath.h"

#include <string.h>

enum { ROW_MAX = 1024 }; /* op_ve_gate.c holds D and G to it */

struct ve {
    const struct rn_args *a;
    const float *w;
    const int32_t *ids;
    int64_t R, K, D, C, G, V; /* R = B*T rows */
    float f;
};

static struct ve ve_of(const struct rn_args *a)
{
    return (struct ve){.a = a,
                       .w = a->x[2],
                       .ids = a->x[4],
                       .R = a->xs[0].d[0] * a->xs[0].d[1],
                       .K = a->xs[0].d[2],
                       .D = a->xs[0].d[3],
                       .C = a->xs[1].d[2],
                       .G = a->xs[2].d[1],
                       .V = a->xs[3].d[0],
                       .f = a->attrs.f[0]};
}

/* The value embedding of row r and head k. */
static const float *embedding(const struct ve *s, int64_t r, int64_t k, float *buf)
{
    int64_t at = (s->ids[r] * s->K + k) * s->D;
    return rn_row_in(s->a->x[3], s->a->x_type[3], at, s->D, buf);
}

/* The channels of row r that gates read. */
static const float *gate_input(const struct ve *s, int64_t r, float *buf)
{
    return rn_row_in(s->a->x[1], s->a->x_type[1], r * s->C, s->G, buf);
}

static const float *dy_of(const struct ve *s, int64_t i, float *buf)
{
    return rn_row_in(s->a->dy[0], s->a->dy_type[0], i * s->D, s->D, buf);
}

static void row_fwd(const struct ve *s, int64_t r)
{
    const struct rn_args *a = s->a;
    float in[ROW_MAX], out[ROW_MAX], xn_buf[ROW_MAX], ve_buf[ROW_MAX], *gate = a->y[1];
    const float *xn = gate_input(s, r, xn_buf);
    for (int64_t k = 0; k < s->K; k++) {
        int64_t i = r * s->K + k;
        const float *ve = embedding(s, r, k, ve_buf);
        const float *v = rn_row_in(a->x[0], a->x_type[0], i * s->D, s->D, in);
        float g = rn_sigmoidf(rn_dot(s->w + k * s->G, xn, s->G));
        float *y = rn_row_out(a->y[0], a->y_type[0], i * s->D, out);
        for (int64_t d = 0; d < s->D; d++)
            y[d] = v[d] + s->f * g * ve[d];
        rn_row_done(a->y[0], a->y_type[0], i * s->D, s->D, y);
        gate[i] = g;
    }
}

static void fwd(const struct rn_args *a)
{
    struct ve s = ve_of(a);
#pragma omp parallel for schedule(static) if (rn_worth(s.R * s.K * s.D))
    for (int64_t r = 0; r < s.R; r++) {
        RN_ASSERT(s.ids[r] >= 0 && s.ids[r] < s.V);
        row_fwd(&s, r);
    }
}

/* dz(R,K): the gradients before the sigmoid. */
static void gate_grads(float *dz, const struct ve *s)
{
    const float *gate = s->a->y[1];
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->K * s->D))
    for (int64_t i = 0; i < s->R * s->K; i++) {
        float buf[ROW_MAX], ve_buf[ROW_MAX];
        const float *ve = embedding(s, i / s->K, i % s->K, ve_buf);
        dz[i] = s->f * rn_dot(dy_of(s, i, buf), ve, s->D) * gate[i] * (1.0f - gate[i]);
    }
}

/* dv = dy, often in the same memory. */
static void v_grads(const struct ve *s)
{
    const struct rn_args *a = s->a;
    bool add = a->acc & 1;
    if (a->dx[0] == a->dy[0])
        return;
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->K * s->D))
    for (int64_t i = 0; i < s->R * s->K; i++) {
        float in[ROW_MAX], out[ROW_MAX];
        const float *dy = dy_of(s, i, in);
        float *dv = rn_row_out(a->dx[0], a->dx_type[0], i * s->D, out);
        for (int64_t d = 0; d < s->D; d++)
            dv[d] = add ? dv[d] + dy[d] : dy[d];
        rn_row_done(a->dx[0], a->dx_type[0], i * s->D, s->D, dv);
    }
}

static void add_to_embedding(float *to, const struct ve *s, int64_t r)
{
    const float *gate = s->a->y[1];
    for (int64_t k = 0; k < s->K; k++) {
        int64_t i = r * s->K + k;
        float buf[ROW_MAX], f = s->f * gate[i];
        const float *dy = dy_of(s, i, buf);
        for (int64_t d = 0; d < s->D; d++)
            to[k * s->D + d] += f * dy[d];
    }
}

/* As embed's: each piece owns a range of the vocabulary and reads all ids. */
static void table_grads(float *dtable, const struct ve *s, bool add)
{
    int64_t row = s->K * s->D;
    if (!add)
        memset(dtable, 0, (size_t)(s->V * row) * sizeof *dtable);
#pragma omp parallel for schedule(static) if (rn_worth(s->R * row))
    for (int64_t p = 0; p < RN_PARTS_MAX; p++) {
        int64_t lo = rn_part_start(p, RN_PARTS_MAX, s->V);
        int64_t hi = rn_part_start(p + 1, RN_PARTS_MAX, s->V);
        for (int64_t r = 0; r < s->R; r++)
            if (s->ids[r] >= lo && s->ids[r] < hi)
                add_to_embedding(dtable + s->ids[r] * row, s, r);
    }
}

/* Gradients of the channels that gates read; the others get none. */
static void xn_row_grads(const struct ve *s, const float *dz, int64_t r)
{
    const struct rn_args *a = s->a;
    bool add = a->acc >> 1 & 1;
    size_t each = rn_dtype_bytes(a->dx_type[1]), row_bytes = (size_t)s->C * each;
    float out[ROW_MAX], *to = rn_row_out(a->dx[1], a->dx_type[1], r * s->C, out);
    if (!add)
        memset((char *)a->dx[1] + (size_t)r * row_bytes, 0, row_bytes);
    for (int64_t g = 0; g < s->G; g++) {
        float sum = 0;
        for (int64_t k = 0; k < s->K; k++)
            sum += dz[r * s->K + k] * s->w[k * s->G + g];
        to[g] = add ? to[g] + sum : sum;
    }
    rn_row_done(a->dx[1], a->dx_type[1], r * s->C, s->G, to);
}

static void xn_grads(const struct ve *s, const float *dz)
{
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->C))
    for (int64_t r = 0; r < s->R; r++)
        xn_row_grads(s, dz, r);
}

static void w_grads(const struct ve *s, const float *dz)
{
    float *dw = s->a->dx[2], buf[ROW_MAX];
    if (!(s->a->acc >> 2 & 1))
        memset(dw, 0, (size_t)(s->K * s->G) * sizeof *dw);
    for (int64_t r = 0; r < s->R; r++) {
        const float *xn = gate_input(s, r, buf);
        for (int64_t k = 0; k < s->K; k++)
            for (int64_t g = 0; g < s->G; g++)
                dw[k * s->G + g] += dz[r * s->K + k] * xn[g];
    }
}

static void bwd(const struct rn_args *a)
{
    struct ve s = ve_of(a);
    float *dz = a->scratch;
    gate_grads(dz, &s);
    if (a->dx[3])
        table_grads(a->dx[3], &s, a->acc >> 3 & 1);
    if (a->dx[0])
        v_grads(&s);
    if (a->dx[1])
        xn_grads(&s, dz);
    if (a->dx[2])
        w_grads(&s, dz);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? (size_t)rn_elems(a->ys[1]) * sizeof(float) : 0;
}

const struct rn_kernel RN_CPU(ve_gate) = {fwd, bwd, scratch_bytes};
