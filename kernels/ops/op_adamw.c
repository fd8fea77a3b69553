#include "op_batch.h"
#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)ys;
    int64_t n = rn_elems(*xs[0]);
    if (rn_elems(*xs[1]) != n || rn_elems(*xs[2]) != n || rn_elems(*xs[3]) != n)
        return "w, g, m and v differ in size";
    if (attrs->i[0] < 0 || attrs->i[0] + 7 > rn_elems(*xs[4]))
        return "hyper[i0 .. i0+6] lies outside hyper";
    if (xs[5] && rn_elems(*xs[5]) != 1)
        return "coef must have one element";
    return NULL;
}

const struct rn_opdef rn_op_adamw = {.nx = 6,
                                     .ny = 0,
                                     .optional = 32,
                                     .writes = 1 | 4 | 8,
                                     .stored_x = 1 | 4 | 8,
                                     .forward_only = true,
                                     .batch = RN_ADAMW_BATCH,
                                     .shape = shape};
