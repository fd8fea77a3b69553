/* Linear layers of eight-bit codes: dy becomes codes here, x and w are. All products are of rows
 * along what is summed over, as the library wants them. Sums that make weights' and values'
 * gradients keep all their digits; forward, where the library is faster with fewer, they need not.
 * Two matrices of e5m2 the library does not multiply: they are, as the bf16 numbers that they stand
 * for, which is no faster than bf16. */
#include "operand.h"
#include "quantize.h"

struct sizes {
    int64_t R, N, K;
};

static struct sizes sizes_of(const struct rn_args *a)
{
    return (struct sizes){rn_rows(a->xs[RN_FP8_X]), rn_cols(a->ys[0]), rn_cols(a->xs[RN_FP8_X])};
}

static const float *step_of(const struct rn_args *a, int attribute)
{
    return rn_amax_row(a->x[RN_FP8_AMAX], a->xs[RN_FP8_AMAX], a->attrs.i[attribute]) + RN_AMAX_STEP;
}

static struct rn_cuda_matrix codes_of(const struct rn_args *a, int operand, int attribute)
{
    return (struct rn_cuda_matrix){.p = a->x[operand],
                                   .ld = rn_cols(a->xs[operand]),
                                   .type = a->x_type[operand],
                                   .step = step_of(a, attribute)};
}

static bool both_e5m2(uint8_t a, uint8_t b)
{
    return a == RN_E5M2 && b == RN_E5M2;
}

static struct rn_cuda_matrix decoded(struct rn_cuda *c, struct rn_cuda_matrix m, int64_t rows,
                                     uint16_t **room)
{
    uint16_t *to = *room;
    rn_cuda_decode(c, to, m.p, m.type, m.step, rows * m.ld);
    *room += rows * m.ld;
    return (struct rn_cuda_matrix){.p = to, .ld = m.ld, .type = RN_BF16};
}

/* A(M,K) times B(N,K)^T */
static void take_factors(struct rn_cuda *c, struct rn_cuda_product *p, struct rn_cuda_matrix A,
                         struct rn_cuda_matrix B, void *room)
{
    uint16_t *at = room;
    bool decode = both_e5m2(A.type, B.type);
    p->a = decode ? decoded(c, A, p->M, &at) : A;
    p->b = decode ? decoded(c, B, p->N, &at) : B;
    p->b.turned = true;
    p->fast = p->fast && !decode;
}

/* D(M,N) = or += that */
static void multiply(struct rn_cuda *c, struct rn_cuda_product *p, void *d, uint8_t d_type,
                     bool add)
{
    p->d = (struct rn_cuda_matrix){.p = d, .ld = p->N, .type = d_type};
    p->c = d;
    p->beta = add ? 1 : 0;
    rn_cuda_matmul(c, p);
}

/* y(R,N) = x(R,K) w(N,K)^T + bias */
static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    struct rn_cuda_product p = RN_CUDA_PRODUCT(s.R, s.N, s.K);
    void *at = a->scratch;
    struct rn_cuda_matrix x = codes_of(a, RN_FP8_X_CODES, RN_FP8_I_X_ROW),
                          w = codes_of(a, RN_FP8_W_CODES, RN_FP8_I_W_ROW);
    enum rn_dtype bias = both_e5m2(x.type, w.type) ? (enum rn_dtype)a->y_type[0] : RN_BF16;
    if (a->x[RN_FP8_BIAS])
        p.bias = rn_cuda_operand(c, bias, a->x[RN_FP8_BIAS], RN_F32, s.N, &at).p;
    p.fast = true;
    take_factors(c, &p, x, w, at);
    multiply(c, &p, a->y[0], a->y_type[0], false);
}

struct gradient {                       /* dy as codes */
    struct rn_cuda_matrix rows, turned; /* (R,N), (N,R) */
    void *room;                         /* behind them */
};

static struct gradient quantize_dy(struct rn_cuda *c, const struct rn_args *a, struct sizes s)
{
    uint8_t *codes = a->scratch;
    struct rn_quantizing q = rn_quantizing_dy(a, codes);
    rn_cuda_encode(c, &q);
    const float *step = step_of(a, RN_FP8_I_ROW);
    return (struct gradient){{.p = q.codes, .ld = s.N, .type = q.code, .step = step},
                             {.p = q.turned, .ld = s.R, .type = q.code, .step = step},
                             codes + 2 * s.R * s.N};
}

/* dx(R,K) = dy(R,N) w(N,K) */
static void give_dx(struct rn_cuda *c, const struct rn_args *a, struct sizes s,
                    const struct gradient *dy)
{
    struct rn_cuda_product p = RN_CUDA_PRODUCT(s.R, s.K, s.N);
    take_factors(c, &p, dy->rows, codes_of(a, RN_FP8_W_TURNED, RN_FP8_I_W_ROW), dy->room);
    multiply(c, &p, a->dx[RN_FP8_X], a->dx_type[RN_FP8_X], a->acc & 1);
}

/* dw(N,K) = dy(R,N)^T x(R,K); where w is (K,N), its transpose. */
static void give_dw(struct rn_cuda *c, const struct rn_args *a, struct sizes s,
                    const struct gradient *dy)
{
    bool kn = a->attrs.i[RN_FP8_I_KN] != 0;
    struct rn_cuda_matrix x = codes_of(a, RN_FP8_X_TURNED, RN_FP8_I_X_ROW);
    struct rn_cuda_product p = RN_CUDA_PRODUCT(kn ? s.K : s.N, kn ? s.N : s.K, s.R);
    take_factors(c, &p, kn ? x : dy->turned, kn ? dy->turned : x, dy->room);
    multiply(c, &p, a->dx[RN_FP8_W], a->dx_type[RN_FP8_W], a->acc & 2);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    if (a->dx[RN_FP8_X] || a->dx[RN_FP8_W]) {
        struct gradient dy = quantize_dy(c, a, s);
        if (a->dx[RN_FP8_X])
            give_dx(c, a, s, &dy);
        if (a->dx[RN_FP8_W])
            give_dw(c, a, s, &dy);
    }
    if (a->dx[RN_FP8_BIAS])
        rn_cuda_column_sums(c, a->dx[RN_FP8_BIAS], a->acc & 1 << RN_FP8_BIAS, a->dy[0],
                            a->dy_type[0], s.R, s.N, a->scratch);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t scratch_bytes(struct rn_cuda *c, const struct rn_args *a)
{
    (void)c;
    struct sizes s = sizes_of(a);
    size_t x = (size_t)(s.R * s.K), w = (size_t)(s.N * s.K), y = (size_t)(s.R * s.N);
    bool decode =
        both_e5m2(a->x_type[RN_FP8_X_CODES], a->bwd ? (uint8_t)a->attrs.i[RN_FP8_I_CODE] : RN_E5M2);
    if (!a->bwd)
        return rn_cuda_operand_bytes(RN_BF16, RN_F32, 2 * s.N) +
               (decode ? (x + w) * sizeof(uint16_t) : 0);
    size_t codes = 2 * y + (decode ? (y + larger(x, w)) * sizeof(uint16_t) : 0);
    return larger(codes, a->xs[RN_FP8_BIAS].n ? rn_cuda_column_sums_bytes(s.R, s.N) : 0);
}

const struct rn_cuda_kernel rn_cuda_linear_fp8 = {fwd, bwd, scratch_bytes};
