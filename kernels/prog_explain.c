/* The listing of a program: one line an op, as sqlite's EXPLAIN. */
#include "prog_impl.h"
#include "str.h"

#include <string.h>

double rn_op_flops(const struct rn_prog *p, const struct rn_op *op)
{
    const struct rn_opdef *def = rn_opdefs[op->kind];
    if (!def->flops)
        return 0;
    struct rn_shape xs[RN_MAX_IN] = {0}, ys[RN_MAX_OUT] = {0};
    for (int i = 0; i < RN_MAX_IN; i++)
        if (op->x[i] != RN_NONE)
            xs[i] = rn_value_at(p, op->x[i])->shape;
    for (int i = 0; i < op->ny; i++)
        ys[i] = rn_value_at(p, op->y[i])->shape;
    return def->flops(xs, ys, &op->attrs, rn_op_wanted(op));
}

double rn_prog_flops(const struct rn_prog *p)
{
    double sum = 0;
    for (int i = 0; i < p->n_ops; i++)
        sum += rn_op_flops(p, &p->ops[i]);
    return sum;
}

static void show_values(const struct rn_prog *p, struct rn_str *s, const rn_val *v, int n)
{
    static const char *const types[] = {"", "", "bf16", "e4m3", "e5m2"}; /* by enum rn_dtype */
    char buf[64];
    for (int i = 0; i < n; i++) {
        if (v[i] == RN_NONE)
            continue;
        const struct rn_value *value = rn_value_at(p, v[i]);
        if (s->n)
            rn_str_putc(s, ' ');
        rn_str_printf(s, "%d%s%s", (int)v[i], rn_shape_show(buf, &value->shape),
                      types[value->dtype]);
    }
}

/* Where the first thing an op gives lies in the planned slab; -1: elsewhere. */
static long long first_offset(const struct rn_prog *p, const struct rn_op *op)
{
    const rn_val *v = op->bwd ? op->dx : op->y;
    int n = op->bwd ? RN_MAX_IN : RN_MAX_OUT;
    for (int i = 0; i < n; i++) {
        if (v[i] == RN_NONE)
            continue;
        const struct rn_value *root = rn_value_at(p, rn_value_at(p, v[i])->root);
        return rn_role_is_planned(root->role) ? (long long)root->offset : -1;
    }
    return -1;
}

static void explain_op(const struct rn_prog *p, int i, FILE *out)
{
    const struct rn_op *op = &p->ops[i];
    struct rn_str in = {0}, made = {0};
    show_values(p, &in, op->bwd ? op->dy : op->x, op->bwd ? RN_MAX_OUT : RN_MAX_IN);
    show_values(p, &made, op->bwd ? op->dx : op->y, op->bwd ? RN_MAX_IN : RN_MAX_OUT);
    fprintf(out, "%4d %-3s %-16s %-32s %s -> %s", i, op->bwd ? "bwd" : "fwd", rn_op_names[op->kind],
            op->name, in.p ? in.p : "", made.p ? made.p : "");
    if (op->acc)
        fprintf(out, "  acc %x", op->acc);
    fprintf(out, "  %.3g Mflop  at %lld\n", rn_op_flops(p, op) / 1e6, first_offset(p, op));
    rn_str_release(&in);
    rn_str_release(&made);
}

void rn_prog_explain(const struct rn_prog *p, FILE *out)
{
    char all[32], scratch[32];
    fprintf(out, "%4s %-3s %-16s %-32s operands -> results, as value(shape)\n", "op", "dir", "kind",
            "name");
    for (int i = 0; i < p->n_ops; i++)
        explain_op(p, i, out);
    fprintf(out, "%d ops, %d values, %.4g Gflop, %s planned (%s of it scratch)\n", p->n_ops,
            p->n_values, rn_prog_flops(p) / 1e9, rn_show_bytes(all, (double)rn_prog_bytes(p)),
            rn_show_bytes(scratch, (double)p->scratch_bytes));
}
