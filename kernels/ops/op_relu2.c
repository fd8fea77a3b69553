#include "opdef.h"

/* Backward takes max(x, 0) as the root of y, so that y may stand where x did. */
const struct rn_opdef rn_op_relu2 = {.nx = 1,
                                     .ny = 1,
                                     .narrow_x = 1,
                                     .narrow_y = 1,
                                     .keep_y = 1,
                                     .over_x = true,
                                     .over_dy = true,
                                     .shape = rn_shape_like_first};
