#include "fp8.h"
#include "prog_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No value of ours comes near; a product of dimensions beyond it is a mistake, not a tensor. */
static const int64_t elems_max = INT64_C(1) << 40;

struct rn_prog *rn_prog_new(struct rn_params *params)
{
    struct rn_prog *p = rn_new(struct rn_prog);
    p->params = params;
    p->dev = params->dev;
    size_t n = params->n;
    p->weights = rn_arena_alloc(&p->arena, n * sizeof(rn_val));
    p->dweights = rn_arena_alloc(&p->arena, n * sizeof(rn_val));
    for (size_t i = 0; i < n; i++)
        p->weights[i] = p->dweights[i] = RN_NONE;
    return p;
}

const struct rn_device *rn_prog_device(const struct rn_prog *p)
{
    return p->dev;
}

void rn_prog_free(struct rn_prog *p)
{
    if (!p)
        return;
    const struct rn_backend *be = p->dev->be;
    be->unplan(p->dev->ctx, p->plan);
    be->free(p->dev->ctx, p->held);
    be->free(p->dev->ctx, p->act);
    free(p->values);
    free(p->ops);
    free(p->calls);
    rn_arena_release(&p->arena);
    free(p);
}

/* --- values --- */

const char *rn_shape_show(char buf[64], const struct rn_shape *s)
{
    size_t n = 0;
    buf[n++] = '(';
    for (int i = 0; i < s->n && n < 40; i++)
        n += (size_t)snprintf(buf + n, 64 - n, "%s%lld", i ? "," : "", (long long)s->d[i]);
    snprintf(buf + n, 64 - n, ")");
    return buf;
}

static bool shape_is_sane(const struct rn_shape *s)
{
    int64_t n = 1;
    if (s->n < 1 || s->n > RN_MAX_DIMS)
        return false;
    for (int i = 0; i < s->n; i++)
        if (s->d[i] < 1 || __builtin_mul_overflow(n, s->d[i], &n) || n > elems_max)
            return false;
    return true;
}

static rn_val push_value(struct rn_prog *p, const struct rn_value *v)
{
    RN_ASSERT(!p->planned);
    if (!shape_is_sane(&v->shape)) {
        char buf[64];
        rn_fail(&p->err, RN_ECONFIG, RN_NOWHERE, "value '%s' has the impossible shape %s", v->name,
                rn_shape_show(buf, &v->shape));
        return RN_NONE;
    }
    RN_PUSH(p->values, p->n_values, p->cap_values, *v);
    return p->n_values - 1;
}

rn_val rn_prog_new_value(struct rn_prog *p, const char *name, enum rn_role role,
                         enum rn_dtype dtype, struct rn_shape shape)
{
    if (p->err.code)
        return RN_NONE;
    struct rn_value v = {.name = rn_arena_dup(&p->arena, name),
                         .role = role,
                         .dtype = dtype,
                         .shape = shape,
                         .root = p->n_values,
                         .first = p->n_values,
                         .grad = RN_NONE,
                         .param = -1,
                         .out = -1};
    return push_value(p, &v);
}

rn_val rn_prog_new_view(struct rn_prog *p, const char *name, rn_val of, struct rn_shape shape)
{
    struct rn_value v = *rn_value_at(p, of);
    v.name = rn_arena_dup(&p->arena, name);
    v.shape = shape;
    v.grad = RN_NONE;
    v.out = 0;
    return push_value(p, &v);
}

rn_val rn_prog_input(struct rn_prog *p, const char *name, enum rn_dtype dtype,
                     struct rn_shape shape)
{
    return rn_prog_new_value(p, name, RN_INPUT, dtype, shape);
}

rn_val rn_prog_state(struct rn_prog *p, const char *name, enum rn_dtype dtype,
                     struct rn_shape shape)
{
    return rn_prog_new_value(p, name, RN_STATE, dtype, shape);
}

void rn_prog_borrow_states(struct rn_prog *p, const struct rn_prog *lender)
{
    RN_ASSERT(lender->planned && !p->planned);
    p->lender = lender;
}

rn_val rn_prog_const(struct rn_prog *p, const char *name, enum rn_dtype dtype,
                     struct rn_shape shape, const void *host)
{
    rn_val v = rn_prog_new_value(p, name, RN_CONST, dtype, shape);
    if (v == RN_NONE)
        return v;
    size_t size_bytes = rn_value_bytes(rn_value_at(p, v));
    rn_value_at(p, v)->host = memcpy(rn_arena_alloc(&p->arena, size_bytes), host, size_bytes);
    return v;
}

static int find_param(struct rn_prog *p, const char *name)
{
    if (p->err.code)
        return -1;
    int i = rn_params_find(p->params, name);
    if (i < 0)
        rn_fail(&p->err, RN_ECONFIG, RN_NOWHERE, "the model has no weight '%s'", name);
    return i;
}

rn_val rn_prog_weight(struct rn_prog *p, const char *name)
{
    int i = find_param(p, name);
    if (i < 0)
        return RN_NONE;
    if (p->weights[i] == RN_NONE) {
        rn_val v = rn_prog_new_value(p, name, RN_PARAM, p->params->specs[i].dtype,
                                     p->params->specs[i].shape);
        if (v == RN_NONE)
            return v;
        rn_value_at(p, v)->param = i;
        rn_value_at(p, v)->wants = p->params->with_grads;
        p->weights[i] = v;
    }
    return p->weights[i];
}

rn_val rn_prog_dparam(struct rn_prog *p, int i)
{
    if (p->dweights[i] == RN_NONE) {
        char *name = rn_arena_printf(&p->arena, "d.%s", p->params->specs[i].name);
        rn_val v = rn_prog_new_value(p, name, RN_DPARAM, RN_F32, p->params->specs[i].shape);
        if (v == RN_NONE)
            return v;
        rn_value_at(p, v)->param = i;
        p->dweights[i] = v;
    }
    return p->dweights[i];
}

rn_val rn_prog_weight_grad(struct rn_prog *p, const char *name)
{
    int i = find_param(p, name);
    if (i < 0)
        return RN_NONE;
    RN_ASSERT(p->params->with_grads);
    return rn_prog_dparam(p, i);
}

/* A value of its own in the place of some elements of `whole`. */
static rn_val part_of(struct rn_prog *p, rn_val whole, int64_t first, int64_t n)
{
    if (whole == RN_NONE)
        return RN_NONE;
    const struct rn_value v = *rn_value_at(p, whole);
    int64_t all = rn_elems(v.shape);
    RN_ASSERT(first >= 0 && n > 0 && first % RN_PART_ALIGN == 0 && n <= all - first);
    if (n == all)
        return whole;
    rn_val part = rn_prog_new_value(p, v.name, v.role, v.dtype, RN_SHAPE(n));
    if (part == RN_NONE)
        return part;
    rn_value_at(p, part)->param = v.param;
    rn_value_at(p, part)->part = first;
    return part;
}

rn_val rn_prog_weight_part(struct rn_prog *p, const char *name, int64_t first, int64_t n)
{
    return part_of(p, rn_prog_weight(p, name), first, n);
}

rn_val rn_prog_weight_grad_part(struct rn_prog *p, const char *name, int64_t first, int64_t n)
{
    return part_of(p, rn_prog_weight_grad(p, name), first, n);
}

/* --- ops --- */

void rn_prog_compute_in(struct rn_prog *p, enum rn_dtype type)
{
    RN_ASSERT(p->n_ops == 0 && (type == RN_F32 || type == RN_BF16));
    p->compute = type;
}

void rn_prog_push(struct rn_prog *p, const struct rn_op *op)
{
    RN_PUSH(p->ops, p->n_ops, p->cap_ops, *op);
}

unsigned rn_op_present(const struct rn_op *op)
{
    unsigned mask = 0;
    for (int i = 0; i < RN_MAX_IN; i++)
        mask |= op->x[i] != RN_NONE ? 1u << i : 0u;
    return mask;
}

unsigned rn_op_wanted(const struct rn_op *op)
{
    unsigned mask = 0;
    for (int i = 0; i < RN_MAX_IN; i++)
        mask |= op->dx[i] != RN_NONE ? 1u << i : 0u;
    return mask;
}

/* "linear 'h.0.fc': x and w disagree about K, got (2,3), (4,5)" */
static void fail_op(struct rn_prog *p, const struct rn_op *op, const char *wrong)
{
    char shapes[RN_MAX_IN * 66] = "", buf[64];
    size_t n = 0;
    for (int i = 0; i < RN_MAX_IN; i++)
        if (op->x[i] != RN_NONE)
            n += (size_t)snprintf(shapes + n, sizeof shapes - n, "%s%s", n ? ", " : "",
                                  rn_shape_show(buf, &rn_value_at(p, op->x[i])->shape));
    rn_fail(&p->err, RN_ECONFIG, RN_NOWHERE, "%s '%s': %s, got %s", rn_op_names[op->kind], op->name,
            wrong, shapes);
}

/* What every op asks of its operands: presence, dtype, and that only owned memory is changed. */
static const char *operands_wrong(const struct rn_prog *p, const struct rn_opdef *def,
                                  const struct rn_op *op)
{
    for (int i = 0; i < RN_MAX_IN; i++) {
        if (op->x[i] == RN_NONE) {
            if (i < def->nx && !(def->optional >> i & 1))
                return "an operand is missing";
            continue;
        }
        if (i >= def->nx)
            return "there are too many operands";
        const struct rn_value *v = rn_value_at(p, op->x[i]);
        if ((v->dtype == RN_I32) != (def->ints >> i & 1) ||
            rn_dtype_is_code(v->dtype) != (def->codes >> i & 1))
            return "an operand has the wrong dtype";
        if (v->dtype == RN_BF16 && !(def->stored_x >> i & 1))
            return "an operand is kept in bf16, as which the op does not take it";
        bool owned = v->role == RN_PARAM || v->role == RN_DPARAM || v->role == RN_STATE;
        if ((def->writes >> i & 1) && !owned)
            return "an operand that the op changes is neither weight nor state";
    }
    return NULL;
}

static enum rn_dtype output_type(const struct rn_opdef *def, const struct rn_attrs *attrs, int i)
{
    if (def->y_codes >> i & 1)
        return (enum rn_dtype)attrs->i[0];
    return def->y_ints >> i & 1 ? RN_I32 : RN_F32;
}

/* Appends y[0..ny) right behind each other: rn_prog_out counts on it. */
static void push_outputs(struct rn_prog *p, const struct rn_opdef *def, struct rn_op *op,
                         const struct rn_shape *ys)
{
    bool wants = false;
    for (int i = 0; i < def->nx; i++)
        wants |= op->x[i] != RN_NONE && !(def->fixed >> i & 1) && rn_value_at(p, op->x[i])->wants;
    for (int i = 0; i < def->ny; i++) {
        const char *name = i ? rn_arena_printf(&p->arena, "%s.%d", op->name, i) : op->name;
        enum rn_dtype dtype = output_type(def, &op->attrs, i);
        op->y[i] = rn_prog_new_value(p, name, RN_ACT, dtype, ys[i]);
        if (op->y[i] == RN_NONE)
            return;
        rn_value_at(p, op->y[i])->wants = wants && !def->forward_only && dtype == RN_F32;
        rn_value_at(p, op->y[i])->out = i;
    }
}

static rn_val all_grads(struct rn_prog *p)
{
    RN_ASSERT(p->params->with_grads);
    rn_val v = rn_prog_new_value(p, "gradients", RN_DPARAM, RN_F32,
                                 RN_SHAPE((int64_t)(p->params->grads_bytes / sizeof(float))));
    if (v != RN_NONE)
        rn_value_at(p, v)->param = ALL_PARAMS;
    return v;
}

static struct rn_op make_op(struct rn_prog *p, int kind, const char *name, const rn_val *x, int nx,
                            struct rn_attrs attrs)
{
    struct rn_op op = {.name = rn_arena_dup(&p->arena, name),
                       .kind = kind,
                       .again = rn_opdefs[kind]->again,
                       .attrs = attrs};
    for (int i = 0; i < RN_MAX_IN; i++) {
        op.x[i] = i < nx ? x[i] : RN_NONE;
        op.dx[i] = RN_NONE;
    }
    for (int i = 0; i < RN_MAX_OUT; i++)
        op.y[i] = op.dy[i] = RN_NONE;
    if (rn_opdefs[kind]->takes_grads)
        op.x[0] = all_grads(p);
    op.ny = rn_opdefs[kind]->ny;
    op.reads_x = rn_op_present(&op);
    op.reads_y = (1u << op.ny) - 1;
    return op;
}

rn_val rn_prog_op(struct rn_prog *p, int kind, const char *name, const rn_val *x, int nx,
                  struct rn_attrs attrs)
{
    if (p->err.code)
        return RN_NONE;
    RN_ASSERT(kind >= 0 && kind < RN_OP_COUNT && nx <= RN_MAX_IN && !p->planned);
    const struct rn_opdef *def = rn_opdefs[kind];
    struct rn_op op = make_op(p, kind, name, x, nx, attrs);
    const struct rn_shape *xs[RN_MAX_IN] = {0};
    struct rn_shape ys[RN_MAX_OUT] = {0};
    const char *wrong = operands_wrong(p, def, &op);
    for (int i = 0; i < RN_MAX_IN && !wrong; i++)
        xs[i] = op.x[i] != RN_NONE ? &rn_value_at(p, op.x[i])->shape : NULL;
    if (!wrong)
        wrong = def->shape(xs, &attrs, ys);
    if (wrong) {
        fail_op(p, &op, wrong);
        return RN_NONE;
    }
    if (kind == RN_OP_VIEW)
        return rn_prog_new_view(p, name, op.x[0], ys[0]);
    push_outputs(p, def, &op, ys);
    if (!p->err.code)
        rn_prog_push(p, &op);
    return p->err.code ? RN_NONE : op.y[0];
}

rn_val rn_prog_out(const struct rn_prog *p, rn_val first, int i)
{
    if (p->err.code || first == RN_NONE)
        return RN_NONE;
    RN_ASSERT(rn_value_at(p, first)->out == 0 && rn_value_at(p, first + i)->out == i);
    return first + i;
}

/* How many ops of the kind and size of this one are computed at once. */
static int batch_of(const struct rn_prog *p, const struct rn_op *op)
{
    const struct rn_opdef *def = rn_opdefs[op->kind];
    int most = def->batch > 0 ? def->batch : 1;
    int64_t elements = rn_elems(rn_value_at(p, op->x[0])->shape);
    if (def->batch_elements == 0 || elements * most <= def->batch_elements)
        return most;
    return elements < def->batch_elements ? (int)(def->batch_elements / elements) : 1;
}

void rn_prog_together(struct rn_prog *p, int n)
{
    if (p->err.code)
        return;
    RN_ASSERT(n <= p->n_ops && !p->planned);
    int left = 0; /* of the batch that is being filled */
    for (int i = p->n_ops - n; i < p->n_ops; i++) {
        struct rn_op *op = &p->ops[i];
        RN_ASSERT(op->kind == p->ops[p->n_ops - 1].kind && !op->bwd);
        if (left-- > 0) {
            op->behind = -1;
            continue;
        }
        int most = batch_of(p, op), rest = p->n_ops - i;
        op->behind = left = (most < rest ? most : rest) - 1;
    }
}

void rn_prog_pin(struct rn_prog *p, rn_val v)
{
    if (p->err.code || v == RN_NONE)
        return;
    RN_ASSERT(!p->planned);
    rn_val root = rn_value_at(p, v)->root;
    for (rn_val i = 0; i < p->n_values; i++) /* the root and its views share one role */
        if (p->values[i].root == root && rn_role_is_planned(p->values[i].role))
            p->values[i].role = RN_OUTPUT;
}

/* --- looking --- */

int rn_prog_length(const struct rn_prog *p)
{
    return p->n_ops;
}

int rn_prog_done_with(const struct rn_prog *p, enum rn_role role, size_t i)
{
    int last = -1;
    RN_ASSERT(p->planned && (role == RN_PARAM || role == RN_DPARAM));
    for (rn_val v = 0; v < p->n_values; v++) {
        const struct rn_value *value = &p->values[v];
        bool of = value->role == role && (value->param == (int)i || value->param == ALL_PARAMS);
        last = of && value->dies > last ? value->dies : last;
    }
    return last + 1;
}

rn_val rn_prog_find(const struct rn_prog *p, const char *name)
{
    for (rn_val v = 0; v < p->n_values; v++)
        if (strcmp(p->values[v].name, name) == 0)
            return v;
    return RN_NONE;
}

struct rn_shape rn_prog_shape(const struct rn_prog *p, rn_val v)
{
    return rn_value_at(p, v)->shape;
}

const char *rn_prog_name(const struct rn_prog *p, rn_val v)
{
    return rn_value_at(p, v)->name;
}

rn_val rn_prog_state_at(const struct rn_prog *p, size_t i)
{
    for (rn_val v = 0; v < p->n_values; v++)
        if (p->values[v].role == RN_STATE && p->values[v].root == v && i-- == 0)
            return v;
    return RN_NONE;
}
