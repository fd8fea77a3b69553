#include "cpu.h"
#include "vmath.h"

#include <string.h>

struct ve {
    const float *v, *xn, *w, *table, *gate, *dy;
    const int32_t *ids;
    int64_t R, K, D, C, G, V; /* R = B*T rows */
    float f;
};

static struct ve ve_of(const struct rn_args *a)
{
    return (struct ve){.v = a->x[0],
                       .xn = a->x[1],
                       .w = a->x[2],
                       .table = a->x[3],
                       .ids = a->x[4],
                       .gate = a->y[1],
                       .dy = a->dy[0],
                       .R = a->xs[0].d[0] * a->xs[0].d[1],
                       .K = a->xs[0].d[2],
                       .D = a->xs[0].d[3],
                       .C = a->xs[1].d[2],
                       .G = a->xs[2].d[1],
                       .V = a->xs[3].d[0],
                       .f = a->attrs.f[0]};
}

/* The value embedding of row r and head k. */
static const float *embedding(const struct ve *s, int64_t r, int64_t k)
{
    return s->table + (s->ids[r] * s->K + k) * s->D;
}

static void fwd(const struct rn_args *a)
{
    struct ve s = ve_of(a);
    float *y = a->y[0], *gate = a->y[1];
#pragma omp parallel for schedule(static) if (rn_worth(s.R * s.K * s.D))
    for (int64_t r = 0; r < s.R; r++) {
        RN_ASSERT(s.ids[r] >= 0 && s.ids[r] < s.V);
        for (int64_t k = 0; k < s.K; k++) {
            int64_t at = (r * s.K + k) * s.D;
            const float *ve = embedding(&s, r, k);
            float g = rn_sigmoidf(rn_dot(s.w + k * s.G, s.xn + r * s.C, s.G));
            for (int64_t d = 0; d < s.D; d++)
                y[at + d] = s.v[at + d] + s.f * g * ve[d];
            gate[r * s.K + k] = g;
        }
    }
}

/* dz(R,K): the gradients before the sigmoid. */
static void gate_grads(float *dz, const struct ve *s)
{
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->K * s->D))
    for (int64_t r = 0; r < s->R; r++)
        for (int64_t k = 0; k < s->K; k++) {
            int64_t i = r * s->K + k;
            float g = s->gate[i], dot = rn_dot(s->dy + i * s->D, embedding(s, r, k), s->D);
            dz[i] = s->f * dot * g * (1.0f - g);
        }
}

/* dv = dy, often in the same memory. */
static void v_grads(float *dv, const struct ve *s, bool add)
{
    if (dv == s->dy)
        return;
    int64_t row = s->K * s->D;
#pragma omp parallel for schedule(static) if (rn_worth(s->R * row))
    for (int64_t r = 0; r < s->R; r++)
        for (int64_t i = r * row; i < (r + 1) * row; i++)
            dv[i] = add ? dv[i] + s->dy[i] : s->dy[i];
}

static void add_to_embedding(float *to, const struct ve *s, int64_t r)
{
    for (int64_t k = 0; k < s->K; k++) {
        float f = s->f * s->gate[r * s->K + k];
        const float *dy = s->dy + (r * s->K + k) * s->D;
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

static void xn_grads(float *dxn, const float *dz, const struct ve *s, bool add)
{
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->C))
    for (int64_t r = 0; r < s->R; r++) {
        float *to = dxn + r * s->C;
        if (!add)
            memset(to, 0, (size_t)s->C * sizeof *to);
        for (int64_t k = 0; k < s->K; k++)
            for (int64_t g = 0; g < s->G; g++)
                to[g] += dz[r * s->K + k] * s->w[k * s->G + g];
    }
}

static void w_grads(float *dw, const float *dz, const struct ve *s, bool add)
{
    if (!add)
        memset(dw, 0, (size_t)(s->K * s->G) * sizeof *dw);
    for (int64_t r = 0; r < s->R; r++)
        for (int64_t k = 0; k < s->K; k++)
            for (int64_t g = 0; g < s->G; g++)
                dw[k * s->G + g] += dz[r * s->K + k] * s->xn[r * s->C + g];
}

static void bwd(const struct rn_args *a)
{
    struct ve s = ve_of(a);
    float *dz = a->scratch;
    gate_grads(dz, &s);
    if (a->dx[3])
        table_grads(a->dx[3], &s, a->acc >> 3 & 1);
    if (a->dx[0])
        v_grads(a->dx[0], &s, a->acc & 1);
    if (a->dx[1])
        xn_grads(a->dx[1], dz, &s, a->acc >> 1 & 1);
    if (a->dx[2])
        w_grads(a->dx[2], dz, &s, a->acc >> 2 & 1);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? (size_t)rn_elems(a->ys[1]) * sizeof(float) : 0;
}

const struct rn_kernel RN_CPU(ve_gate) = {fwd, bwd, scratch_bytes};
