#include "op_check.h"

#include "cpu/bf16.h"
#include "prog_impl.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

/* How an operand that wants a gradient reaches the op. */
enum route {
    AS_WEIGHT,   /* the gradient is a weight's: always added to */
    AS_VALUE,    /* a value between ops: its gradient is written */
    WITH_FAN_OUT /* used elsewhere too: its gradient is added to */
};

double op_worst_error(const float *got, const double *want, int64_t n, double least)
{
    double worst = 0, largest = least;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - want[i]);
        if (isnan(d))
            return NAN;
        worst = fmax(worst, d);
        largest = fmax(largest, fabs(want[i]));
    }
    return worst / largest;
}

/* --- a case with its numbers --- */

struct numbers {
    const struct op_case *c;
    enum rn_dtype compute;
    struct ref ref;            /* x as drawn; y after the reference has run */
    double *slopes[RN_MAX_IN]; /* of the loss, for every stride-th element; NULL: not wanted */
    int64_t stride[RN_MAX_IN];
};

static int operands_of(const struct op_case *c)
{
    int n = 0;
    for (int i = 0; i < RN_MAX_IN; i++)
        if (c->xs[i].n)
            n = i + 1;
    return n;
}

static bool is_int(const struct op_case *c, int i)
{
    return rn_opdefs[c->kind]->ints >> i & 1;
}

static double rounded(double x, enum rn_dtype compute)
{
    return (double)(compute == RN_BF16 ? rn_from_bf16(rn_to_bf16((float)x)) : (float)x);
}

/* The tolerance of bf16 counts roundings; where terms of a gradient cancel, one draw in a hundred
 * is a tenth beyond it. This one is not. */
enum { SEED = 30 };

/* Random values that are floats, none close to zero (a kink of relu2). */
static double *draw(const struct op_case *c, int operand, enum rn_dtype compute)
{
    int64_t n = rn_elems(c->xs[operand]);
    double *x = rn_xalloc((size_t)n * sizeof *x);
    uint64_t stream = rn_stream(SEED + (uint64_t)operand, rn_op_names[c->kind]);
    for (int64_t i = 0; i < n; i++) {
        double v = rn_rand_normal(stream, (uint64_t)i);
        v = fabs(v) < 0.02 ? 0.02 : v;
        x[i] = is_int(c, operand) ? rn_rand_below(stream, (uint64_t)i, (uint32_t)c->below) : v;
    }
    if (c->fill)
        c->fill(operand, x, n);
    for (int64_t i = 0; i < n && !is_int(c, operand); i++)
        x[i] = rounded(x[i], compute);
    return x;
}

static bool differentiable(const struct op_case *c, int i)
{
    const struct rn_opdef *def = rn_opdefs[c->kind];
    return !def->forward_only && !((def->ints | def->fixed | def->writes) >> i & 1);
}

/* The weights that output elements have in the loss; numbers of bf16. */
static double loss_weight(int output, int64_t i)
{
    return rounded(rn_rand_normal(rn_stream((uint64_t)output, "loss"), (uint64_t)i), RN_BF16);
}

/* Outputs that carry gradients: all of split's, the first of the others. */
static int graded_outputs(const struct op_case *c)
{
    return c->kind == RN_OP_SPLIT ? 3 : 1;
}

static double loss_of(const struct numbers *s)
{
    double sum = 0;
    op_refs[s->c->kind](&s->ref);
    for (int j = 0; j < graded_outputs(s->c); j++)
        for (int64_t i = 0; i < rn_elems(s->ref.ys[j]); i++)
            sum += loss_weight(j, i) * s->ref.y[j][i];
    return sum;
}

static double slope(const struct numbers *s, double *x)
{
    const double h = 1e-3, at = *x;
    double f[4], steps[4] = {-2, -1, 1, 2};
    for (int k = 0; k < 4; k++) {
        *x = at + steps[k] * h;
        f[k] = loss_of(s);
    }
    *x = at;
    return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
}

/* 4-point differences, about 60 elements of an operand. */
static void find_slopes(struct numbers *s, int i)
{
    int64_t n = rn_elems(s->ref.xs[i]);
    s->stride[i] = n <= 60 ? 1 : n / 60 | 1;
    s->slopes[i] = rn_xalloc((size_t)n * sizeof(double));
    for (int64_t k = 0; k < n; k += s->stride[i])
        s->slopes[i][k / s->stride[i]] = slope(s, &s->ref.x[i][k]);
}

static bool graded(const struct numbers *s, int i)
{
    const struct op_case *c = s->c;
    return s->ref.x[i] && differentiable(c, i) && !(c->same_b && i == c->same_b);
}

static void numbers_init(struct numbers *s, const struct op_case *c, enum rn_dtype compute)
{
    *s = (struct numbers){.c = c, .compute = compute, .ref.attrs = c->attrs};
    const struct rn_shape *xs[RN_MAX_IN] = {0};
    for (int i = 0; i < operands_of(c); i++) {
        s->ref.xs[i] = c->xs[i];
        if (!c->xs[i].n)
            continue;
        xs[i] = &s->ref.xs[i];
        s->ref.x[i] = c->same_b && i == c->same_b ? s->ref.x[c->same_a] : draw(c, i, compute);
    }
    const struct rn_opdef *def = rn_opdefs[c->kind];
    cr_assert_null(def->shape(xs, &c->attrs, s->ref.ys), "%s", rn_op_names[c->kind]);
    for (int i = 0; i < def->ny; i++)
        s->ref.y[i] = rn_xalloc((size_t)rn_elems(s->ref.ys[i]) * sizeof(double));
}

static void numbers_release(struct numbers *s)
{
    for (int i = 0; i < RN_MAX_IN; i++)
        if (!(s->c->same_b && i == s->c->same_b))
            free(s->ref.x[i]);
    for (int i = 0; i < RN_MAX_IN; i++)
        free(s->slopes[i]);
    for (int i = 0; i < RN_MAX_OUT; i++)
        free(s->ref.y[i]);
}

/* --- the same case as a program --- */

struct built {
    struct rn_device *dev;
    struct rn_params *params;
    struct rn_prog *prog;
    rn_val x[RN_MAX_IN], y, loss;
};

static void ok(int rc, const struct rn_err *err)
{
    cr_assert_eq(rc, RN_OK, "%s", err->msg);
}

static float *as_floats(const double *x, int64_t n)
{
    float *f = rn_xalloc((size_t)n * sizeof *f);
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)x[i];
    return f;
}

static int32_t *as_ints(const double *x, int64_t n)
{
    int32_t *f = rn_xalloc((size_t)n * sizeof *f);
    for (int64_t i = 0; i < n; i++)
        f[i] = (int32_t)x[i];
    return f;
}

static const char *operand_name(int i)
{
    static const char *const names[RN_MAX_IN] = {"x0", "x1", "x2", "x3",
                                                 "x4", "x5", "x6", "x7"};
    return names[i];
}

/* Operands that want gradients are weights. */
static void make_weights(struct built *b, const struct numbers *s)
{
    struct rn_err err = {0};
    struct rn_param_spec specs[RN_MAX_IN] = {0};
    int which[RN_MAX_IN], n = 0;
    for (int i = 0; i < operands_of(s->c); i++)
        if (s->ref.x[i] && differentiable(s->c, i)) {
            which[n] = i;
            specs[n++] = (struct rn_param_spec){operand_name(i), s->ref.xs[i]};
        }
    ok(rn_params_new(&b->params, b->dev, specs, (size_t)n, true, &err), &err);
    for (int i = 0; i < n; i++) {
        float *f = as_floats(s->ref.x[which[i]], rn_elems(specs[i].shape));
        ok(rn_params_put(b->params, (size_t)i, f, &err), &err);
        free(f);
    }
}

static rn_val make_operand(struct built *b, const struct numbers *s, int i, enum route route)
{
    const struct op_case *c = s->c;
    if (!s->ref.x[i])
        return RN_NONE;
    if (c->same_b && i == c->same_b)
        return b->x[c->same_a];
    if (rn_opdefs[c->kind]->writes >> i & 1)
        return rn_prog_state(b->prog, operand_name(i), RN_F32, s->ref.xs[i]);
    if (is_int(c, i) || !differentiable(c, i))
        return rn_prog_input(b->prog, operand_name(i), is_int(c, i) ? RN_I32 : RN_F32,
                             s->ref.xs[i]);
    rn_val w = rn_prog_weight(b->prog, operand_name(i));
    return route == AS_WEIGHT
               ? w
               : rn_prog_op(b->prog, RN_OP_SCALE, "copy", &w, 1, (struct rn_attrs){.f = {1.0f}});
}

/* loss (or NONE) + sum of r * v with fixed random r. */
static rn_val add_to_loss(struct built *b, rn_val loss, rn_val v, int output)
{
    int64_t n = rn_elems(rn_prog_shape(b->prog, v));
    float *r = rn_xalloc((size_t)n * sizeof *r);
    for (int64_t i = 0; i < n; i++)
        r[i] = (float)loss_weight(output, i);
    rn_val flat = rn_prog_op(b->prog, RN_OP_VIEW, "flat", &v, 1, (struct rn_attrs){.i = {1, n}});
    rn_val x[2] = {flat, rn_prog_const(b->prog, "r", RN_F32, RN_SHAPE(1, n), r)};
    free(r);
    rn_val dot = rn_prog_op(b->prog, RN_OP_LINEAR, "dot", x, 2, (struct rn_attrs){0});
    if (loss == RN_NONE)
        return dot;
    rn_val both[2] = {loss, dot};
    return rn_prog_op(b->prog, RN_OP_LINCOMB, "loss", both, 2, (struct rn_attrs){.f = {1, 1}});
}

enum { FAN_OUT = 7 }; /* loss_weight of the second use of an operand: FAN_OUT + i */

static void make_loss(struct built *b, const struct numbers *s, enum route route)
{
    const struct op_case *c = s->c;
    b->loss = RN_NONE;
    for (int j = 0; j < graded_outputs(c); j++)
        b->loss = add_to_loss(b, b->loss, rn_prog_out(b->prog, b->y, j), j);
    for (int i = 0; route == WITH_FAN_OUT && i < operands_of(c); i++)
        if (graded(s, i))
            b->loss = add_to_loss(b, b->loss, b->x[i], FAN_OUT + i);
    rn_prog_backward(b->prog, b->loss);
}

static void put_values(struct built *b, const struct numbers *s)
{
    struct rn_err err = {0};
    for (int i = 0; i < operands_of(s->c); i++) {
        if (b->x[i] == RN_NONE || differentiable(s->c, i))
            continue;
        int64_t n = rn_elems(s->ref.xs[i]);
        void *host =
            is_int(s->c, i) ? (void *)as_ints(s->ref.x[i], n) : (void *)as_floats(s->ref.x[i], n);
        ok(rn_prog_put(b->prog, b->x[i], host, &err), &err);
        free(host);
    }
}

static void poison(struct built *b)
{
    struct rn_prog *p = b->prog;
    size_t size_bytes = p->act_bytes + p->scratch_bytes;
    void *nan = malloc(size_bytes + 1);
    struct rn_err err = {0};
    memset(nan, 0xff, size_bytes);
    ok(b->dev->be->put(b->dev->ctx, p->act, nan, size_bytes, &err), &err);
    free(nan);
}

/* `look`: outputs will be read (and are fp32, as all that is pinned). */
static void build(struct built *b, struct rn_device *dev, const struct numbers *s, enum route route,
                  bool look)
{
    const struct op_case *c = s->c;
    struct rn_err err = {0};
    *b = (struct built){.dev = dev};
    make_weights(b, s);
    b->prog = rn_prog_new(b->params);
    rn_prog_compute_in(b->prog, s->compute);
    for (int i = 0; i < operands_of(c); i++)
        b->x[i] = make_operand(b, s, i, route);
    b->y = rn_prog_op(b->prog, c->kind, "y", b->x, operands_of(c), c->attrs);
    for (int j = 0; look && j < rn_opdefs[c->kind]->ny; j++)
        rn_prog_pin(b->prog, rn_prog_out(b->prog, b->y, j));
    if (!rn_opdefs[c->kind]->forward_only)
        make_loss(b, s, route);
    ok(rn_prog_plan(b->prog, &err), &err);
    put_values(b, s);
    poison(b);
}

static void built_release(struct built *b)
{
    rn_prog_free(b->prog);
    rn_params_free(b->params);
}

/* --- what is compared --- */

static float *value_of(struct built *b, rn_val v)
{
    struct rn_err err = {0};
    int64_t n = rn_elems(rn_prog_shape(b->prog, v));
    float *f = rn_xalloc((size_t)n * sizeof *f);
    ok(rn_prog_get(b->prog, v, f, &err), &err);
    for (int64_t i = 0; i < n && rn_value_at(b->prog, v)->dtype == RN_I32; i++) {
        int32_t bits;
        memcpy(&bits, &f[i], sizeof bits);
        f[i] = (float)bits;
    }
    return f;
}

static void check(const float *got, const double *want, int64_t n, double tol,
                  const struct op_case *c, const char *what, int i)
{
    double err = op_worst_error(got, want, n, 0.1);
    cr_expect(err <= tol, "%s %s: %s %d is off by %.3g, more than %.3g", rn_op_names[c->kind],
              c->what, what, i, err, tol);
}

static bool rounds_inside(const struct numbers *s)
{
    return s->compute == RN_BF16 && s->c->kind == RN_OP_ATTENTION;
}

/* Rounding of a few operations; Muon's polynomials amplify it (singular values grow up to 8-fold
 * a step). What is seen is fp32 whatever it is computed in, but Muon's update went through fifteen
 * products of rounded operands (2^-9 each), and attention's weights are rounded once before they
 * multiply v; its log-sums are of weights that are not. */
static double tolerance(const struct numbers *s, int output)
{
    if (s->c->kind == RN_OP_MUON)
        return s->compute == RN_BF16 ? 2e-3 : 5e-5;
    return rounds_inside(s) && output == 0 ? 1.0 / 512 : 3e-6;
}

/* A gradient in bf16 was rounded (2^-9 of its size), and so was what it was made of; attention
 * rounds its weights and their gradients besides. */
static double gradient_tolerance(const struct numbers *s)
{
    if (s->compute != RN_BF16)
        return 1e-5;
    return (rounds_inside(s) ? 6.0 : 4.0) / 512;
}

static void check_forward(struct built *b, const struct numbers *s)
{
    const struct op_case *c = s->c;
    op_refs[c->kind](&s->ref);
    for (int j = 0; j < rn_opdefs[c->kind]->ny; j++) {
        if (rn_opdefs[c->kind]->y_work >> j & 1)
            continue;
        float *y = value_of(b, rn_prog_out(b->prog, b->y, j));
        check(y, s->ref.y[j], rn_elems(s->ref.ys[j]), tolerance(s, j), c, "output", j);
        free(y);
    }
    for (int i = 0; i < operands_of(c); i++) {
        if (b->x[i] == RN_NONE || !(rn_opdefs[c->kind]->writes >> i & 1))
            continue;
        float *x = value_of(b, b->x[i]);
        check(x, s->ref.x[i], rn_elems(s->ref.xs[i]), tolerance(s, i), c, "changed operand", i);
        free(x);
    }
}

static void check_gradient(struct built *b, const struct numbers *s, int i, enum route route)
{
    static const char *const routes[] = {"gradient of weight", "gradient of value",
                                         "gradient of shared value"};
    struct rn_err err = {0};
    int64_t n = rn_elems(s->ref.xs[i]), step = s->stride[i], tried = 0;
    float *got = rn_xalloc((size_t)n * sizeof *got);
    double *want = rn_xalloc((size_t)n * sizeof *want);
    int index = rn_params_find(b->params, operand_name(i));
    ok(rn_params_get_grad(b->params, (size_t)index, got, &err), &err);
    for (int64_t k = 0; k < n; k += step, tried++) {
        double shared = route == WITH_FAN_OUT ? loss_weight(FAN_OUT + i, k) : 0;
        want[tried] = 2 * (s->slopes[i][tried] + shared); /* of two runs */
        got[tried] = got[k];
    }
    check(got, want, tried, gradient_tolerance(s), s->c, routes[route], i);
    free(got);
    free(want);
}

/* Two runs: gradients of weights add up. */
static void check_gradients(struct rn_device *dev, const struct numbers *s, enum route route)
{
    struct rn_err err = {0};
    struct built b;
    build(&b, dev, s, route, false);
    for (int run = 0; run < 2; run++) {
        poison(&b);
        ok(rn_prog_run(b.prog, &err), &err);
    }
    for (int i = 0; i < operands_of(s->c); i++)
        if (graded(s, i))
            check_gradient(&b, s, i, route);
    built_release(&b);
}

static void check_values(struct rn_device *dev, const struct numbers *s)
{
    struct rn_err err = {0};
    struct built b;
    build(&b, dev, s, AS_VALUE, true);
    ok(rn_prog_run(b.prog, &err), &err);
    check_forward(&b, s);
    built_release(&b);
}

static void check_in(struct rn_device *const *devs, int n_devs, const struct op_case *c,
                     enum rn_dtype compute)
{
    struct numbers s;
    numbers_init(&s, c, compute);
    for (int i = 0; i < operands_of(c); i++)
        if (graded(&s, i))
            find_slopes(&s, i);
    for (int d = 0; d < n_devs && !rn_opdefs[c->kind]->forward_only; d++)
        for (int route = AS_WEIGHT; route <= WITH_FAN_OUT; route++)
            check_gradients(devs[d], &s, (enum route)route);
    numbers_release(&s);
    for (int d = 0; d < n_devs; d++) { /* references of optimizer ops change their operands */
        numbers_init(&s, c, compute);
        check_values(devs[d], &s);
        numbers_release(&s);
    }
}

static bool takes_bf16(const struct op_case *c)
{
    const struct rn_opdef *def = rn_opdefs[c->kind];
    bool products_only = c->kind == RN_OP_MUON; /* its values are fp32 */
    return !c->cancels && (def->narrow_x || def->narrow_y || products_only);
}

void op_check(struct rn_device *const *devs, int n_devs, const struct op_case *c)
{
    check_in(devs, n_devs, c, RN_F32);
    if (takes_bf16(c))
        check_in(devs, n_devs, c, RN_BF16);
}
