#include "fp8.h"
#include "opdef.h"

static bool is(const struct rn_shape *s, int64_t rows, int64_t cols)
{
    return rn_rows(*s) == rows && rn_cols(*s) == cols;
}

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    static const int rows[] = {RN_FP8_I_ROW, RN_FP8_I_X_ROW, RN_FP8_I_W_ROW};
    if (xs[RN_FP8_W]->n != 2)
        return "w must have two dimensions";
    int64_t R = rn_rows(*xs[RN_FP8_X]), K = rn_cols(*xs[RN_FP8_X]), n = rn_rows(*xs[RN_FP8_AMAX]);
    int64_t N = xs[RN_FP8_W]->d[attrs->i[RN_FP8_I_KN] ? 1 : 0];
    if (xs[RN_FP8_W]->d[attrs->i[RN_FP8_I_KN] ? 0 : 1] != K)
        return "x and w disagree about K";
    if (xs[RN_FP8_BIAS] && !rn_shape_is_vector(xs[RN_FP8_BIAS], N))
        return "bias must be (N)";
    if (!is(xs[RN_FP8_X_CODES], R, K) || !is(xs[RN_FP8_X_TURNED], K, R) ||
        !is(xs[RN_FP8_W_CODES], N, K) || !is(xs[RN_FP8_W_TURNED], K, N))
        return "codes must be (R,K), (K,R), (N,K), (K,N)";
    if (R % RN_FP8_MULTIPLE != 0 || N % RN_FP8_MULTIPLE != 0 || K % RN_FP8_MULTIPLE != 0)
        return "R, N and K must be multiples of 16";
    if (!rn_dtype_is_code((int)attrs->i[RN_FP8_I_CODE]))
        return "i0 must be a type of codes";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (attrs->i[rows[i]] < 0 || attrs->i[rows[i]] >= n)
            return "amax has no such row";
    ys[0] = *xs[RN_FP8_X];
    ys[0].d[ys[0].n - 1] = N;
    return NULL;
}

/* dx needs w, dw needs x. */
static unsigned keep(unsigned present, unsigned want)
{
    (void)present;
    unsigned dx = 1u << RN_FP8_W_TURNED | 1u << RN_FP8_AMAX,
             dw = 1u << RN_FP8_X_TURNED | 1u << RN_FP8_AMAX;
    return (want & 1 ? dx : 0) | (want & 2 ? dw : 0);
}

const struct rn_opdef rn_op_linear_fp8 = {.nx = 8,
                                          .ny = 1,
                                          .optional = 1 << RN_FP8_BIAS,
                                          .codes = 0x78,
                                          .fixed = 0xf8,
                                          .writes = 1 << RN_FP8_AMAX,
                                          .narrow_x = 1,
                                          .narrow_y = 1,
                                          .keep = keep,
                                          .shape = shape,
                                          .flops = rn_linear_flops};
