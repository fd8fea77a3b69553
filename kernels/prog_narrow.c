/* Which values between ops are stored as bf16, in a program that computes in it: those that every
 * op that touches them takes so. A sum of gradients stays fp32: each addition would round it. */
#include "prog_impl.h"

#include <stdlib.h>

struct veto { /* by root: true where a value must stay as it is; one for all its repetitions */
    const struct rn_prog *p;
    bool *of;
};

static bool *veto_of(const struct veto *veto, rn_val v)
{
    rn_val root = rn_value_at(veto->p, v)->root;
    return &veto->of[rn_value_at(veto->p, root)->first];
}

static void ask(const struct veto *veto, const rn_val *v, int n, unsigned narrow)
{
    for (int i = 0; i < n; i++)
        if (v[i] != RN_NONE && !(narrow >> i & 1))
            *veto_of(veto, v[i]) = true;
}

static void ask_op(const struct veto *veto, const struct rn_op *op)
{
    const struct rn_opdef *def = rn_opdefs[op->kind];
    ask(veto, op->x, RN_MAX_IN, def->narrow_x);
    ask(veto, op->dx, RN_MAX_IN, def->narrow_x & ~op->acc);
    ask(veto, op->y, RN_MAX_OUT, def->narrow_y);
    ask(veto, op->dy, RN_MAX_OUT, def->narrow_y);
}

void rn_prog_narrow(struct rn_prog *p)
{
    if (p->compute == RN_F32)
        return;
    struct veto veto = {p, rn_xalloc((size_t)(p->n_values + 1) * sizeof *veto.of)};
    for (int i = 0; i < p->n_ops; i++)
        ask_op(&veto, &p->ops[i]);
    for (rn_val v = 0; v < p->n_values; v++) {
        struct rn_value *value = rn_value_at(p, v);
        if ((value->role == RN_ACT || value->role == RN_GRAD) && value->dtype == RN_F32 &&
            !*veto_of(&veto, v))
            value->dtype = p->compute;
    }
    free(veto.of);
}
