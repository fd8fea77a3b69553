#include "op_batch.h"
#include "opdef.h"

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)ys;
    const struct rn_shape *w = xs[0];
    if (w->n != 2 || rn_elems(*xs[1]) != rn_elems(*w) || rn_elems(*xs[2]) != rn_elems(*w))
        return "w, g and buf must be (N,K)";
    if (attrs->i[1] != 0 && attrs->i[1] != 1)
        return "i1 must be 0 (2025) or 1 (2026)";
    int64_t longer = w->d[0] >= w->d[1] ? w->d[0] : w->d[1];
    if (attrs->i[1] == 1 && (!xs[3] || rn_elems(*xs[3]) != longer))
        return "buf2 must have max(N,K) elements";
    if (attrs->i[0] < 0 || attrs->i[0] + 4 > rn_elems(*xs[4]))
        return "hyper[i0 .. i0+3] lies outside hyper";
    if (xs[5] && rn_elems(*xs[5]) != 1)
        return "coef must have one element";
    return NULL;
}

/* Five steps, each A = XX^T (s s l), A^2 (s s s), BX (s s l), with s <= l the sides. */
static double flops(const struct rn_shape *xs, const struct rn_shape *ys,
                    const struct rn_attrs *attrs, unsigned want)
{
    (void)ys, (void)attrs, (void)want;
    double n = (double)xs[0].d[0], k = (double)xs[0].d[1], s = n < k ? n : k, l = n < k ? k : n;
    return 5 * 2 * s * s * (2 * l + s);
}

const struct rn_opdef rn_op_muon = {.nx = 6,
                                    .ny = 0,
                                    .optional = 8 | 32,
                                    .writes = 1 | 4 | 8,
                                    .forward_only = true,
                                    .batch = RN_MUON_BATCH,
                                    .batch_elements = RN_MUON_BATCH_ELEMENTS,
                                    .shape = shape,
                                    .flops = flops};
