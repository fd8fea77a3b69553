#include "opdef.h"

const struct rn_opdef rn_op_softcap = {
    .nx = 1, .ny = 1, .over_x = true, .forward_only = true, .shape = rn_shape_like_first};
