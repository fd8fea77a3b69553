#include "bf16.h"
#include "gemm.h"

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

/* y(R,N) = x(R,K) w(N,K)^T + bias */
static struct rn_product forward_of(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    return (struct rn_product){.M = s.R,
                               .N = s.N,
                               .K = s.K,
                               .a = {a->x[0], s.K, false, a->x_type[0]},
                               .b = {a->x[1], s.kn ? s.N : s.K, !s.kn, a->x_type[1]},
                               .c = {a->y[0], s.N, false, a->y_type[0]},
                               .bias = a->x[2]};
}

/* dx(R,K) = dy(R,N) w(N,K) */
static struct rn_product dx_of(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    return (struct rn_product){.M = s.R,
                               .N = s.K,
                               .K = s.N,
                               .a = {a->dy[0], s.N, false, a->dy_type[0]},
                               .b = {a->x[1], s.kn ? s.N : s.K, s.kn, a->x_type[1]},
                               .c = {a->dx[0], s.K, false, a->dx_type[0]},
                               .add = a->acc & 1};
}

/* dw(N,K) = dy(R,N)^T x(R,K); where w is (K,N), its transpose. */
static struct rn_product dw_of(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    struct rn_matrix dy = {a->dy[0], s.N, s.kn == false, a->dy_type[0]};
    struct rn_matrix x = {a->x[0], s.K, s.kn, a->x_type[0]};
    return (struct rn_product){.M = s.kn ? s.K : s.N,
                               .N = s.kn ? s.N : s.K,
                               .K = s.R,
                               .a = s.kn ? x : dy,
                               .b = s.kn ? dy : x,
                               .c = {a->dx[1], s.kn ? s.N : s.K, false, a->dx_type[1]},
                               .add = a->acc >> 1 & 1};
}

static void fwd(const struct rn_args *a)
{
    struct rn_product p = forward_of(a);
    rn_product_run(&p, a->compute, a->scratch);
}

/* Each piece of the rows has its own sums, which are added in the order of the pieces. */
static void bias_bwd(const struct rn_args *a, int64_t R, int64_t N)
{
    float *part = a->scratch;
    int64_t parts = rn_parts(R);
#pragma omp parallel for schedule(static) if (rn_worth(R * N))
    for (int64_t p = 0; p < parts; p++) {
        float *sum = part + p * N;
        memset(sum, 0, (size_t)N * sizeof *sum);
        for (int64_t r = rn_part_start(p, parts, R); r < rn_part_start(p + 1, parts, R); r++)
            rn_add_row(sum, a->dy[0], a->dy_type[0], r * N, N);
    }
    rn_add_parts(a->dx[2], part, parts, N, a->acc >> 2 & 1);
}

static void bwd(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    struct rn_product dx = dx_of(a), dw = dw_of(a);
    if (a->dx[0])
        rn_product_run(&dx, a->compute, a->scratch);
    if (a->dx[1])
        rn_product_run(&dw, a->compute, a->scratch);
    if (a->dx[2])
        bias_bwd(a, s.R, s.N);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    struct sizes s = sizes_of(a);
    struct rn_product y = forward_of(a), dx = dx_of(a), dw = dw_of(a);
    if (!a->bwd)
        return rn_product_scratch_bytes(&y, a->compute, threads);
    size_t bias = a->xs[2].n ? (size_t)(rn_parts(s.R) * s.N) * sizeof(float) : 0;
    size_t need = rn_product_scratch_bytes(&dx, a->compute, threads);
    size_t other = rn_product_scratch_bytes(&dw, a->compute, threads);
    need = other > need ? other : need;
    return bias > need ? bias : need;
}

const struct rn_kernel RN_CPU(linear) = {fwd, bwd, scratch_bytes};
