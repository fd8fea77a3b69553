/* Groups, overrides, clipping, and moments that survive a restart. */
#include "fixture.h"

#include "optim.h"

#include <math.h>
#include <unistd.h>

struct bench {
    struct fixture f;
    struct rn_train_prog t;
    struct rn_optim *o;
};

static struct bench bench_new(const char *arch, const struct rn_optim_cfg *oc)
{
    struct rn_model_cfg c = small(arch);
    struct bench b = {.f = fixture_new(&c, 1, true)};
    MUST(rn_optim_new(&b.o, b.f.model, oc, e));
    MUST(rn_model_train_prog(b.f.model, 1, 9, &b.t, e));
    int32_t *x = random_ids(9, 51, 3);
    const float scale = 1.0F / 9;
    MUST(rn_prog_put(b.t.prog, b.t.x, x, e));
    MUST(rn_prog_put(b.t.prog, b.t.y, x, e));
    MUST(rn_prog_put(b.t.prog, b.t.scale, &scale, e));
    MUST(rn_prog_put_positions(b.t.prog, b.t.pos, e));
    free(x);
    return b;
}

static void bench_free(struct bench *b)
{
    rn_optim_free(b->o);
    rn_prog_free(b->t.prog);
    fixture_free(&b->f);
}

static float step(struct bench *b, int64_t t, double lr_mult)
{
    struct rn_optim_step now = {.t = t, .lr_mult = lr_mult, .muon_momentum = 0.9, .decay_mult = 1};
    float norm;
    MUST(rn_prog_run(b->t.prog, e));
    MUST(rn_optim_step(b->o, &now, &norm, e));
    return norm;
}

static float *weight(struct bench *b, const char *name, int64_t *n)
{
    struct rn_params *p = rn_model_params(b->f.model);
    int i = rn_params_find(p, name);
    cr_assert_geq(i, 0);
    *n = rn_elems(rn_params_spec(p, (size_t)i)->shape);
    float *w = rn_xalloc((size_t)*n * sizeof *w);
    MUST(rn_params_get(p, (size_t)i, w, e));
    return w;
}

/* L2 norm of what `steps` steps change in a weight. */
static double change(const char *arch, const struct rn_optim_cfg *oc, const char *name)
{
    struct bench b = bench_new(arch, oc);
    int64_t n;
    float *before = weight(&b, name, &n);
    step(&b, 1, 1);
    float *after = weight(&b, name, &n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)after[i] - (double)before[i]) * ((double)after[i] - (double)before[i]);
    free(before);
    free(after);
    bench_free(&b);
    return sqrt(sum);
}

/* Table of nanochat.md 1.3 at width 32: s = (32 / 768)^-0.5. */
Test(optim, learning_rates_follow_width_batch_and_fraction)
{
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    oc.lr_scale = 0.5;
    oc.lr_frac = 0.1;
    struct bench b = bench_new("nanochat-2026", &oc);
    double s = sqrt(768.0 / 32);
    cr_expect(fabs(rn_optim_lr(b.o, "embedding") / (0.3 * s * 0.05) - 1) < 1e-12);
    cr_expect(fabs(rn_optim_lr(b.o, "value_embeds") / (0.15 * s * 0.05) - 1) < 1e-12);
    cr_expect(fabs(rn_optim_lr(b.o, "x0_lambdas") / (0.5 * 0.05) - 1) < 1e-12);
    cr_expect(fabs(rn_optim_lr(b.o, "matrix") / (0.02 * 0.05) - 1) < 1e-12);
    cr_expect(fabs(rn_optim_lr(b.o, "smear") / (0.2 * 0.1) - 1) < 1e-12); /* not batch-scaled */
    cr_expect(isnan(rn_optim_lr(b.o, "nobody")));
    bench_free(&b);
}

Test(optim, an_override_changes_its_group_and_no_other)
{
    struct rn_optim_cfg plain = RN_OPTIM_DEFAULTS, changed = RN_OPTIM_DEFAULTS;
    struct rn_group_override twice = RN_GROUP_UNCHANGED;
    twice.group = "matrix";
    twice.lr = 0.04;
    changed.overrides = &twice;
    changed.n_overrides = 1;
    const char *matrix = "transformer.h.0.mlp.c_fc.weight", *head = "lm_head.weight";
    double a = change("nanochat-2025", &plain, matrix),
           b = change("nanochat-2025", &changed, matrix);
    cr_expect(fabs(b / a - 2) < 1e-3, "%g", b / a);
    cr_expect_eq(change("nanochat-2025", &plain, head), change("nanochat-2025", &changed, head));
}

Test(optim, an_unknown_group_is_refused_with_the_known_ones)
{
    struct rn_model_cfg c = small("nanochat-2025");
    struct fixture f = fixture_new(&c, 1, true);
    struct rn_group_override wrong = RN_GROUP_UNCHANGED;
    wrong.group = "matrices";
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    oc.overrides = &wrong;
    oc.n_overrides = 1;
    struct rn_optim *o;
    struct rn_err err = {0};
    cr_expect_eq(rn_optim_new(&o, f.model, &oc, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "matrices") && strstr(err.hint, "embedding, matrix"), "%s; %s",
              err.msg, err.hint);
    fixture_free(&f);
}

Test(optim, the_norm_is_that_of_all_gradients_before_clipping)
{
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    oc.clip = 1e-3;
    struct bench b = bench_new("gpt2", &oc);
    struct rn_params *p = rn_model_params(b.f.model);
    MUST(rn_prog_run(b.t.prog, e));
    double sum = 0;
    for (size_t i = 0; i < rn_params_count(p); i++) {
        int64_t n = rn_elems(rn_params_spec(p, i)->shape);
        float *g = rn_xalloc((size_t)n * sizeof *g);
        MUST(rn_params_get_grad(p, i, g, e));
        for (int64_t k = 0; k < n; k++)
            sum += (double)g[k] * (double)g[k];
        free(g);
    }
    MUST(rn_params_zero_grads(p, e));
    float norm = step(&b, 1, 1);
    cr_expect(fabs((double)norm / sqrt(sum) - 1) < 1e-5, "%g, expected %g", (double)norm,
              sqrt(sum));
    bench_free(&b);
}

Test(optim, gradients_are_zero_after_a_step)
{
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct bench b = bench_new("gpt2", &oc);
    float first = step(&b, 1, 0), second = step(&b, 2, 0);
    cr_expect_eq(first, second); /* lr 0: same weights, and no gradient left over */
    bench_free(&b);
}

static void continue_from(const char *arch)
{
    char *moments = rn_xprintf("/tmp/rn-optim-%d.safetensors", (int)getpid());
    char *weights = rn_xprintf("/tmp/rn-weights-%d.safetensors", (int)getpid());
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct bench a = bench_new(arch, &oc), b = bench_new(arch, &oc);
    step(&a, 1, 1);
    step(&a, 2, 1);
    MUST(rn_optim_save(a.o, moments, NULL, e));
    MUST(rn_model_save_weights(a.f.model, weights, NULL, e));
    MUST(rn_optim_load(b.o, moments, e));
    MUST(rn_model_load_weights(b.f.model, weights, e));
    step(&a, 3, 1);
    step(&b, 3, 1);
    int64_t n;
    float *x = weight(&a, "transformer.wte.weight", &n),
          *y = weight(&b, "transformer.wte.weight", &n);
    cr_expect(memcmp(x, y, (size_t)n * sizeof *x) == 0, "%s", arch);
    free(x);
    free(y);
    bench_free(&a);
    bench_free(&b);
    unlink(moments);
    unlink(weights);
    free(moments);
    free(weights);
}

Test(optim, a_restored_optimizer_continues_with_equal_bits)
{
    for (size_t i = 0; rn_arch_names[i]; i++)
        continue_from(rn_arch_names[i]);
}

Test(optim, moments_of_another_model_are_refused)
{
    char *path = rn_xprintf("/tmp/rn-other-%d.safetensors", (int)getpid());
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct bench a = bench_new("nanochat-2025", &oc), b = bench_new("nanochat-2026", &oc);
    struct rn_err err = {0};
    MUST(rn_optim_save(a.o, path, NULL, e));
    cr_expect_eq(rn_optim_load(b.o, path, &err), RN_ECORRUPT);
    bench_free(&a);
    bench_free(&b);
    unlink(path);
    free(path);
}
