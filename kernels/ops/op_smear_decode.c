#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    const struct rn_shape *x = xs[0], *cache = xs[3];
    if (x->n != 3)
        return "x must be (B,T,C)";
    if (rn_elems(*xs[1]) != rn_cols(*xs[1]) || rn_cols(*xs[1]) > x->d[2])
        return "w must be (1,G) with G at most C";
    if (rn_elems(*xs[2]) != 1)
        return "lambda must have one element";
    if (cache->n != 3 || x->d[0] % cache->d[0] != 0 || cache->d[2] != x->d[2])
        return "cache must be (S,Tmax,C) where S divides B";
    if (rn_elems(*xs[4]) != 2 * x->d[0])
        return "span must be (B,2)";
    ys[0] = *x;
    return NULL;
}

const struct rn_opdef rn_op_smear_decode = {
    .nx = 5, .ny = 1, .ints = 16, .writes = 8, .forward_only = true, .shape = shape};
