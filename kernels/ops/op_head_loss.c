#include "opdef.h"

/* Logits of a chunk of rows are all that ever stands in memory: many enough that the products pay,
 * few enough to be small beside a model. */
enum { CHUNK_ROWS_MIN = 16, CHUNK_ROWS_MAX = 512, CHUNK_FLOATS = 1 << 24 };

static int64_t chunk_rows(int64_t R, int64_t V, int64_t floats)
{
    int64_t most = (floats > 0 ? floats : CHUNK_FLOATS) / V;
    if (floats == 0 && most > CHUNK_ROWS_MAX)
        most = CHUNK_ROWS_MAX;
    most = most < CHUNK_ROWS_MIN ? CHUNK_ROWS_MIN : most;
    int64_t chunks = (R + most - 1) / most;
    return (R + chunks - 1) / chunks;
}

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    int64_t R = rn_rows(*xs[0]), V = attrs->i[0];
    if (xs[1]->n != 2 || xs[1]->d[1] != rn_cols(*xs[0]))
        return "w must be (Vp,C)";
    if (V < 1 || V > xs[1]->d[0])
        return "V lies outside the rows of w";
    if (attrs->i[1] < 0)
        return "a room for fewer than no logits";
    if (rn_elems(*xs[2]) != R)
        return "targets must have one element for each row of x";
    if (rn_elems(*xs[3]) != 1)
        return "scale must have one element";
    ys[0] = RN_SHAPE(1);
    ys[1] = ys[2] = RN_SHAPE(R);
    ys[3] = RN_SHAPE(chunk_rows(R, V, attrs->i[1]), V);
    return NULL;
}

/* The logits, then the products that give dx and dw. */
static double flops(const struct rn_shape *xs, const struct rn_shape *ys,
                    const struct rn_attrs *attrs, unsigned want)
{
    (void)ys;
    double one = 2.0 * (double)rn_elems(xs[0]) * (double)attrs->i[0];
    return one * (1 + (want & 1) + (want >> 1 & 1));
}

/* y3 holds logits, then their gradient, of the chunk at hand. */
const struct rn_opdef rn_op_head_loss = {.nx = 4,
                                         .ny = 4,
                                         .ints = 4,
                                         .fixed = 8,
                                         .y_ints = 4,
                                         .y_work = 8,
                                         .narrow_x = 1,
                                         .keep_x = 15,
                                         .keep_y = 8,
                                         .bwd_gives_y = true,
                                         .shape = shape,
                                         .flops = flops};
