#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    if (xs[0]->n != 3 || xs[0]->d[1] != 1)
        return "x must be (B,1,C)";
    if (rn_elems(*xs[1]) != rn_cols(*xs[1]) || rn_cols(*xs[1]) > xs[0]->d[2])
        return "w must be (1,G) with G at most C";
    if (rn_elems(*xs[2]) != 1)
        return "lambda must have one element";
    if (rn_elems(*xs[3]) != rn_elems(*xs[0]))
        return "prev must be (B,1,C)";
    if (rn_elems(*xs[4]) != xs[0]->d[0])
        return "pos must be (B,1)";
    ys[0] = *xs[0];
    return NULL;
}

const struct rn_opdef rn_op_smear_decode = {
    .nx = 5, .ny = 1, .ints = 16, .writes = 8, .forward_only = true, .shape = shape};
