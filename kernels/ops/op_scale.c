#include "opdef.h"

const struct rn_opdef rn_op_scale = {.nx = 1,
                                     .ny = 1,
                                     .narrow_x = 1,
                                     .narrow_y = 1,
                                     .over_x = true,
                                     .over_dy = true,
                                     .shape = rn_shape_like_first};
