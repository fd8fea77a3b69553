/* Backward ops, in reverse order of the forward ones. A gradient belongs to the root of a value:
 * the first op that gives it (in that order) writes all of it, later ones add. Gradients of weights
 * always add, because micro-batches do.
 *
 * What the forward pass does not keep is made again where a backward op first reads it: its op is
 * appended once more, with outputs of its own, after the ops that give its operands. */
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

struct backward { /* by value, of those that the forward pass has */
    struct rn_prog *p;
    bool *given;   /* something stands in the gradient of this root */
    rn_val *again; /* the value made again, RN_NONE if it was not */
    int *maker;    /* the op that gives this root; -1: none */
};

/* dx[i] and its acc bit. */
static void want_grad(struct backward *b, struct rn_op *op, int i)
{
    struct rn_prog *p = b->p;
    const struct rn_opdef *def = rn_opdefs[op->kind];
    if (op->x[i] == RN_NONE || ((def->ints | def->fixed) >> i & 1))
        return;
    if (!rn_value_at(p, op->x[i])->wants)
        return;
    rn_val root = rn_value_at(p, op->x[i])->root;
    op->dx[i] = grad_of(p, op->x[i]);
    if (b->given[root] || rn_value_at(p, root)->role == RN_PARAM)
        op->acc |= 1u << i;
    b->given[root] = true;
}

/* The backward op of forward op `index`; false if no gradient reaches it. */
static bool backward_of(struct backward *b, int index, struct rn_op *op)
{
    struct rn_prog *p = b->p;
    *op = p->ops[index];
    const struct rn_opdef *def = rn_opdefs[op->kind];
    bool reached = false;
    for (int i = 0; i < def->ny; i++) {
        rn_val root = rn_value_at(p, op->y[i])->root;
        if (b->given[root]) {
            op->dy[i] = grad_of(p, op->y[i]);
            reached = true;
        }
    }
    if (!reached || def->forward_only)
        return false;
    op->bwd = true;
    for (int i = 0; i < def->nx; i++)
        want_grad(b, op, i);
    unsigned wanted = rn_op_wanted(op);
    unsigned present = rn_op_present(op);
    op->reads_x = (def->keep ? def->keep(present, wanted) : def->keep_x) & present;
    op->reads_y = def->keep_y;
    return wanted != 0;
}

/* --- what is made again --- */

static rn_val remake(struct backward *b, rn_val v);

/* Appends forward op `index` once more. */
static void repeat(struct backward *b, int index)
{
    struct rn_prog *p = b->p;
    struct rn_op op = p->ops[index];
    for (int i = 0; i < RN_MAX_IN; i++)
        op.x[i] = op.x[i] == RN_NONE ? RN_NONE : remake(b, op.x[i]);
    for (int i = 0; i < op.ny; i++) {
        const struct rn_value *y = rn_value_at(p, op.y[i]);
        const char *name = rn_arena_printf(&p->arena, "again.%s", y->name);
        rn_val v = rn_prog_new_value(p, name, RN_ACT, y->dtype, y->shape);
        if (v == RN_NONE)
            return;
        rn_value_at(p, v)->first = op.y[i];
        b->again[op.y[i]] = v;
        op.y[i] = v;
    }
    rn_prog_push(p, &op);
}

/* The value to read for v: itself where it is kept. */
static rn_val remake(struct backward *b, rn_val v)
{
    struct rn_prog *p = b->p;
    rn_val root = rn_value_at(p, v)->root;
    int maker = b->maker[root];
    if (p->err.code || maker < 0 || !p->ops[maker].again)
        return v;
    if (b->again[root] == RN_NONE)
        repeat(b, maker);
    if (b->again[v] == RN_NONE && !p->err.code)
        b->again[v] =
            rn_prog_new_view(p, rn_value_at(p, v)->name, b->again[root], rn_value_at(p, v)->shape);
    return b->again[v];
}

static void remake_operands(struct backward *b, struct rn_op *op)
{
    for (int i = 0; i < RN_MAX_IN; i++)
        if (op->reads_x >> i & 1)
            op->x[i] = remake(b, op->x[i]);
    for (int i = 0; i < op->ny; i++)
        if (op->reads_y >> i & 1)
            op->y[i] = remake(b, op->y[i]);
}

/* --- the pass --- */

static void seed_loss(struct rn_prog *p, rn_val loss)
{
    static const float one = 1.0f;
    rn_val g = rn_prog_const(p, "d.loss", RN_F32, rn_value_at(p, loss)->shape, &one);
    if (g != RN_NONE)
        rn_value_at(p, loss)->grad = g;
}

static struct backward start(struct rn_prog *p)
{
    size_t n = (size_t)p->n_values;
    struct backward b = {.p = p,
                         .given = rn_arena_alloc(&p->arena, n * sizeof *b.given),
                         .again = rn_arena_alloc(&p->arena, n * sizeof *b.again),
                         .maker = rn_arena_alloc(&p->arena, n * sizeof *b.maker)};
    for (size_t v = 0; v < n; v++)
        b.again[v] = RN_NONE, b.maker[v] = -1;
    for (int i = 0; i < p->n_ops; i++)
        for (int j = 0; j < p->ops[i].ny; j++)
            b.maker[p->ops[i].y[j]] = i;
    return b;
}

/* The op that ends the forward pass may do both ways at once: nobody reads its outputs between, and
 * all its operands are there. */
static bool stands_for_both(const struct rn_op *op, int forward, int last)
{
    return forward == last && rn_opdefs[op->kind]->bwd_gives_y;
}

void rn_prog_backward(struct rn_prog *p, rn_val loss)
{
    if (p->err.code)
        return;
    RN_ASSERT(loss != RN_NONE && rn_elems(rn_value_at(p, loss)->shape) == 1);
    RN_ASSERT(rn_value_at(p, loss)->root == loss && rn_value_at(p, loss)->wants);
    struct backward b = start(p);
    seed_loss(p, loss);
    b.given[loss] = true;
    int last = p->n_ops - 1;
    for (int i = last; i >= 0 && !p->err.code; i--) {
        struct rn_op op;
        if (!backward_of(&b, i, &op))
            continue;
        if (stands_for_both(&op, i, last)) {
            op.reads_y = (1u << op.ny) - 1;
            p->ops[i] = op;
            continue;
        }
        remake_operands(&b, &op);
        rn_prog_push(p, &op);
    }
}

/* An op is made again whole: what gives `kept` is not. */
void rn_prog_forget(struct rn_prog *p, rn_val kept)
{
    if (p->err.code)
        return;
    rn_val root = rn_value_at(p, kept)->root;
    for (int i = p->n_remembered; i < p->n_ops; i++) {
        bool gives = false;
        for (int j = 0; j < p->ops[i].ny; j++)
            gives |= p->ops[i].y[j] == root;
        p->ops[i].again |= !gives;
    }
    p->n_remembered = p->n_ops;
}
