#include "fp8.h"
#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs, (void)ys;
    if (xs[0]->n != 2 || rn_cols(*xs[0]) <= RN_AMAX_HISTORY)
        return "amax must be (n, 6 + H)";
    return NULL;
}

const struct rn_opdef rn_op_amax_roll = {
    .nx = 1, .ny = 0, .writes = 1, .forward_only = true, .shape = shape};
