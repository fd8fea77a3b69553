#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    if (attrs->i[0] < 1 || attrs->i[0] > rn_cols(*xs[0]))
        return "i0 lies outside the columns";
    ys[0] = RN_SHAPE(rn_rows(*xs[0]));
    return NULL;
}

const struct rn_opdef rn_op_argmax = {
    .nx = 1, .ny = 1, .y_ints = 1, .forward_only = true, .shape = shape};
