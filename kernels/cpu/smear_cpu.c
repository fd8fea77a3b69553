#include "cpu.h"
#include "vmath.h"

#include <string.h>

struct smear {
    const float *x, *w, *lambda, *gate, *dy;
    int64_t R, T, C, G; /* R = B*T rows */
};

static struct smear smear_of(const struct rn_args *a)
{
    return (struct smear){.x = a->x[0],
                          .w = a->x[1],
                          .lambda = a->x[2],
                          .gate = a->y[1],
                          .dy = a->dy[0],
                          .R = rn_rows(a->xs[0]),
                          .T = a->xs[0].d[1],
                          .C = a->xs[0].d[2],
                          .G = rn_cols(a->xs[1])};
}

static void fwd(const struct rn_args *a)
{
    struct smear s = smear_of(a);
    float *y = a->y[0], *gate = a->y[1];
#pragma omp parallel for schedule(static) if (rn_worth(s.R * s.C))
    for (int64_t r = 0; r < s.R; r++) {
        const float *x = s.x + r * s.C;
        if (r % s.T == 0) {
            memcpy(y + r * s.C, x, (size_t)s.C * sizeof *y);
            gate[r] = 0;
            continue;
        }
        gate[r] = rn_sigmoidf(rn_dot(s.w, x, s.G));
        float k = *s.lambda * gate[r];
        for (int64_t c = 0; c < s.C; c++)
            y[r * s.C + c] = x[c] + k * x[c - s.C];
    }
}

/* dz of row r: the gradient before the sigmoid; dot[r] = dy_t . x_{t-1}. Row 0 has gate 0. */
static void gate_grads(float *dz, float *dot, const struct smear *s)
{
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->C))
    for (int64_t r = 0; r < s->R; r++) {
        bool first = r % s->T == 0;
        dot[r] = first ? 0 : rn_dot(s->dy + r * s->C, s->x + (r - 1) * s->C, s->C);
        dz[r] = *s->lambda * dot[r] * s->gate[r] * (1.0f - s->gate[r]);
    }
}

static void x_grads(float *dx, const float *dz, const struct smear *s, bool add)
{
#pragma omp parallel for schedule(static) if (rn_worth(s->R * s->C))
    for (int64_t r = 0; r < s->R; r++) {
        const float *dy = s->dy + r * s->C;
        float *to = dx + r * s->C;
        bool last = (r + 1) % s->T == 0;
        float k = last ? 0 : *s->lambda * s->gate[r + 1];
        const float *next = last ? dy : dy + s->C;
        for (int64_t c = 0; c < s->C; c++) {
            float d = dy[c] + k * next[c];
            to[c] = add ? to[c] + d : d;
        }
        for (int64_t g = 0; g < s->G; g++)
            to[g] += dz[r] * s->w[g];
    }
}

static void bwd(const struct rn_args *a)
{
    struct smear s = smear_of(a);
    float *dz = a->scratch, *dot = dz + s.R, *dw = a->dx[1], *dlambda = a->dx[2];
    gate_grads(dz, dot, &s);
    if (a->dx[0])
        x_grads(a->dx[0], dz, &s, a->acc & 1);
    if (dw && !(a->acc & 2))
        memset(dw, 0, (size_t)s.G * sizeof *dw);
    for (int64_t r = 0; dw && r < s.R; r++)
        for (int64_t g = 0; g < s.G; g++)
            dw[g] += dz[r] * s.x[r * s.C + g];
    double sum = 0;
    for (int64_t r = 0; r < s.R; r++)
        sum += (double)s.gate[r] * (double)dot[r];
    if (dlambda)
        *dlambda = (a->acc & 4 ? *dlambda : 0) + (float)sum;
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? 2 * (size_t)rn_rows(a->xs[0]) * sizeof(float) : 0;
}

const struct rn_kernel RN_CPU(smear) = {fwd, bwd, scratch_bytes};
