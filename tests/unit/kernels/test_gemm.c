/* Matrix products, through the op `linear`: odd shapes on both sides of every cut, both precisions,
 * both layouts of the weight, every instruction set, several threads. Operands are small integers:
 * bf16 has them, and their products and sums are exact in fp32, so results must be equal. */
#include "mini.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct shape {
    int64_t R, N, K;
};
static const struct shape shapes[] = {
    {1, 1, 1},     {1, 70, 33},   {5, 3, 2},     {8, 48, 384}, {9, 49, 385},  {33, 47, 1},
    {130, 17, 95}, {7, 500, 770}, {40, 1600, 3}, {261, 10, 3}, {40, 96, 801}, {401, 9, 11},
};

struct layer { /* y = x w^T + bias, then the gradients that dy gives */
    struct shape s;
    bool kn;
    float *x, *w, *bias, *dy;   /* drawn */
    float *y, *dx, *dw, *dbias; /* as they must be */
};

static float *draw(const char *name, int64_t n)
{
    float *f = rn_xalloc((size_t)n * sizeof *f);
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)rn_rand_below(rn_stream(3, name), (uint64_t)i, 7) - 3;
    return f;
}

static float *zeros(int64_t n)
{
    return rn_xalloc((size_t)n * sizeof(float));
}

static void add_terms(struct layer *l, int64_t r, int64_t n)
{
    int64_t N = l->s.N, K = l->s.K;
    float dy = l->dy[r * N + n];
    for (int64_t k = 0; k < K; k++) {
        int64_t at = l->kn ? k * N + n : n * K + k;
        l->y[r * N + n] += l->x[r * K + k] * l->w[at];
        l->dx[r * K + k] += dy * l->w[at];
        l->dw[at] += dy * l->x[r * K + k];
    }
    l->y[r * N + n] += l->bias[n];
    l->dbias[n] += dy;
}

static void layer_init(struct layer *l, struct shape s, bool kn)
{
    *l = (struct layer){.s = s, .kn = kn};
    l->x = draw("x", s.R * s.K), l->w = draw("w", s.N * s.K), l->bias = draw("bias", s.N);
    l->dy = draw("dy", s.R * s.N);
    l->y = zeros(s.R * s.N), l->dx = zeros(s.R * s.K), l->dw = zeros(s.N * s.K);
    l->dbias = zeros(s.N);
    for (int64_t r = 0; r < s.R; r++)
        for (int64_t n = 0; n < s.N; n++)
            add_terms(l, r, n);
}

static void layer_release(struct layer *l)
{
    float *all[] = {l->x, l->w, l->bias, l->dy, l->y, l->dx, l->dw, l->dbias};
    for (size_t i = 0; i < RN_COUNT(all); i++)
        free(all[i]);
}

/* --- the same as a program --- */

struct built {
    struct rn_params *params;
    struct rn_prog *prog;
    rn_val y;
};

static rn_val linear(struct rn_prog *p, rn_val x, rn_val w, rn_val bias, bool kn)
{
    rn_val in[] = {x, w, bias};
    return rn_prog_op(p, RN_OP_LINEAR, "linear", in, 3, (struct rn_attrs){.i = {kn}});
}

/* loss = sum of dy * y */
static rn_val dot(struct rn_prog *p, rn_val y, const float *dy, int64_t n)
{
    rn_val flat = rn_prog_op(p, RN_OP_VIEW, "flat", &y, 1, (struct rn_attrs){.i = {1, n}});
    return linear(p, flat, rn_prog_const(p, "dy", RN_F32, RN_SHAPE(1, n), dy), RN_NONE, false);
}

static rn_val copy(struct rn_prog *p, rn_val x)
{
    return rn_prog_op(p, RN_OP_SCALE, "copy", &x, 1, (struct rn_attrs){.f = {1}});
}

/* x and y pass through copies, which are narrow where the program computes in bf16: then x and dx,
 * too, are bf16, and y is rounded unless it is looked at. */
static void build(struct built *b, struct rn_device *dev, const struct layer *l,
                  enum rn_dtype compute, bool look)
{
    struct rn_err err = {0};
    const struct shape *s = &l->s;
    const struct rn_param_spec specs[] = {
        {"x", RN_SHAPE(s->R, s->K)},
        {"w", l->kn ? RN_SHAPE(s->K, s->N) : RN_SHAPE(s->N, s->K)},
        {"bias", RN_SHAPE(s->N)}};
    const float *values[] = {l->x, l->w, l->bias};
    must(rn_params_new(&b->params, dev, specs, 3, true, &err), &err);
    for (size_t i = 0; i < 3; i++)
        must(rn_params_put(b->params, i, values[i], &err), &err);
    struct rn_prog *p = b->prog = rn_prog_new(b->params);
    rn_prog_compute_in(p, compute);
    rn_val x = rn_prog_weight(p, "x");
    b->y =
        linear(p, look ? x : copy(p, x), rn_prog_weight(p, "w"), rn_prog_weight(p, "bias"), l->kn);
    if (look)
        rn_prog_pin(p, b->y);
    rn_prog_backward(p, dot(p, look ? b->y : copy(p, b->y), l->dy, s->R * s->N));
    must(rn_prog_plan(p, &err), &err);
    poison_planned(p);
    must(rn_prog_run(p, &err), &err);
}

static void built_release(struct built *b)
{
    rn_prog_free(b->prog);
    rn_params_free(b->params);
}

static void same(const float *got, const float *want, int64_t n, const struct layer *l,
                 const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (!(got[i] == want[i])) {
            cr_expect_fail("R %d, N %d, K %d%s: %s[%d] is %g, not %g", (int)l->s.R, (int)l->s.N,
                           (int)l->s.K, l->kn ? ", w (K,N)" : "", what, (int)i, (double)got[i],
                           (double)want[i]);
            return;
        }
}

static void same_grad(const struct built *b, const char *name, const float *want, int64_t n,
                      const struct layer *l)
{
    struct rn_err err = {0};
    float *got = zeros(n);
    size_t i = (size_t)rn_params_find(b->params, name);
    must(rn_params_get_grad(b->params, i, got, &err), &err);
    same(got, want, n, l, name);
    free(got);
}

static void check(struct rn_device *dev, const struct layer *l, enum rn_dtype compute, bool look)
{
    struct rn_err err = {0};
    struct built b;
    const struct shape *s = &l->s;
    build(&b, dev, l, compute, look);
    if (look) {
        float *y = zeros(s->R * s->N);
        must(rn_prog_get(b.prog, b.y, y, &err), &err);
        same(y, l->y, s->R * s->N, l, "y");
        free(y);
    }
    /* A dx beyond 256 is no number of bf16: only then is it looked at in fp32 alone. */
    if (look || compute == RN_F32 || 9 * s->N <= 256)
        same_grad(&b, "x", l->dx, s->R * s->K, l);
    same_grad(&b, "w", l->dw, s->N * s->K, l);
    same_grad(&b, "bias", l->dbias, s->N, l);
    built_release(&b);
}

static void check_all(struct rn_device *dev)
{
    for (size_t i = 0; i < RN_COUNT(shapes); i++)
        for (int kn = 0; kn < 2; kn++) {
            struct layer l;
            layer_init(&l, shapes[i], kn);
            for (int look = 0; look < 2; look++) {
                check(dev, &l, RN_F32, look);
                check(dev, &l, RN_BF16, look);
            }
            layer_release(&l);
        }
}

static void check_on(const char *isa, int threads)
{
    struct rn_device *dev;
    struct rn_err err = {0};
    setenv("RUNNEL_CPU_ISA", isa, 1);
    if (rn_device_open(&dev, "cpu", threads, NULL, &err) != RN_OK)
        return; /* this processor has it not */
    check_all(dev);
    rn_device_close(dev);
}

Test(gemm, products_of_integers_are_exact_everywhere)
{
    static const char *const isas[] = {"portable", "v3", "v4", "v4bf16", "v4amx"};
    for (size_t i = 0; i < RN_COUNT(isas); i++)
        check_on(isas[i], 2);
}

Test(gemm, products_of_integers_are_exact_on_three_threads)
{
    unsetenv("RUNNEL_CPU_ISA");
    struct rn_device *dev;
    struct rn_err err = {0};
    must(rn_device_open(&dev, "cpu", 3, NULL, &err), &err);
    check_all(dev);
    rn_device_close(dev);
}

/* --- what is kept as bf16 --- */

static enum rn_dtype type_of(const struct rn_prog *p, const char *name)
{
    return rn_value_at(p, rn_prog_find(p, name))->dtype;
}

struct chain { /* loss = dot(copy_2(copy_1(x))), perhaps with copy_1 used twice */
    struct rn_device *dev;
    struct rn_params *params;
    struct rn_prog *prog;
};

static void chain_init(struct chain *c, enum rn_dtype compute, bool twice, bool pinned)
{
    struct rn_err err = {0};
    const struct rn_param_spec spec = {"x", RN_SHAPE(2, 3)};
    const float dy[6] = {1, 2, 3, 4, 5, 6};
    must(rn_device_open(&c->dev, "cpu", 1, NULL, &err), &err);
    must(rn_params_new(&c->params, c->dev, &spec, 1, true, &err), &err);
    struct rn_prog *p = c->prog = rn_prog_new(c->params);
    rn_prog_compute_in(p, compute);
    rn_val x = rn_prog_weight(p, "x");
    rn_val a = rn_prog_op(p, RN_OP_SCALE, "a", &x, 1, (struct rn_attrs){.f = {1}});
    rn_val b = rn_prog_op(p, RN_OP_SCALE, "b", &a, 1, (struct rn_attrs){.f = {1}});
    rn_val loss = dot(p, b, dy, 6);
    if (twice) {
        rn_val in[] = {loss, dot(p, a, dy, 6)};
        loss = rn_prog_op(p, RN_OP_LINCOMB, "loss", in, 2, (struct rn_attrs){.f = {1, 1}});
    }
    if (pinned)
        rn_prog_pin(p, a);
    rn_prog_backward(p, loss);
    must(rn_prog_plan(p, &err), &err);
}

static void chain_release(struct chain *c)
{
    rn_prog_free(c->prog);
    rn_params_free(c->params);
    rn_device_close(c->dev);
}

Test(narrow, a_value_between_ops_that_take_bf16_is_kept_so)
{
    struct chain c;
    chain_init(&c, RN_BF16, false, false);
    cr_expect_eq(type_of(c.prog, "a"), RN_BF16);
    cr_expect_eq(type_of(c.prog, "d.a"), RN_BF16);
    cr_expect_eq(type_of(c.prog, "x"), RN_F32);
    cr_expect_eq(type_of(c.prog, "d.x"), RN_F32);
    chain_release(&c);
}

Test(narrow, nothing_is_in_a_program_of_fp32)
{
    struct chain c;
    chain_init(&c, RN_F32, false, false);
    cr_expect_eq(type_of(c.prog, "a"), RN_F32);
    chain_release(&c);
}

Test(narrow, a_sum_of_gradients_stays_fp32)
{
    struct chain c;
    chain_init(&c, RN_BF16, true, false);
    cr_expect_eq(type_of(c.prog, "a"), RN_BF16);
    cr_expect_eq(type_of(c.prog, "d.a"), RN_F32);
    chain_release(&c);
}

Test(narrow, what_the_host_reads_stays_fp32)
{
    struct chain c;
    chain_init(&c, RN_BF16, false, true);
    cr_expect_eq(type_of(c.prog, "a"), RN_F32);
    chain_release(&c);
}
