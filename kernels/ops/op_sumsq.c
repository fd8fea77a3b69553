#include "op_batch.h"
#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    if (xs[1] && rn_elems(*xs[1]) != 1)
        return "the sum so far must have one element";
    ys[0] = RN_SHAPE(1);
    return NULL;
}

const struct rn_opdef rn_op_sumsq = {
    .nx = 2, .ny = 1, .optional = 2, .forward_only = true, .batch = RN_SUMSQ_BATCH, .shape = shape};
