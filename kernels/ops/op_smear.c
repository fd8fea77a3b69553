#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    if (xs[0]->n != 3)
        return "x must be (B,T,C)";
    if (rn_elems(*xs[1]) != rn_cols(*xs[1]) || rn_cols(*xs[1]) > xs[0]->d[2])
        return "w must be (1,G) with G at most C";
    if (rn_elems(*xs[2]) != 1)
        return "lambda must have one element";
    ys[0] = *xs[0];
    ys[1] = RN_SHAPE(xs[0]->d[0], xs[0]->d[1]);
    return NULL;
}

/* y1(B,T) the gates. */
const struct rn_opdef rn_op_smear = {.nx = 3, .ny = 2, .keep_x = 7, .keep_y = 2, .shape = shape};
