/* Lifetimes, offsets, memory, pointers: once, after which nothing moves.
 *
 * Values of the roles ACT, GRAD and OUTPUT share one slab. Two of them may share bytes if no op
 * touches both lifetimes; or if one op reads the one for the last time and may write the other over
 * it. The largest is placed first, each at the smallest gap that holds it. */
#include "prog_impl.h"
#include "str.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void touch(struct rn_prog *p, rn_val v, int op)
{
    if (v == RN_NONE)
        return;
    struct rn_value *root = rn_value_at(p, rn_value_at(p, v)->root);
    if (root->born < 0)
        root->born = op;
    root->dies = op;
}

static void find_lifetimes(struct rn_prog *p)
{
    for (rn_val v = 0; v < p->n_values; v++)
        p->values[v].born = p->values[v].dies = p->values[v].over = -1;
    for (int i = 0; i < p->n_ops; i++) {
        const struct rn_op *op = &p->ops[i];
        for (int j = 0; j < RN_MAX_IN; j++) {
            touch(p, op->reads_x >> j & 1 ? op->x[j] : RN_NONE, i);
            touch(p, op->dx[j], i);
        }
        for (int j = 0; j < RN_MAX_OUT; j++) {
            touch(p, op->reads_y >> j & 1 ? op->y[j] : RN_NONE, i);
            touch(p, op->dy[j], i);
        }
    }
    for (rn_val v = 0; v < p->n_values; v++)
        if (p->values[v].role == RN_OUTPUT)
            p->values[v].dies = INT_MAX;
}

/* The lender's memory behind a state, NULL: the state is the program's own. */
static char *borrowed(const struct rn_prog *p, const struct rn_value *v)
{
    rn_val theirs = p->lender && v->role == RN_STATE ? rn_prog_find(p->lender, v->name) : RN_NONE;
    if (theirs == RN_NONE)
        return NULL;
    const struct rn_value *of = rn_value_at(p->lender, theirs);
    return of->role == RN_STATE && rn_value_bytes(of) == rn_value_bytes(v) ? of->data : NULL;
}

/* INPUT, CONST and own STATE one after the other: they live as long as the program. */
static void place_held(struct rn_prog *p)
{
    for (rn_val i = 0; i < p->n_values; i++) {
        struct rn_value *v = &p->values[i];
        if (v->root != i || (v->role != RN_INPUT && v->role != RN_CONST && v->role != RN_STATE))
            continue;
        if (borrowed(p, v))
            continue;
        v->offset = p->held_bytes;
        p->held_bytes += rn_align_up(rn_value_bytes(v));
    }
}

/* --- offsets of the planned slab --- */

struct item { /* a value to place */
    rn_val v;
    int born, dies;
    size_t size_bytes, offset;
};

static int larger_first(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->size_bytes != y->size_bytes)
        return x->size_bytes < y->size_bytes ? 1 : -1;
    return x->v - y->v;
}

/* The smallest gap of at least `size` between the placed items (by offset) that live when `it`
 * does; the end of them all if there is none. */
static size_t best_gap(const struct item *placed, int n, const struct item *it)
{
    size_t end = 0, best = SIZE_MAX, best_at = 0;
    for (int i = 0; i < n; i++) {
        const struct item *o = &placed[i];
        if (o->dies < it->born || o->born > it->dies)
            continue;
        if (o->offset >= end && o->offset - end >= it->size_bytes && o->offset - end < best) {
            best = o->offset - end;
            best_at = end;
        }
        if (o->offset + o->size_bytes > end)
            end = o->offset + o->size_bytes;
    }
    return best == SIZE_MAX ? end : best_at;
}

static void insert_by_offset(struct item *placed, int n, const struct item *it)
{
    int at = n;
    while (at > 0 && placed[at - 1].offset > it->offset)
        at--;
    memmove(&placed[at + 1], &placed[at], (size_t)(n - at) * sizeof *placed);
    placed[at] = *it;
}

/* May `to`, first written by op i, take the memory of `from`, last read by op i? */
static bool may_take(const struct rn_prog *p, rn_val from, rn_val to, int i)
{
    if (from == RN_NONE || to == RN_NONE)
        return false;
    const struct rn_value *f = rn_value_at(p, rn_value_at(p, from)->root);
    const struct rn_value *t = rn_value_at(p, rn_value_at(p, to)->root);
    return (f->role == RN_ACT || f->role == RN_GRAD) && rn_role_is_planned(t->role) &&
           f->dies == i && t->born == i && f->dtype == t->dtype &&
           rn_value_bytes(f) == rn_value_bytes(t);
}

/* x[0] must not be read through another operand while y[0] is being written. */
static bool only_operand(const struct rn_prog *p, const struct rn_op *op)
{
    for (int j = 1; j < RN_MAX_IN; j++)
        if (op->x[j] != RN_NONE && rn_value_at(p, op->x[j])->root == rn_value_at(p, op->x[0])->root)
            return false;
    return true;
}

static void find_takeovers(struct rn_prog *p)
{
    for (int i = 0; i < p->n_ops; i++) {
        const struct rn_op *op = &p->ops[i];
        const struct rn_opdef *def = rn_opdefs[op->kind];
        rn_val from = op->bwd ? op->dy[0] : op->x[0], to = op->bwd ? op->dx[0] : op->y[0];
        if (!(op->bwd ? def->over_dy : def->over_x && only_operand(p, op)))
            continue;
        if (may_take(p, from, to, i))
            rn_value_at(p, rn_value_at(p, to)->root)->over = rn_value_at(p, from)->root;
    }
}

/* A chain of takeovers is one item under its first value's id. Values stand in the order of their
 * making, so the first of a chain comes first. */
static int collect_items(const struct rn_prog *p, struct item *items, int *item_of)
{
    int n = 0;
    for (rn_val i = 0; i < p->n_values; i++) {
        const struct rn_value *v = &p->values[i];
        if (v->root != i || !rn_role_is_planned(v->role) || v->born < 0)
            continue;
        if (v->over == RN_NONE) {
            item_of[i] = n;
            items[n++] = (struct item){i, v->born, v->dies, rn_align_up(rn_value_bytes(v)), 0};
            continue;
        }
        RN_ASSERT(v->over < i);
        item_of[i] = item_of[v->over];
        items[item_of[i]].dies = v->dies;
    }
    return n;
}

static void place_planned(struct rn_prog *p, bool reuse)
{
    struct item *items = rn_xalloc(2 * (size_t)(p->n_values + 1) * sizeof *items);
    int *item_of = rn_xalloc((size_t)(p->n_values + 1) * sizeof *item_of);
    if (reuse)
        find_takeovers(p);
    int n = collect_items(p, items, item_of);
    struct item *placed = items + n;
    qsort(items, (size_t)n, sizeof *items, larger_first);
    for (int i = 0; i < n; i++) {
        items[i].offset = reuse ? best_gap(placed, i, &items[i]) : p->act_bytes;
        insert_by_offset(placed, i, &items[i]);
        p->values[items[i].v].offset = items[i].offset;
        if (items[i].offset + items[i].size_bytes > p->act_bytes)
            p->act_bytes = items[i].offset + items[i].size_bytes;
    }
    for (rn_val v = 0; v < p->n_values; v++)
        if (p->values[v].over != RN_NONE)
            p->values[v].offset = p->values[p->values[v].over].offset;
    free(item_of);
    free(items);
}

/* --- memory and pointers --- */

static char *address(const struct rn_prog *p, const struct rn_value *v)
{
    const struct rn_params *ps = p->params;
    size_t part = (size_t)v->part * rn_dtype_bytes(v->dtype);
    switch (v->role) {
    case RN_PARAM:
        return ps->weights + ps->offsets[v->param] + part;
    case RN_DPARAM:
        return ps->grads + (v->param == ALL_PARAMS ? 0 : ps->grad_offsets[v->param]) + part;
    case RN_STATE:
        if (borrowed(p, v))
            return borrowed(p, v);
        return p->held + v->offset;
    case RN_INPUT:
    case RN_CONST:
        return p->held + v->offset;
    case RN_ACT:
    case RN_GRAD:
    case RN_OUTPUT:
        break;
    }
    return v->born >= 0 ? p->act + v->offset : NULL;
}

static void set_addresses(struct rn_prog *p)
{
    for (rn_val v = 0; v < p->n_values; v++)
        p->values[v].data = address(p, rn_value_at(p, p->values[v].root));
}

static uint8_t type_of(const struct rn_prog *p, rn_val v)
{
    return (uint8_t)(v == RN_NONE ? RN_F32 : rn_value_at(p, v)->dtype);
}

static void fill_shapes(const struct rn_prog *p, const struct rn_op *op, struct rn_args *a)
{
    for (int i = 0; i < RN_MAX_IN; i++)
        if (op->x[i] != RN_NONE)
            a->xs[i] = rn_value_at(p, op->x[i])->shape;
    for (int i = 0; i < op->ny; i++)
        a->ys[i] = rn_value_at(p, op->y[i])->shape;
    for (int i = 0; i < RN_MAX_IN; i++) {
        a->x_type[i] = type_of(p, op->x[i]);
        a->dx_type[i] = type_of(p, op->dx[i]);
    }
    for (int i = 0; i < RN_MAX_OUT; i++) {
        a->y_type[i] = type_of(p, op->y[i]);
        a->dy_type[i] = type_of(p, op->dy[i]);
    }
    a->attrs = op->attrs;
    a->kind = op->kind;
    a->compute = p->compute;
    a->behind = op->behind;
    a->bwd = op->bwd;
    a->acc = op->acc;
}

static void *pointer(const struct rn_prog *p, rn_val v)
{
    return v == RN_NONE ? NULL : rn_value_at(p, v)->data;
}

static void fill_pointers(const struct rn_prog *p, const struct rn_op *op, struct rn_args *a)
{
    for (int i = 0; i < RN_MAX_IN; i++) {
        a->x[i] = op->reads_x >> i & 1 ? pointer(p, op->x[i]) : NULL;
        a->dx[i] = pointer(p, op->dx[i]);
    }
    for (int i = 0; i < op->ny; i++) {
        a->y[i] = op->reads_y >> i & 1 ? pointer(p, op->y[i]) : NULL;
        a->dy[i] = pointer(p, op->dy[i]);
    }
    a->scratch = p->act + p->act_bytes;
}

/* An op that others are computed with is asked for all of them. */
static void size_scratch(struct rn_prog *p)
{
    for (int i = 0; i < p->n_ops; i++)
        fill_shapes(p, &p->ops[i], &p->calls[i]);
    for (int i = 0; i < p->n_ops; i++) {
        size_t need = p->dev->be->scratch_bytes(p->dev->ctx, &p->calls[i]);
        if (need > p->scratch_bytes)
            p->scratch_bytes = rn_align_up(need);
    }
}

static int take_memory(struct rn_prog *p, struct rn_err *err)
{
    struct rn_device *d = p->dev;
    int rc = d->be->alloc(d->ctx, (void **)&p->held, p->held_bytes, err);
    if (rc == RN_OK)
        rc = d->be->alloc(d->ctx, (void **)&p->act, p->act_bytes + p->scratch_bytes, err);
    if (rc != RN_OK) {
        char buf[32];
        rn_while(err, "a program of %d ops that needs %s", p->n_ops,
                 rn_show_bytes(buf, (double)rn_prog_bytes(p)));
    }
    return rc;
}

static int fill_constants(struct rn_prog *p, struct rn_err *err)
{
    for (rn_val i = 0; i < p->n_values; i++) {
        const struct rn_value *v = &p->values[i];
        if (v->role == RN_CONST && v->root == i)
            RN_TRY(p->dev->be->put(p->dev->ctx, v->data, v->host, rn_value_bytes(v), err));
    }
    return RN_OK;
}

/* Memory, pointers, constants, and the backend's own plan. */
static int make_real(struct rn_prog *p, struct rn_err *err)
{
    RN_TRY(take_memory(p, err));
    set_addresses(p);
    for (int i = 0; i < p->n_ops; i++)
        fill_pointers(p, &p->ops[i], &p->calls[i]);
    RN_TRY(fill_constants(p, err));
    return p->dev->be->plan(p->dev->ctx, &p->plan, p->calls, (size_t)p->n_ops, err);
}

static int plan(struct rn_prog *p, bool reuse, struct rn_err *err)
{
    if (p->err.code)
        return rn_fail_as(err, &p->err);
    RN_ASSERT(!p->planned);
    p->calls = rn_xalloc((size_t)(p->n_ops + 1) * sizeof *p->calls);
    rn_prog_narrow(p);
    find_lifetimes(p);
    place_held(p);
    place_planned(p, reuse);
    size_scratch(p);
    p->reused = reuse;
    p->planned = true;
    return rn_params_is_sketch(p->params) ? RN_OK : make_real(p, err);
}

int rn_prog_plan(struct rn_prog *p, struct rn_err *err)
{
    return plan(p, true, err);
}

int rn_prog_plan_no_reuse(struct rn_prog *p, struct rn_err *err)
{
    return plan(p, false, err);
}

size_t rn_prog_bytes(const struct rn_prog *p)
{
    return p->held_bytes + p->act_bytes + p->scratch_bytes;
}
