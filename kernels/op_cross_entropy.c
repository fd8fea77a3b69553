#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    int64_t R = rn_rows(*xs[0]);
    if (attrs->i[0] < 1 || attrs->i[0] > rn_cols(*xs[0]))
        return "V lies outside the logits' columns";
    if (rn_elems(*xs[1]) != R)
        return "targets must have one element for each row of logits";
    if (rn_elems(*xs[2]) != 1)
        return "scale must have one element";
    ys[0] = RN_SHAPE(1);
    ys[1] = ys[2] = RN_SHAPE(R);
    return NULL;
}

/* y2(R) = log of the row's sum of exponentials. */
const struct rn_opdef rn_op_cross_entropy = {
    .nx = 3, .ny = 3, .ints = 2, .fixed = 4, .keep_x = 7, .keep_y = 4, .shape = shape};
