#include "opdef.h"

enum { HEAD_MAX = 1024 }; /* kernels hold a head in registers */

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    const struct rn_shape *q = xs[0], *k = xs[1], *cache = xs[3];
    if (q->n != 4 || k->n != 4 || !rn_shape_same(k, xs[2]))
        return "q, k and v must be (B,T,heads,D)";
    if (q->d[0] != k->d[0] || q->d[1] != k->d[1] || q->d[3] != k->d[3] || q->d[2] % k->d[2] != 0)
        return "q and k disagree";
    if (q->d[3] > HEAD_MAX)
        return "D must be 1024 at most";
    if (cache->n != 4 || q->d[0] % cache->d[0] != 0 || cache->d[2] != k->d[2] ||
        cache->d[3] != k->d[3] || !rn_shape_same(cache, xs[4]))
        return "kcache and vcache must be (S,Tmax,K,D) where S divides B";
    if (rn_elems(*xs[5]) != 2 * q->d[0])
        return "span must be (B,2)";
    ys[0] = *q;
    return NULL;
}

static double flops(const struct rn_shape *xs, const struct rn_shape *ys,
                    const struct rn_attrs *attrs, unsigned want)
{
    (void)ys, (void)want;
    double rows = (double)(xs[0].d[0] * xs[0].d[1] * xs[0].d[2]), keys = (double)xs[3].d[1];
    if (attrs->i[0] >= 0 && (double)attrs->i[0] + 1 < keys)
        keys = (double)attrs->i[0] + 1;
    return 4.0 * rows * (double)xs[0].d[3] * keys;
}

const struct rn_opdef rn_op_attention_decode = {.nx = 6,
                                                .ny = 1,
                                                .ints = 32,
                                                .writes = 24,
                                                .forward_only = true,
                                                .shape = shape,
                                                .flops = flops};
