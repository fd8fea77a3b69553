#include "opdef.h"

/* y(..,N) = x(..,K) w^T + bias(N); w is (N,K), with i0 1 (K,N). */
static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    if (xs[1]->n != 2)
        return "w must have two dimensions";
    int64_t n = xs[1]->d[attrs->i[0] ? 1 : 0], k = xs[1]->d[attrs->i[0] ? 0 : 1];
    if (rn_cols(*xs[0]) != k)
        return "x and w disagree about K";
    if (xs[2] && !rn_shape_is_vector(xs[2], n))
        return "bias must be (N)";
    ys[0] = *xs[0];
    ys[0].d[ys[0].n - 1] = n;
    return NULL;
}

/* dx needs w, dw needs x. */
static unsigned keep(unsigned present, unsigned want)
{
    (void)present;
    return (want & 1 ? 2u : 0u) | (want & 2 ? 1u : 0u);
}

double rn_linear_flops(const struct rn_shape *xs, const struct rn_shape *ys,
                       const struct rn_attrs *attrs, unsigned want)
{
    (void)attrs;
    double one = 2.0 * (double)rn_elems(ys[0]) * (double)rn_cols(xs[0]);
    return want ? one * ((want & 1) + (want >> 1 & 1)) : one;
}

const struct rn_opdef rn_op_linear = {.nx = 3,
                                      .ny = 1,
                                      .optional = 4,
                                      .narrow_x = 1,
                                      .narrow_y = 1,
                                      .keep = keep,
                                      .shape = shape,
                                      .flops = rn_linear_flops};
