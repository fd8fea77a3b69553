/* Linear layers are products of the library and little else. */
#include "operand.h"

struct sizes {
    int64_t R, N, K;
    bool kn; /* w is (K,N) */
};

static struct sizes sizes_of(const struct rn_args *a)
{
    return (struct sizes){rn_rows(a->xs[0]), rn_cols(a->ys[0]), rn_cols(a->xs[0]),
                          a->attrs.i[0] != 0};
}

static struct rn_cuda_matrix with_ld(struct rn_cuda_matrix m, int64_t ld, bool turned)
{
    m.ld = ld;
    m.turned = turned;
    return m;
}

/* y(R,N) = x(R,K) w(N,K)^T + bias; the library adds a bias of y's type. */
static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    void *at = a->scratch;
    struct rn_cuda_matrix x = rn_cuda_operand(c, a->compute, a->x[0], a->x_type[0], s.R * s.K, &at);
    struct rn_cuda_matrix w = rn_cuda_operand(c, a->compute, a->x[1], a->x_type[1], s.N * s.K, &at);
    struct rn_cuda_product p = RN_CUDA_PRODUCT(s.R, s.N, s.K);
    p.a = with_ld(x, s.K, false);
    p.b = with_ld(w, s.kn ? s.N : s.K, !s.kn);
    p.d = (struct rn_cuda_matrix){.p = a->y[0], .ld = s.N, .type = a->y_type[0]};
    if (a->x[2])
        p.bias = rn_cuda_operand(c, p.d.type, a->x[2], RN_F32, s.N, &at).p;
    rn_cuda_matmul(c, &p);
}

/* dx(R,K) = dy(R,N) w(N,K) */
static void give_dx(struct rn_cuda *c, const struct rn_args *a, struct sizes s,
                    struct rn_cuda_matrix dy, void *at)
{
    struct rn_cuda_matrix w = rn_cuda_operand(c, a->compute, a->x[1], a->x_type[1], s.N * s.K, &at);
    struct rn_cuda_product p = RN_CUDA_PRODUCT(s.R, s.K, s.N);
    p.a = with_ld(dy, s.N, false);
    p.b = with_ld(w, s.kn ? s.N : s.K, s.kn);
    p.d = (struct rn_cuda_matrix){.p = a->dx[0], .ld = s.K, .type = a->dx_type[0]};
    p.c = a->dx[0];
    p.beta = a->acc & 1 ? 1.0f : 0.0f;
    rn_cuda_matmul(c, &p);
}

/* dw(N,K) = dy(R,N)^T x(R,K); where w is (K,N), its transpose. */
static void give_dw(struct rn_cuda *c, const struct rn_args *a, struct sizes s,
                    struct rn_cuda_matrix dy, void *at)
{
    struct rn_cuda_matrix x = rn_cuda_operand(c, a->compute, a->x[0], a->x_type[0], s.R * s.K, &at);
    struct rn_cuda_product p = RN_CUDA_PRODUCT(s.kn ? s.K : s.N, s.kn ? s.N : s.K, s.R);
    p.a = s.kn ? with_ld(x, s.K, true) : with_ld(dy, s.N, true);
    p.b = s.kn ? with_ld(dy, s.N, false) : with_ld(x, s.K, false);
    p.d = (struct rn_cuda_matrix){.p = a->dx[1], .ld = p.N, .type = a->dx_type[1]};
    p.c = a->dx[1];
    p.beta = a->acc & 2 ? 1.0f : 0.0f;
    rn_cuda_matmul(c, &p);
}

/* dy is rounded once for both products; what else is rounded takes the same room, one after the
 * other. */
static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    void *at = a->scratch;
    struct rn_cuda_matrix dy =
        rn_cuda_operand(c, a->compute, a->dy[0], a->dy_type[0], s.R * s.N, &at);
    if (a->dx[0])
        give_dx(c, a, s, dy, at);
    if (a->dx[1])
        give_dw(c, a, s, dy, at);
    if (a->dx[2])
        rn_cuda_column_sums(c, a->dx[2], a->acc & 4, a->dy[0], a->dy_type[0], s.R, s.N, at);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t scratch_bytes(struct rn_cuda *c, const struct rn_args *a)
{
    (void)c;
    struct sizes s = sizes_of(a);
    size_t x = rn_cuda_operand_bytes(a->compute, a->x_type[0], s.R * s.K);
    size_t w = rn_cuda_operand_bytes(a->compute, a->x_type[1], s.N * s.K);
    size_t dy = rn_cuda_operand_bytes(a->compute, a->dy_type[0], s.R * s.N);
    if (!a->bwd)
        return x + w + rn_cuda_operand_bytes(a->y_type[0], RN_F32, s.N);
    return dy + larger(larger(x, w), a->xs[2].n ? rn_cuda_column_sums_bytes(s.R, s.N) : 0);
}

const struct rn_cuda_kernel rn_cuda_linear = {fwd, bwd, scratch_bytes};
