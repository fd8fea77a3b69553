#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    if (rn_cols(*xs[0]) % 3 != 0)
        return "the last dimension is no multiple of 3";
    ys[0] = *xs[0];
    ys[0].d[ys[0].n - 1] /= 3;
    ys[1] = ys[2] = ys[0];
    return NULL;
}

const struct rn_opdef rn_op_split = {
    .nx = 1, .ny = 3, .narrow_x = 1, .narrow_y = 7, .shape = shape};
