/* Backward ops, in reverse order of the forward ones. A gradient belongs to the root of a value:
 * the first op that gives it (in that order) writes all of it, later ones add. Gradients of weights
 * always add, because micro-batches do. */
#include "prog_impl.h"

static rn_val root_grad(struct rn_prog *p, rn_val root)
{
    struct rn_value *v = rn_value_at(p, root);
    if (v->grad != RN_NONE)
        return v->grad;
    rn_val g;
    if (v->role == RN_PARAM) {
        g = rn_prog_dparam(p, v->param);
    } else {
        const char *name = rn_arena_printf(&p->arena, "d.%s", v->name);
        g = rn_prog_new_value(p, name, RN_GRAD, RN_F32, v->shape);
    }
    rn_value_at(p, root)->grad = g; /* p->values may have moved */
    return g;
}

static rn_val grad_of(struct rn_prog *p, rn_val x)
{
    rn_val root = rn_value_at(p, x)->root;
    rn_val g = root_grad(p, root);
    if (root == x || g == RN_NONE || rn_value_at(p, x)->grad != RN_NONE)
        return rn_value_at(p, x)->grad;
    const char *name = rn_arena_printf(&p->arena, "d.%s", rn_value_at(p, x)->name);
    rn_val view = rn_prog_new_view(p, name, g, rn_value_at(p, x)->shape);
    rn_value_at(p, x)->grad = view;
    return view;
}

/* dx[i] and its acc bit; `given` holds per root whether something stands in its gradient. */
static void want_grad(struct rn_prog *p, struct rn_op *op, int i, bool *given)
{
    const struct rn_opdef *def = rn_opdefs[op->kind];
    if (op->x[i] == RN_NONE || ((def->ints | def->fixed) >> i & 1))
        return;
    if (!rn_value_at(p, op->x[i])->wants)
        return;
    rn_val root = rn_value_at(p, op->x[i])->root;
    op->dx[i] = grad_of(p, op->x[i]);
    if (given[root] || rn_value_at(p, root)->role == RN_PARAM)
        op->acc |= 1u << i;
    given[root] = true;
}

/* The backward op of p->ops[index]; false if no gradient reaches it. */
static bool backward_of(struct rn_prog *p, int index, bool *given, struct rn_op *op)
{
    *op = p->ops[index];
    const struct rn_opdef *def = rn_opdefs[op->kind];
    bool reached = false;
    for (int i = 0; i < def->ny; i++) {
        rn_val root = rn_value_at(p, op->y[i])->root;
        if (given[root]) {
            op->dy[i] = grad_of(p, op->y[i]);
            reached = true;
        }
    }
    if (!reached || def->forward_only)
        return false;
    op->bwd = true;
    for (int i = 0; i < def->nx; i++)
        want_grad(p, op, i, given);
    unsigned wanted = rn_op_wanted(op);
    unsigned present = rn_op_present(op);
    op->reads_x = (def->keep ? def->keep(present, wanted) : def->keep_x) & present;
    op->reads_y = def->keep_y;
    return wanted != 0;
}

static void seed_loss(struct rn_prog *p, rn_val loss)
{
    static const float one = 1.0f;
    rn_val g = rn_prog_const(p, "d.loss", RN_F32, rn_value_at(p, loss)->shape, &one);
    if (g != RN_NONE)
        rn_value_at(p, loss)->grad = g;
}

/* The op that ends the forward pass may do both ways at once: nobody reads its outputs between. */
static void append(struct rn_prog *p, struct rn_op *op, int forward, int last)
{
    if (forward != last || !rn_opdefs[op->kind]->bwd_gives_y) {
        rn_prog_push(p, op);
        return;
    }
    op->reads_y = (1u << op->ny) - 1;
    p->ops[forward] = *op;
}

void rn_prog_backward(struct rn_prog *p, rn_val loss)
{
    if (p->err.code)
        return;
    RN_ASSERT(loss != RN_NONE && rn_elems(rn_value_at(p, loss)->shape) == 1);
    RN_ASSERT(rn_value_at(p, loss)->root == loss && rn_value_at(p, loss)->wants);
    bool *given = rn_arena_alloc(&p->arena, (size_t)p->n_values * sizeof *given);
    seed_loss(p, loss);
    given[loss] = true;
    int last = p->n_ops - 1;
    for (int i = last; i >= 0 && !p->err.code; i--) {
        struct rn_op op;
        if (backward_of(p, i, given, &op))
            append(p, &op, i, last);
    }
}
