#include "bf16.h"
#include "cpu.h"

#include <string.h>

static float coef_of(const struct rn_args *a, int i)
{
    const float *p = a->x[2 + i];
    return p ? a->attrs.f[i] * p[a->attrs.i[i]] : a->attrs.f[i];
}

static void mix(float *y, const float *a, float ca, const float *b, float cb, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = ca * a[i] + cb * b[i];
}

static void fwd(const struct rn_args *a)
{
    float ca = coef_of(a, 0), cb = coef_of(a, 1), *y = a->y[0];
    const float *x = a->x[0];
    int64_t n = rn_elems(a->ys[0]);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t at = 0; at < n; at += RN_BLOCK) {
        float in[RN_BLOCK];
        int64_t m = rn_min(RN_BLOCK, n - at);
        mix(y + at, x + at, ca, rn_row_in(a->x[1], a->x_type[1], at, m, in), cb, m);
    }
}

static void add_scaled(float *dx, const float *dy, float k, int64_t n, bool add)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        dx[i] = add ? dx[i] + k * dy[i] : k * dy[i];
}

/* Elements [at, at + m) of the gradient of a (i 0) or b (i 1). */
static void term_bwd(const struct rn_args *a, int i, const float *dy, int64_t at, int64_t m)
{
    float out[RN_BLOCK], *dx = rn_row_out(a->dx[i], a->dx_type[i], at, out);
    add_scaled(dx, dy, coef_of(a, i), m, a->acc >> i & 1);
    rn_row_done(a->dx[i], a->dx_type[i], at, m, dx);
}

/* That of a may take the place of dy, and is dy where its coefficient is 1. */
static void terms_bwd(const struct rn_args *a)
{
    int64_t n = rn_elems(a->ys[0]);
    bool there = a->dx[0] == a->dy[0] && coef_of(a, 0) == 1.0f;
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t at = 0; at < n; at += RN_BLOCK) {
        float dy[RN_BLOCK];
        int64_t m = rn_min(RN_BLOCK, n - at);
        memcpy(dy, (const float *)a->dy[0] + at, (size_t)m * sizeof *dy);
        if (a->dx[0] && !there)
            term_bwd(a, 0, dy, at, m);
        if (a->dx[1])
            term_bwd(a, 1, dy, at, m);
    }
}

/* Elements [lo, hi) of dy times those of operand i. */
static double dot(const struct rn_args *a, int i, int64_t lo, int64_t hi)
{
    const float *dy = a->dy[0];
    double s = 0;
    for (int64_t at = lo; at < hi; at += RN_BLOCK) {
        float in[RN_BLOCK];
        int64_t n = rn_min(RN_BLOCK, hi - at);
        const float *x = rn_row_in(a->x[i], a->x_type[i], at, n, in);
#pragma omp simd reduction(+ : s)
        for (int64_t k = 0; k < n; k++)
            s += (double)dy[at + k] * (double)x[k];
    }
    return s;
}

/* The coefficient's vector gets a gradient at one index. */
static void coef_bwd(const struct rn_args *a, int i)
{
    float *dp = a->dx[2 + i];
    double *part = a->scratch, sum = 0;
    int64_t n = rn_elems(a->ys[0]);
    if (!(a->acc >> (2 + i) & 1))
        memset(dp, 0, (size_t)rn_elems(a->xs[2 + i]) * sizeof *dp);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++)
        part[c] = dot(a, i, c * RN_CHUNK, rn_chunk_end(c, n));
    for (int64_t c = 0; c < rn_chunks(n); c++)
        sum += part[c];
    dp[a->attrs.i[i]] += (float)(a->attrs.f[i] * sum);
}

static void bwd(const struct rn_args *a)
{
    for (int i = 0; i < 2; i++)
        if (a->dx[2 + i])
            coef_bwd(a, i);
    terms_bwd(a);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? (size_t)rn_chunks(rn_elems(a->ys[0])) * sizeof(double) : 0;
}

const struct rn_kernel RN_CPU(lincomb) = {fwd, bwd, scratch_bytes};
