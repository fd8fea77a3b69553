#include "opdef.h"

enum { HEAD_MAX = 1024 }; /* kernels hold a head on their stack */

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    const struct rn_shape *x = xs[0];
    if (x->n != 4)
        return "x must be (B,T,H,D)";
    if (x->d[3] % 2 != 0 || x->d[3] > HEAD_MAX)
        return "D must be even and 1024 at most";
    if (xs[1]->n != 2 || xs[1]->d[1] != x->d[3])
        return "cossin must be (Tmax,D)";
    if (rn_elems(*xs[2]) != x->d[0] * x->d[1])
        return "pos must be (B,T)";
    ys[0] = *x;
    ys[1] = RN_SHAPE(x->d[0], x->d[1], x->d[2]);
    return NULL;
}

/* Backward reads y and y1 = rstd, so that x may die. */
const struct rn_opdef rn_op_rope_norm = {.nx = 3,
                                         .ny = 2,
                                         .ints = 4,
                                         .fixed = 2,
                                         .narrow_x = 1,
                                         .narrow_y = 1,
                                         .keep_x = 6,
                                         .keep_y = 3,
                                         .over_x = true,
                                         .over_dy = true,
                                         .shape = shape};
