#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)xs, (void)attrs, (void)ys;
    return NULL;
}

const struct rn_opdef rn_op_zero_grads = {
    .nx = 1, .ny = 0, .writes = 1, .forward_only = true, .takes_grads = true, .shape = shape};
