#include "cpu.h"
#include "vmath.h"

#include <string.h>

struct ve {
    const float *v, *xn, *w, *ve, *gate, *dy;
    int64_t R, K, D, C, G; /* R = B*T rows */
    float f;
};

static struct ve ve_of(const struct rn_args *a)
{
    return (struct ve){.v = a->x[0],
                       .xn = a->x[1],
                       .w = a->x[2],
                       .ve = a->x[3],
                       .gate = a->y[1],
                       .dy = a->dy[0],
                       .R = a->xs[0].d[0] * a->xs[0].d[1],
                       .K = a->xs[0].d[2],
                       .D = a->xs[0].d[3],
                       .C = a->xs[1].d[2],
                       .G = a->xs[2].d[1],
                       .f = a->attrs.f[0]};
}

static void fwd(const struct rn_args *a)
{
    struct ve s = ve_of(a);
    float *y = a->y[0], *gate = a->y[1];
#pragma omp parallel for schedule(static) if (rn_worth(s.R * s.K * s.D))
    for (int64_t r = 0; r < s.R; r++)
        for (int64_t k = 0; k < s.K; k++) {
            int64_t at = (r * s.K + k) * s.D;
            float g = rn_sigmoidf(rn_dot(s.w + k * s.G, s.xn + r * s.C, s.G));
            for (int64_t d = 0; d < s.D; d++)
                y[at + d] = s.v[at + d] + s.f * g * s.ve[at + d];
            gate[r * s.K + k] = g;
        }
}

/* dz(R,K): the gradients before the sigmoid. */
static void gate_grads(float *dz, const struct ve *s)
{
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->K * s->D))
    for (int64_t i = 0; i < s->R * s->K; i++) {
        float g = s->gate[i];
        dz[i] = s->f * rn_dot(s->dy + i * s->D, s->ve + i * s->D, s->D) * g * (1.0f - g);
    }
}

/* dv = dy, and dve = f * gate * dy; one function, one k. */
static void head_grads(float *to, const struct ve *s, bool gated, bool add)
{
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->K * s->D))
    for (int64_t i = 0; i < s->R * s->K; i++) {
        float k = gated ? s->f * s->gate[i] : 1.0f;
        for (int64_t d = i * s->D; d < (i + 1) * s->D; d++)
            to[d] = add ? to[d] + k * s->dy[d] : k * s->dy[d];
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
    if (a->dx[0])
        head_grads(a->dx[0], &s, false, a->acc & 1);
    if (a->dx[1])
        xn_grads(a->dx[1], dz, &s, a->acc >> 1 & 1);
    if (a->dx[2])
        w_grads(a->dx[2], dz, &s, a->acc >> 2 & 1);
    if (a->dx[3])
        head_grads(a->dx[3], &s, true, a->acc >> 3 & 1);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? (size_t)rn_elems(a->ys[1]) * sizeof(float) : 0;
}

const struct rn_kernel RN_CPU(ve_gate) = {fwd, bwd, scratch_bytes};
