#include "opdef.h"

/* y(..,C) = w(V,C)[ids(..)] */
static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    if (xs[0]->n >= RN_MAX_DIMS)
        return "ids have too many dimensions";
    if (xs[1]->n != 2)
        return "w must be (V,C)";
    ys[0] = *xs[0];
    ys[0].d[ys[0].n++] = xs[1]->d[1];
    return NULL;
}

const struct rn_opdef rn_op_embed = {
    .nx = 2, .ny = 1, .ints = 1, .looks_up = 2, .stored_x = 2, .keep_x = 1, .shape = shape};
