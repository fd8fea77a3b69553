#include "fp8.h"
#include "opdef.h"

enum { X, W, BIAS, X_CODES, X_TURNED, W_CODES, W_TURNED, AMAX };

static bool is(const struct rn_shape *s, int64_t rows, int64_t cols)
{
    return rn_rows(*s) == rows && rn_cols(*s) == cols;
}

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    if (xs[W]->n != 2)
        return "w must have two dimensions";
    int64_t R = rn_rows(*xs[X]), K = rn_cols(*xs[X]), n = rn_rows(*xs[AMAX]);
    int64_t N = xs[W]->d[attrs->i[3] ? 1 : 0];
    if (xs[W]->d[attrs->i[3] ? 0 : 1] != K)
        return "x and w disagree about K";
    if (xs[BIAS] && !rn_shape_is_vector(xs[BIAS], N))
        return "bias must be (N)";
    if (!is(xs[X_CODES], R, K) || !is(xs[X_TURNED], K, R) || !is(xs[W_CODES], N, K) ||
        !is(xs[W_TURNED], K, N))
        return "codes must be (R,K), (K,R), (N,K), (K,N)";
    if (R % RN_FP8_MULTIPLE != 0 || N % RN_FP8_MULTIPLE != 0 || K % RN_FP8_MULTIPLE != 0)
        return "R, N and K must be multiples of 16";
    if (!rn_dtype_is_code((int)attrs->i[0]))
        return "i0 must be a type of codes";
    for (int i = 1; i < 6; i++)
        if (i != 2 && i != 3 && (attrs->i[i] < 0 || attrs->i[i] >= n))
            return "amax has no such row";
    ys[0] = *xs[X];
    ys[0].d[ys[0].n - 1] = N;
    return NULL;
}

/* dx needs w, dw needs x. */
static unsigned keep(unsigned present, unsigned want)
{
    (void)present;
    unsigned dx = 1u << W_TURNED | 1u << AMAX, dw = 1u << X_TURNED | 1u << AMAX;
    return (want & 1 ? dx : 0) | (want & 2 ? dw : 0);
}

const struct rn_opdef rn_op_linear_fp8 = {.nx = 8,
                                          .ny = 1,
                                          .optional = 1 << BIAS,
                                          .codes = 0x78,
                                          .fixed = 0xf8,
                                          .writes = 1 << AMAX,
                                          .narrow_x = 1,
                                          .narrow_y = 1,
                                          .keep = keep,
                                          .shape = shape,
                                          .flops = rn_linear_flops};
