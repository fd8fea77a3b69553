#include "opdef.h"

/* y = f0 * pa[i0] * a + f1 * pb[i1] * b */
static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    if (!rn_shape_same(xs[0], xs[1]))
        return "a and b differ in shape";
    for (int i = 0; i < 2; i++)
        if (xs[2 + i] && (attrs->i[i] < 0 || attrs->i[i] >= rn_elems(*xs[2 + i])))
            return "a coefficient's index lies outside its vector";
    ys[0] = *xs[0];
    return NULL;
}

/* The coefficients always; a and b only for the coefficients' own gradients. */
static unsigned keep(unsigned present, unsigned want)
{
    return (present & 12) | (want >> 2 & 3);
}

/* a and y are sums that many ops add to: fp32. */
const struct rn_opdef rn_op_lincomb = {.nx = 4,
                                       .ny = 1,
                                       .optional = 12,
                                       .narrow_x = 2,
                                       .keep = keep,
                                       .over_x = true,
                                       .over_dy = true,
                                       .shape = shape};
