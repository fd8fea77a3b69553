/* Groups, overrides, clipping, and moments that survive a restart. */
#include "fixture.h"

#include "bf16_bits.h"
#include "optim.h"
#include "safetensors.h"

#include <math.h>
#include <unistd.h>

struct bench {
    struct fixture f;
    struct rn_train_prog t;
    struct rn_optim *o;
};

static struct bench bench_of(const struct rn_model_cfg *c, int threads,
                             const struct rn_optim_cfg *oc)
{
    struct bench b = {.f = fixture_new(c, threads, true)};
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

static struct bench bench_new(const char *arch, const struct rn_optim_cfg *oc)
{
    struct rn_model_cfg c = small(arch);
    return bench_of(&c, 1, oc);
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

static struct rn_model_cfg with_narrow_embeddings(void)
{
    struct rn_model_cfg c = small("nanochat-2026");
    c.embeddings = RN_BF16;
    return c;
}

static void continue_from(const struct rn_model_cfg *c)
{
    char *moments = rn_xprintf("/tmp/rn-optim-%d.safetensors", (int)getpid());
    char *weights = rn_xprintf("/tmp/rn-weights-%d.safetensors", (int)getpid());
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct bench a = bench_of(c, 1, &oc), b = bench_of(c, 3, &oc);
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
    cr_expect(memcmp(x, y, (size_t)n * sizeof *x) == 0, "%s", c->arch);
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
    for (size_t i = 0; rn_arch_names[i]; i++) {
        struct rn_model_cfg c = small(rn_arch_names[i]);
        continue_from(&c);
    }
    struct rn_model_cfg narrow = with_narrow_embeddings();
    continue_from(&narrow);
}

/* --- embeddings in bf16 --- */

static float rounded(float x)
{
    return rn_from_bf16(rn_to_bf16(x));
}

/* Gives the wide model the weights of the narrow one, which it can hold. */
static void copy_weights(struct bench *wide, const struct bench *narrow)
{
    struct rn_params *to = rn_model_params(wide->f.model), *from = rn_model_params(narrow->f.model);
    for (size_t i = 0; i < rn_params_count(to); i++) {
        float *w = rn_xalloc((size_t)rn_elems(rn_params_spec(to, i)->shape) * sizeof *w);
        MUST(rn_params_get(from, i, w, e));
        MUST(rn_params_put(to, i, w, e));
        free(w);
    }
}

Test(optim, narrow_embeddings_take_the_step_of_wide_ones_rounded_once)
{
    static const char *const names[] = {"transformer.wte.weight", "value_embeds.0.weight",
                                        "value_embeds.2.weight", "lm_head.weight"};
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct rn_model_cfg c = with_narrow_embeddings();
    struct bench wide = bench_new("nanochat-2026", &oc), narrow = bench_of(&c, 2, &oc);
    copy_weights(&wide, &narrow);
    cr_expect_eq(step(&wide, 1, 1), step(&narrow, 1, 1), "the gradients are the same");
    for (size_t i = 0; i < RN_COUNT(names); i++) {
        bool head = strcmp(names[i], "lm_head.weight") == 0;
        int64_t n;
        float *x = weight(&wide, names[i], &n), *y = weight(&narrow, names[i], &n);
        for (int64_t k = 0; k < n; k++)
            cr_assert_eq(y[k], head ? x[k] : rounded(x[k]), "%s: %d", names[i], (int)k);
        free(x);
        free(y);
    }
    bench_free(&wide);
    bench_free(&narrow);
}

Test(optim, narrow_embeddings_and_their_moments_are_narrow_in_files_and_in_memory)
{
    static const char *const narrow_ones[] = {"m.transformer.wte.weight",
                                              "v.value_embeds.2.weight"};
    char *path = rn_xprintf("/tmp/rn-narrow-%d.safetensors", (int)getpid());
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct rn_model_cfg c = with_narrow_embeddings(), plain = small("nanochat-2026");
    struct bench b = bench_of(&c, 1, &oc), wide = bench_new("nanochat-2026", &oc);
    struct rn_safetensors *st;
    struct rn_err err = {0};
    MUST(rn_optim_save(b.o, path, NULL, e));
    MUST(rn_safetensors_open(&st, path, e));
    for (size_t i = 0; i < RN_COUNT(narrow_ones); i++)
        cr_expect_eq(rn_safetensors_find(st, narrow_ones[i])->type, RN_TENSOR_BF16);
    cr_expect_eq(rn_safetensors_find(st, "m.lm_head.weight")->type, RN_TENSOR_F32);
    rn_safetensors_close(st);
    cr_expect_eq(rn_optim_load(wide.o, path, &err), RN_ECORRUPT, "wide moments are others");
    int64_t tables = c.vocab_padded * 32 * 3; /* wte and two value embeddings */
    cr_expect_eq(rn_model_weight_bytes(&plain) - rn_model_weight_bytes(&c), 2.0 * (double)tables);
    cr_expect_eq(rn_optim_moment_bytes(&plain) - rn_optim_moment_bytes(&c), 4.0 * (double)tables);
    cr_expect(rn_optim_bytes(b.o) < rn_optim_bytes(wide.o));
    bench_free(&b);
    bench_free(&wide);
    unlink(path);
    free(path);
}

Test(optim, gpt2_has_no_narrow_embeddings)
{
    struct rn_model_cfg c = small("gpt2");
    struct rn_err err = {0};
    c.embeddings = RN_BF16;
    cr_expect_eq(rn_model_cfg_check(&c, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "head"), "%s", err.msg);
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

/* --- ranks: what may travel when --- */

static char *gradients(struct bench *b, size_t i, size_t *n)
{
    struct rn_params *p = rn_model_params(b->f.model);
    *n = (size_t)rn_elems(rn_params_spec(p, i)->shape) * sizeof(float);
    float *g = rn_xalloc(*n);
    MUST(rn_params_get_grad(p, i, g, e));
    return (char *)g;
}

/* For each weight: the run up to where the program is done with its gradient gives it whole, and a
 * run that ends one op earlier does not. */
static void check_whole_gradients(const char *arch)
{
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct bench b = bench_new(arch, &oc);
    struct rn_params *p = rn_model_params(b.f.model);
    for (size_t i = 0; i < rn_params_count(p); i++) {
        int done = rn_prog_done_with(b.t.prog, RN_DPARAM, i);
        size_t n;
        cr_assert(done > 0 && done <= rn_prog_length(b.t.prog));
        MUST(rn_prog_run_ops(b.t.prog, 0, done - 1, e));
        char *early = gradients(&b, i, &n);
        MUST(rn_prog_run_ops(b.t.prog, done - 1, done, e));
        char *then = gradients(&b, i, &n);
        MUST(rn_prog_run_ops(b.t.prog, done, rn_prog_length(b.t.prog), e));
        char *end = gradients(&b, i, &n);
        cr_expect(memcmp(then, end, n) == 0, "%s is not whole", rn_params_spec(p, i)->name);
        cr_expect(memcmp(early, end, n) != 0, "%s is whole before", rn_params_spec(p, i)->name);
        free(early);
        free(then);
        free(end);
        MUST(rn_params_zero_grads(p, e));
    }
    bench_free(&b);
}

Test(optim, gradients_are_whole_when_the_program_is_done_with_them)
{
    check_whole_gradients("gpt2");
    check_whole_gradients("nanochat-2025");
    check_whole_gradients("nanochat-2026");
}

Test(optim, the_last_run_of_a_step_is_a_run)
{
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct bench a = bench_new("nanochat-2026", &oc), b = bench_new("nanochat-2026", &oc);
    float one, other;
    MUST(rn_optim_watch(b.o, b.t.prog, e));
    MUST(rn_prog_run(a.t.prog, e));
    MUST(rn_optim_run_last(b.o, e));
    MUST(rn_optim_norm(a.o, &one, e));
    MUST(rn_optim_norm(b.o, &other, e));
    cr_expect(one > 0 && one == other);
    bench_free(&a);
    bench_free(&b);
}
