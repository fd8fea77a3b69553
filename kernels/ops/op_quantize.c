#include "fp8.h"
#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    int64_t R = rn_rows(*xs[0]), K = rn_cols(*xs[0]);
    if (R % RN_FP8_MULTIPLE != 0 || K % RN_FP8_MULTIPLE != 0)
        return "rows and columns must be multiples of 16";
    if (!rn_dtype_is_code((int)attrs->i[RN_FP8_I_CODE]))
        return "i0 must be a type of codes";
    if (xs[1]->n != 2 || rn_cols(*xs[1]) <= RN_AMAX_HISTORY)
        return "amax must be (n, 6 + H)";
    if (attrs->i[RN_FP8_I_ROW] < 0 || attrs->i[RN_FP8_I_ROW] >= rn_rows(*xs[1]))
        return "amax has no row i1";
    ys[0] = *xs[0];
    ys[1] = RN_SHAPE(K, R);
    return NULL;
}

const struct rn_opdef rn_op_quantize = {.nx = 2,
                                        .ny = 2,
                                        .writes = 2,
                                        .y_codes = 3,
                                        .narrow_x = 1,
                                        .forward_only = true,
                                        .shape = shape};
