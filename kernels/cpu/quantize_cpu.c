#include "fp8_codes.h"

static void fwd(const struct rn_args *a)
{
    struct rn_quantizing q = {.x = a->x[0],
                              .x_type = a->x_type[0],
                              .R = rn_rows(a->xs[0]),
                              .K = rn_cols(a->xs[0]),
                              .codes = a->y[0],
                              .turned = a->y[1],
                              .row = rn_amax_row(a->x[1], a->xs[1], a->attrs.i[1]),
                              .code = (int)a->attrs.i[0],
                              .headroom = a->attrs.f[0],
                              .current = a->attrs.i[2] != 0};
    rn_quantize(&q);
}

const struct rn_kernel RN_CPU(quantize) = {fwd, NULL, NULL};
