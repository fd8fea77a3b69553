#include "mini.h"

#include "rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { C = 48, H = 4, K = 2, D = 12, V = 70, VP = 80, LAYERS = 2, HYPER = 16 };

void must(int rc, const struct rn_err *err)
{
    cr_assert_eq(rc, RN_OK, "%s", err->msg);
}

static const struct rn_param_spec specs[] = {
    {"wte", {2, {VP, C}}},       {"lambdas", {1, {2 * LAYERS}}}, {"gain", {1, {C}}},
    {"bias", {1, {C}}},          {"0.q", {2, {H * D, C}}},       {"0.k", {2, {K * D, C}}},
    {"0.v", {2, {K * D, C}}},    {"0.o", {2, {C, H *D}}},        {"0.fc", {2, {4 * C, C}}},
    {"0.proj", {2, {C, 4 * C}}}, {"1.q", {2, {H * D, C}}},       {"1.k", {2, {K * D, C}}},
    {"1.v", {2, {K * D, C}}},    {"1.o", {2, {C, H *D}}},        {"1.fc", {2, {4 * C, C}}},
    {"1.proj", {2, {C, 4 * C}}},
};

static void fill_weights(struct rn_params *ps)
{
    struct rn_err err = {0};
    for (size_t i = 0; i < rn_params_count(ps); i++) {
        const struct rn_param_spec *s = rn_params_spec(ps, i);
        int64_t n = rn_elems(s->shape);
        float *f = rn_xalloc((size_t)n * sizeof *f);
        for (int64_t k = 0; k < n; k++)
            f[k] = (float)(rn_rand_normal(rn_stream(1, s->name), (uint64_t)k) * 0.15);
        must(rn_params_put(ps, i, f, &err), &err);
        free(f);
    }
}

/* --- building: p, and one op a line --- */

static rn_val op(struct rn_prog *p, int kind, rn_val a, rn_val b, rn_val c, struct rn_attrs attrs)
{
    rn_val x[3] = {a, b, c};
    int n = c != RN_NONE ? 3 : b != RN_NONE ? 2 : 1;
    return rn_prog_op(p, kind, rn_op_names[kind], x, n, attrs);
}

static rn_val weight(struct rn_prog *p, int layer, const char *name)
{
    char full[32];
    snprintf(full, sizeof full, "%d.%s", layer, name);
    return rn_prog_weight(p, full);
}

static rn_val project(struct rn_prog *p, rn_val x, int layer, const char *name)
{
    return op(p, RN_OP_LINEAR, x, weight(p, layer, name), RN_NONE, (struct rn_attrs){0});
}

static rn_val norm(struct rn_prog *p, rn_val x)
{
    return op(p, RN_OP_RMSNORM, x, RN_NONE, RN_NONE, (struct rn_attrs){.f = {1e-6f}});
}

static rn_val add(struct rn_prog *p, rn_val a, rn_val b)
{
    return op(p, RN_OP_LINCOMB, a, b, RN_NONE, (struct rn_attrs){.f = {1, 1}});
}

static rn_val heads(const struct mini *m, rn_val x, int64_t n)
{
    return op(m->prog, RN_OP_VIEW, x, RN_NONE, RN_NONE, (struct rn_attrs){.i = {m->B, m->T, n, D}});
}

static rn_val attention(const struct mini *m, rn_val x, int layer, rn_val cossin)
{
    struct rn_prog *p = m->prog;
    rn_val q = heads(m, project(p, x, layer, "q"), H), k = heads(m, project(p, x, layer, "k"), K);
    rn_val v = heads(m, project(p, x, layer, "v"), K);
    q = op(p, RN_OP_ROPE_NORM, q, cossin, m->pos, (struct rn_attrs){.f = {1e-6f}});
    k = op(p, RN_OP_ROPE_NORM, k, cossin, m->pos, (struct rn_attrs){.f = {1e-6f}});
    rn_val y =
        op(p, RN_OP_ATTENTION, q, k, v, (struct rn_attrs){.f = {0.3f}, .i = {layer == 0 ? 5 : -1}});
    y = op(p, RN_OP_VIEW, y, RN_NONE, RN_NONE, (struct rn_attrs){.i = {m->B, m->T, H * D}});
    return project(p, y, layer, "o");
}

static rn_val block(const struct mini *m, rn_val x, rn_val x0, int layer, rn_val cossin)
{
    struct rn_prog *p = m->prog;
    rn_val lambdas = rn_prog_weight(p, "lambdas"), mix[4] = {x, x0, lambdas, lambdas};
    x = rn_prog_op(p, RN_OP_LINCOMB, "mix", mix, 4,
                   (struct rn_attrs){.f = {1, 1}, .i = {layer, LAYERS + layer}});
    x = add(p, x, attention(m, norm(p, x), layer, cossin));
    rn_val h = project(p, norm(p, x), layer, "fc");
    h = op(p, layer == 0 ? RN_OP_RELU2 : RN_OP_GELU, h, RN_NONE, RN_NONE, (struct rn_attrs){0});
    return add(p, x, project(p, h, layer, "proj"));
}

static rn_val rope_table(struct mini *m)
{
    float *t = rn_xalloc((size_t)(m->T * D) * sizeof *t);
    for (int64_t i = 0; i < m->T * D / 2; i++) {
        double angle = (double)(i / (D / 2)) * pow(100, -2.0 * (double)(i % (D / 2)) / D);
        t[i / (D / 2) * D + i % (D / 2)] = (float)cos(angle);
        t[i / (D / 2) * D + D / 2 + i % (D / 2)] = (float)sin(angle);
    }
    rn_val v = rn_prog_const(m->prog, "cossin", RN_F32, RN_SHAPE(m->T, D), t);
    free(t);
    return v;
}

static void build_model(struct mini *m)
{
    struct rn_prog *p = m->prog = rn_prog_new(m->params);
    m->ids = rn_prog_input(p, "ids", RN_I32, RN_SHAPE(m->B, m->T));
    m->targets = rn_prog_input(p, "targets", RN_I32, RN_SHAPE(m->B, m->T));
    m->pos = rn_prog_input(p, "pos", RN_I32, RN_SHAPE(m->B, m->T));
    m->scale = rn_prog_input(p, "scale", RN_F32, RN_SHAPE(1));
    rn_val cossin = rope_table(m), wte = rn_prog_weight(p, "wte");
    rn_val x0 = norm(p, op(p, RN_OP_EMBED, m->ids, wte, RN_NONE, (struct rn_attrs){0})), x = x0;
    for (int i = 0; i < LAYERS; i++) {
        x = block(m, x, x0, i, cossin);
        if (m->recompute)
            rn_prog_forget(p, x);
    }
    x = op(p, RN_OP_LAYERNORM, x, rn_prog_weight(p, "gain"), rn_prog_weight(p, "bias"),
           (struct rn_attrs){.f = {1e-5f}});
    rn_val head[4] = {x, wte, m->targets, m->scale};
    m->loss =
        rn_prog_op(p, RN_OP_HEAD_LOSS, "loss", head, 4, (struct rn_attrs){.f = {15}, .i = {V}});
    rn_prog_pin(p, m->loss);
    rn_prog_backward(p, m->loss);
}

/* --- the optimizer's program --- */

static rn_val state(struct rn_prog *p, const char *what, const char *name, struct rn_shape shape)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", what, name);
    return rn_prog_state(p, full, RN_F32, shape);
}

static rn_val clip(struct mini *m)
{
    rn_val sum = RN_NONE;
    for (size_t i = 0; i < RN_COUNT(specs); i++) {
        rn_val x[2] = {rn_prog_weight_grad(m->opt, specs[i].name), sum};
        sum = rn_prog_op(m->opt, RN_OP_SUMSQ, "sumsq", x, 2, (struct rn_attrs){0});
    }
    rn_val x[2] = {sum, m->hyper};
    return rn_prog_op(m->opt, RN_OP_CLIP_COEF, "clip", x, 2, (struct rn_attrs){.i = {11}});
}

/* AdamW on what has one dimension and the embedding, Muon of both years on the matrices. */
static void update(struct mini *m, const struct rn_param_spec *s, rn_val coef)
{
    struct rn_prog *p = m->opt;
    rn_val w = rn_prog_weight(p, s->name), g = rn_prog_weight_grad(p, s->name);
    if (s->shape.n == 1 || strcmp(s->name, "wte") == 0) {
        rn_val x[] = {
            w,        g,   state(p, "m", s->name, s->shape), state(p, "v", s->name, s->shape),
            m->hyper, coef};
        rn_prog_op(p, RN_OP_ADAMW, s->name, x, 6, (struct rn_attrs){.i = {0}});
        return;
    }
    bool now = s->name[0] == '1';
    int64_t longer = s->shape.d[0] > s->shape.d[1] ? s->shape.d[0] : s->shape.d[1];
    rn_val buf2 = now ? state(p, "buf2", s->name, RN_SHAPE(longer)) : RN_NONE;
    rn_val x[] = {w, g, state(p, "buf", s->name, s->shape), buf2, m->hyper, coef};
    rn_prog_op(p, RN_OP_MUON, s->name, x, 6, (struct rn_attrs){.i = {7, now}});
}

static void build_optimizer(struct mini *m)
{
    m->opt = rn_prog_new(m->params);
    m->hyper = rn_prog_input(m->opt, "hyper", RN_F32, RN_SHAPE(HYPER));
    rn_val coef = clip(m);
    for (size_t i = 0; i < RN_COUNT(specs); i++)
        update(m, &specs[i], coef);
    rn_prog_op(m->opt, RN_OP_ZERO_GRADS, "zero", NULL, 0, (struct rn_attrs){0});
}

static void put_inputs(struct mini *m)
{
    struct rn_err err = {0};
    size_t n = (size_t)(m->B * m->T);
    int32_t *ids = rn_xalloc(3 * n * sizeof *ids), *targets = ids + n, *pos = targets + n;
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)rn_rand_below(rn_stream(2, "ids"), i, V);
        targets[i] = i % 5 == 0 ? -1 : (int32_t)rn_rand_below(rn_stream(2, "targets"), i, V);
        pos[i] = (int32_t)(i % (size_t)m->T);
    }
    float scale = 1.0f / (float)n;
    float hyper[HYPER] = {0.01f, 0.9f,  0.95f, 1e-8f, 0.1f, 0.1f,
                          0.05f, 0.02f, 0.95f, 0.1f,  0.9f, 1};
    must(rn_prog_put(m->prog, m->ids, ids, &err), &err);
    must(rn_prog_put(m->prog, m->targets, targets, &err), &err);
    must(rn_prog_put(m->prog, m->pos, pos, &err), &err);
    must(rn_prog_put(m->prog, m->scale, &scale, &err), &err);
    must(rn_prog_put(m->opt, m->hyper, hyper, &err), &err);
    free(ids);
}

static void init(struct mini *m, int threads, bool reuse)
{
    struct rn_err err = {0};
    must(rn_device_open(&m->dev, "cpu", threads, NULL, &err), &err);
    must(rn_params_new(&m->params, m->dev, specs, RN_COUNT(specs), true, &err), &err);
    fill_weights(m->params);
    build_model(m);
    build_optimizer(m);
    must((reuse ? rn_prog_plan : rn_prog_plan_no_reuse)(m->prog, &err), &err);
    must((reuse ? rn_prog_plan : rn_prog_plan_no_reuse)(m->opt, &err), &err);
    put_inputs(m);
}

void mini_init(struct mini *m, int threads, int64_t B, int64_t T, bool reuse)
{
    *m = (struct mini){.B = B, .T = T};
    init(m, threads, reuse);
}

void mini_init_recompute(struct mini *m, int threads, int64_t B, int64_t T)
{
    *m = (struct mini){.B = B, .T = T, .recompute = true};
    init(m, threads, true);
}

void mini_release(struct mini *m)
{
    rn_prog_free(m->prog);
    rn_prog_free(m->opt);
    rn_params_free(m->params);
    rn_device_close(m->dev);
}

void mini_step(struct mini *m)
{
    struct rn_err err = {0};
    must(rn_prog_run(m->prog, &err), &err);
    must(rn_prog_run(m->opt, &err), &err);
}

static float *all_of(const struct rn_params *ps, size_t *n,
                     int (*get)(const struct rn_params *, size_t, float *, struct rn_err *))
{
    struct rn_err err = {0};
    size_t all = 0;
    for (size_t i = 0; i < rn_params_count(ps); i++)
        all += (size_t)rn_elems(rn_params_spec(ps, i)->shape);
    float *f = rn_xalloc(all * sizeof *f);
    *n = 0;
    for (size_t i = 0; i < rn_params_count(ps); i++) {
        must(get(ps, i, f + *n, &err), &err);
        *n += (size_t)rn_elems(rn_params_spec(ps, i)->shape);
    }
    return f;
}

float *mini_weights(const struct mini *m, size_t *n)
{
    return all_of(m->params, n, rn_params_get);
}

float *mini_gradients(const struct mini *m, size_t *n)
{
    return all_of(m->params, n, rn_params_get_grad);
}

/* --- poison --- */

static void fill_nan(struct rn_prog *p, char *mem, size_t size_bytes)
{
    struct rn_err err = {0};
    void *nan = rn_xalloc(size_bytes);
    memset(nan, 0xff, size_bytes);
    must(p->dev->be->put(p->dev->ctx, mem, nan, size_bytes, &err), &err);
    free(nan);
}

void poison_planned(struct rn_prog *p)
{
    fill_nan(p, p->act, p->act_bytes + p->scratch_bytes);
}

static bool taken_over(const struct rn_prog *p, rn_val v)
{
    for (rn_val w = 0; w < p->n_values; w++)
        if (p->values[w].root == w && p->values[w].over == v)
            return true;
    return false;
}

void run_with_dead_poisoned(struct rn_prog *p)
{
    struct rn_err err = {0};
    for (int i = 0; i < p->n_ops; i++) {
        must(p->dev->be->run(p->dev->ctx, p->plan, (size_t)i, 1, &err), &err);
        for (rn_val v = 0; v < p->n_values; v++) {
            const struct rn_value *value = rn_value_at(p, v);
            if (value->root == v && rn_role_is_planned(value->role) && value->dies == i &&
                !taken_over(p, v))
                fill_nan(p, value->data, rn_value_bytes(value));
        }
    }
}
