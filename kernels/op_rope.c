#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    if (xs[0]->n != 4)
        return "x must be (B,T,H,D)";
    if (xs[0]->d[3] % 2 != 0)
        return "D must be even";
    if (xs[1]->n != 2 || xs[1]->d[1] != xs[0]->d[3])
        return "cossin must be (Tmax,D)";
    if (rn_elems(*xs[2]) != xs[0]->d[0] * xs[0]->d[1])
        return "pos must be (B,T)";
    ys[0] = *xs[0];
    return NULL;
}

const struct rn_opdef rn_op_rope = {.nx = 3,
                                    .ny = 1,
                                    .ints = 4,
                                    .fixed = 2,
                                    .keep_x = 6,
                                    .over_x = true,
                                    .over_dy = true,
                                    .shape = shape};
