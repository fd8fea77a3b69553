#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    int64_t C = rn_cols(*xs[0]);
    if (!rn_shape_is_vector(xs[1], C) || !rn_shape_is_vector(xs[2], C))
        return "w and b must be (C)";
    ys[0] = *xs[0];
    ys[1] = ys[2] = RN_SHAPE(rn_rows(*xs[0]));
    return NULL;
}

/* y1 mean, y2 rstd. x is a sum that many ops add to: fp32; backward reads it anyway, so that y is
 * made again for the price of reading it. */
const struct rn_opdef rn_op_layernorm = {
    .nx = 3, .ny = 3, .narrow_y = 1, .keep_x = 3, .keep_y = 6, .again = true, .shape = shape};
