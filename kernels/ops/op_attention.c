#include "opdef.h"

enum { HEAD_MAX = 1024 }; /* kernels hold a head on their stack */

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    const struct rn_shape *q = xs[0], *k = xs[1], *v = xs[2];
    if (q->n != 4 || k->n != 4)
        return "q, k and v must be (B,T,heads,D)";
    if (!rn_shape_same(k, v))
        return "k and v differ in shape";
    if (q->d[0] != k->d[0] || q->d[1] != k->d[1] || q->d[3] != k->d[3])
        return "q and k differ in B, T or D";
    if (q->d[2] % k->d[2] != 0)
        return "heads of q are no multiple of heads of k";
    if (q->d[3] > HEAD_MAX)
        return "D must be 1024 at most";
    ys[0] = *q;
    ys[1] = RN_SHAPE(q->d[0], q->d[2], q->d[1]);
    return NULL;
}

/* Pairs of (query, key) that see each other, in one head of one row. */
static double pairs(double T, double window)
{
    if (window < 0 || window >= T)
        window = T - 1;
    return (window + 1) * T - window * (window + 1) / 2;
}

static double flops(const struct rn_shape *xs, const struct rn_shape *ys,
                    const struct rn_attrs *attrs, unsigned want)
{
    (void)ys;
    double heads = (double)(xs[0].d[0] * xs[0].d[2]), D = (double)xs[0].d[3];
    return (want ? 10.0 : 4.0) * heads * D * pairs((double)xs[0].d[1], (double)attrs->i[0]);
}

/* y1(B,H,T) = log of each row's sum of exponentials: all that backward needs beside y. */
const struct rn_opdef rn_op_attention = {.nx = 3,
                                         .ny = 2,
                                         .narrow_x = 7,
                                         .narrow_y = 1,
                                         .keep_x = 7,
                                         .keep_y = 3,
                                         .shape = shape,
                                         .flops = flops};
