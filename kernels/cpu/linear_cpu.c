#include "cpu.h"

#include <string.h>

struct sizes {
    int64_t R, N, K;
    bool kn; /* w is (K,N) */
};

static struct sizes sizes_of(const struct rn_args *a)
{
    return (struct sizes){rn_rows(a->xs[0]), rn_cols(a->ys[0]), rn_cols(a->xs[0]),
                          a->attrs.i[0] != 0};
}

static void fill_bias(float *y, const float *bias, int64_t R, int64_t N)
{
#pragma omp parallel for schedule(static) if (rn_worth(R * N))
    for (int64_t r = 0; r < R; r++)
        memcpy(y + r * N, bias, (size_t)N * sizeof *y);
}

static void fwd(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    if (a->x[2])
        fill_bias(a->y[0], a->x[2], s.R, s.N);
    rn_gemm(false, !s.kn, s.R, s.N, s.K, 1, a->x[0], s.K, a->x[1], s.kn ? s.N : s.K,
            a->x[2] ? 1 : 0, a->y[0], s.N);
}

static void bias_bwd(float *db, const float *dy, float *part, int64_t R, int64_t N, bool add)
{
    int64_t parts = rn_parts(R);
#pragma omp parallel for schedule(static) if (rn_worth(R * N))
    for (int64_t p = 0; p < parts; p++) {
        float *sum = part + p * N;
        memset(sum, 0, (size_t)N * sizeof *sum);
        for (int64_t r = rn_part_start(p, parts, R); r < rn_part_start(p + 1, parts, R); r++)
            for (int64_t n = 0; n < N; n++)
                sum[n] += dy[r * N + n];
    }
    rn_add_parts(db, part, parts, N, add);
}

static void bwd(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    const float *dy = a->dy[0], *x = a->x[0];
    if (a->dx[0])
        rn_gemm(false, s.kn, s.R, s.K, s.N, 1, dy, s.N, a->x[1], s.kn ? s.N : s.K, a->acc & 1,
                a->dx[0], s.K);
    if (a->dx[1] && s.kn)
        rn_gemm(true, false, s.K, s.N, s.R, 1, x, s.K, dy, s.N, a->acc >> 1 & 1, a->dx[1], s.N);
    else if (a->dx[1])
        rn_gemm(true, false, s.N, s.K, s.R, 1, dy, s.N, x, s.K, a->acc >> 1 & 1, a->dx[1], s.K);
    if (a->dx[2])
        bias_bwd(a->dx[2], dy, a->scratch, s.R, s.N, a->acc >> 2 & 1);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    struct sizes s = sizes_of(a);
    return a->bwd && a->xs[2].n ? (size_t)(rn_parts(s.R) * s.N) * sizeof(float) : 0;
}

const struct rn_kernel RN_CPU(linear) = {fwd, bwd, scratch_bytes};
