#include "opdef.h"

enum { ROW_MAX = 1024 }; /* kernels hold a head and the channels of a gate on their stack */

static const char *shape(const struct rn_shape *const *xs, const struct rn_attrs *attrs,
                         struct rn_shape *ys)
{
    (void)attrs;
    const struct rn_shape *v = xs[0], *xn = xs[1], *w = xs[2], *table = xs[3];
    if (v->n != 4 || xn->n != 3 || v->d[0] != xn->d[0] || v->d[1] != xn->d[1])
        return "v must be (B,T,K,D) and xn (B,T,C)";
    if (w->n != 2 || w->d[0] != v->d[2] || w->d[1] > xn->d[2])
        return "w must be (K,G) with G at most C";
    if (v->d[3] > ROW_MAX || w->d[1] > ROW_MAX)
        return "D and G must be 1024 at most";
    if (table->n != 2 || table->d[1] != v->d[2] * v->d[3])
        return "table must be (V,K*D)";
    if (rn_elems(*xs[4]) != v->d[0] * v->d[1])
        return "ids must be (B,T)";
    ys[0] = *v;
    ys[1] = RN_SHAPE(v->d[0], v->d[1], v->d[2]);
    return NULL;
}

/* y1(B,T,K) the gates; v itself is not needed backward. */
const struct rn_opdef rn_op_ve_gate = {.nx = 5,
                                       .ny = 2,
                                       .ints = 16,
                                       .looks_up = 8,
                                       .narrow_x = 3,
                                       .narrow_y = 1,
                                       .stored_x = 8,
                                       .keep_x = 30,
                                       .keep_y = 2,
                                       .over_x = true,
                                       .over_dy = true,
                                       .shape = shape};
