#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    ys[0] = RN_SHAPE(rn_elems(*xs[1]), rn_cols(*xs[0]));
    return NULL;
}

const struct rn_opdef rn_op_gather_rows = {
    .nx = 2, .ny = 1, .ints = 2, .looks_up = 1, .forward_only = true, .shape = shape};
