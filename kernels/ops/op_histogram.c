#include "opdef.h"

enum { MOST_BINS = 32 };

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)xs;
    if (attrs->i[0] < 1 || attrs->i[0] > MOST_BINS)
        return "a histogram has 1 to 32 bins";
    ys[0] = RN_SHAPE(2 + attrs->i[0]);
    return NULL;
}

const struct rn_opdef rn_op_histogram = {
    .nx = 1, .ny = 1, .stored_x = 1, .forward_only = true, .shape = shape};
