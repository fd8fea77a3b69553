#include "cpu.h"

#include <string.h>

static float coef_of(const struct rn_args *a, int i)
{
    const float *p = a->x[2 + i];
    return p ? a->attrs.f[i] * p[a->attrs.i[i]] : a->attrs.f[i];
}

static void lincomb(float *y, const float *a, float ca, const float *b, float cb, int64_t n)
{
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
#pragma omp simd
        for (int64_t i = c * RN_CHUNK; i < rn_chunk_end(c, n); i++)
            y[i] = ca * a[i] + cb * b[i];
    }
}

static void fwd(const struct rn_args *a)
{
    lincomb(a->y[0], a->x[0], coef_of(a, 0), a->x[1], coef_of(a, 1), rn_elems(a->ys[0]));
}

static void add_scaled(float *dx, const float *dy, float k, int64_t n, bool add)
{
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        int64_t lo = c * RN_CHUNK, hi = rn_chunk_end(c, n);
#pragma omp simd
        for (int64_t i = lo; i < hi; i++)
            dx[i] = add ? dx[i] + k * dy[i] : k * dy[i];
    }
}

static double dot(const float *a, const float *b, double *part, int64_t n)
{
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++) {
        double s = 0;
#pragma omp simd reduction(+ : s)
        for (int64_t i = c * RN_CHUNK; i < rn_chunk_end(c, n); i++)
            s += (double)a[i] * (double)b[i];
        part[c] = s;
    }
    double sum = 0;
    for (int64_t c = 0; c < rn_chunks(n); c++)
        sum += part[c];
    return sum;
}

/* The coefficient's vector gets a gradient at one index. */
static void coef_bwd(const struct rn_args *a, int i)
{
    float *dp = a->dx[2 + i];
    if (!dp)
        return;
    if (!(a->acc >> (2 + i) & 1))
        memset(dp, 0, (size_t)rn_elems(a->xs[2 + i]) * sizeof *dp);
    double d = dot(a->dy[0], a->x[i], a->scratch, rn_elems(a->ys[0]));
    dp[a->attrs.i[i]] += (float)(a->attrs.f[i] * d);
}

static void bwd(const struct rn_args *a)
{
    for (int i = 0; i < 2; i++)
        if (a->dx[i])
            add_scaled(a->dx[i], a->dy[0], coef_of(a, i), rn_elems(a->ys[0]), a->acc >> i & 1);
    for (int i = 0; i < 2; i++)
        coef_bwd(a, i);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return a->bwd ? (size_t)rn_chunks(rn_elems(a->ys[0])) * sizeof(double) : 0;
}

const struct rn_kernel RN_CPU(lincomb) = {fwd, bwd, scratch_bytes};
