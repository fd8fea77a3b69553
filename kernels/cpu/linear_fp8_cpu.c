/* Codes are made floats again and multiplied as such: nobody trains so, but a GPU's products are
 * held against these. */
#include "fp8_codes.h"
#include "gemm.h"

struct sizes {
    int64_t R, N, K;
    bool kn; /* w is (K,N) */
};

static struct sizes sizes_of(const struct rn_args *a)
{
    return (struct sizes){rn_rows(a->xs[RN_FP8_X]), rn_cols(a->ys[0]), rn_cols(a->xs[RN_FP8_X]),
                          a->attrs.i[RN_FP8_I_KN] != 0};
}

/* All matrices of a call as floats, one after the other. */
struct room {
    float *next;
};

static float *take(struct room *room, int64_t n)
{
    float *p = room->next;
    room->next += n;
    return p;
}

static float step_of(const struct rn_args *a, int attribute)
{
    return rn_amax_row(a->x[RN_FP8_AMAX], a->xs[RN_FP8_AMAX], a->attrs.i[attribute])[RN_AMAX_STEP];
}

static struct rn_matrix decoded(struct room *room, const struct rn_args *a, int operand,
                                int attribute)
{
    int64_t n = rn_elems(a->xs[operand]);
    float *to = take(room, n);
    rn_decode(to, a->x[operand], n, a->x_type[operand], step_of(a, attribute));
    return (struct rn_matrix){to, rn_cols(a->xs[operand]), false, RN_F32};
}

static struct rn_matrix turned(struct rn_matrix m)
{
    m.turned = true;
    return m;
}

/* Through fp32, whatever the result's type: sums are rounded once. */
static void multiply(const struct rn_product *how, struct room *room, bool add)
{
    struct rn_product p = *how;
    float *y = how->c.p;
    if (how->c.type != RN_F32) {
        y = take(room, p.M * p.N);
        p.c = (struct rn_matrix){y, p.N, false, RN_F32};
    }
    p.add = add;
    rn_product_run(&p, RN_F32, NULL);
    if (how->c.type != RN_F32)
        rn_row_done(how->c.p, how->c.type, 0, p.M * p.N, y);
}

static void fwd(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    struct room room = {a->scratch};
    struct rn_product p = {.M = s.R, .N = s.N, .K = s.K, .bias = a->x[RN_FP8_BIAS]};
    p.a = decoded(&room, a, RN_FP8_X_CODES, RN_FP8_I_X_ROW);
    p.b = turned(decoded(&room, a, RN_FP8_W_CODES, RN_FP8_I_W_ROW));
    p.c = (struct rn_matrix){a->y[0], s.N, false, a->y_type[0]};
    multiply(&p, &room, false);
}

/* dy as codes, and as floats again. */
static struct rn_matrix quantized_dy(struct room *room, const struct rn_args *a, struct sizes s)
{
    float *to = take(room, s.R * s.N);
    uint8_t *codes = (uint8_t *)take(room, s.R * s.N);
    struct rn_quantizing q = rn_quantizing_dy(a, codes);
    rn_quantize(&q);
    rn_decode(to, codes, s.R * s.N, q.code, q.row[RN_AMAX_STEP]);
    return (struct rn_matrix){to, s.N, false, RN_F32};
}

/* dx(R,K) = dy(R,N) w(N,K) */
static void give_dx(const struct rn_args *a, struct sizes s, struct rn_matrix dy, struct room room)
{
    struct rn_product p = {.M = s.R, .N = s.K, .K = s.N, .a = dy};
    p.b = turned(decoded(&room, a, RN_FP8_W_TURNED, RN_FP8_I_W_ROW));
    p.c = (struct rn_matrix){a->dx[RN_FP8_X], s.K, false, a->dx_type[RN_FP8_X]};
    multiply(&p, &room, a->acc & 1);
}

/* dw(N,K) = dy(R,N)^T x(R,K); where w is (K,N), its transpose. */
static void give_dw(const struct rn_args *a, struct sizes s, struct rn_matrix dy, struct room room)
{
    struct rn_product p = {.M = s.kn ? s.K : s.N, .N = s.kn ? s.N : s.K, .K = s.R};
    struct rn_matrix xt = decoded(&room, a, RN_FP8_X_TURNED, RN_FP8_I_X_ROW);
    p.a = s.kn ? xt : turned(dy);
    p.b = s.kn ? dy : turned(xt);
    p.c = (struct rn_matrix){a->dx[RN_FP8_W], p.N, false, a->dx_type[RN_FP8_W]};
    multiply(&p, &room, a->acc >> 1 & 1);
}

static void give_bias(const struct rn_args *a, struct sizes s)
{
    float *sum = a->dx[RN_FP8_BIAS];
    if (!(a->acc >> RN_FP8_BIAS & 1))
        memset(sum, 0, (size_t)s.N * sizeof *sum);
    for (int64_t r = 0; r < s.R; r++)
        rn_add_row(sum, a->dy[0], a->dy_type[0], r * s.N, s.N);
}

static void bwd(const struct rn_args *a)
{
    struct sizes s = sizes_of(a);
    struct room room = {a->scratch};
    if (a->dx[RN_FP8_X] || a->dx[RN_FP8_W]) {
        struct rn_matrix dy = quantized_dy(&room, a, s);
        if (a->dx[RN_FP8_X])
            give_dx(a, s, dy, room);
        if (a->dx[RN_FP8_W])
            give_dw(a, s, dy, room);
    }
    if (a->dx[RN_FP8_BIAS])
        give_bias(a, s);
}

/* Room for all of it at once; products of fp32 need none. */
static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    struct sizes s = sizes_of(a);
    return (size_t)(3 * s.R * s.N + 2 * s.R * s.K + 2 * s.N * s.K) * sizeof(float);
}

const struct rn_kernel RN_CPU(linear_fp8) = {fwd, bwd, scratch_bytes};
