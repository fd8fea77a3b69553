/* Models whose layers multiply codes of eight bits: which do, how near to bf16 they learn, and that
 * what scales follow is kept, made again and forgotten as the rest of a training is. */
#include "fixture.h"

#include "optim.h"
#include "str.h"

#include <math.h>
#include <unistd.h>

enum { ROWS = 2, LENGTH = 32, STEPS = 12 };

struct bench {
    struct fixture f;
    struct rn_train_prog t;
    struct rn_optim *o;
};

static struct rn_fp8 every_layer(int format)
{
    struct rn_fp8 how = RN_FP8_DEFAULTS;
    how.format = format;
    how.min_dim = RN_FP8_MULTIPLE;
    return how;
}

/* Trained in micro-steps of so many rows of T tokens. */
static struct bench bench_of(const char *arch, const struct rn_fp8 *how, bool recompute,
                             int64_t rows, int64_t T)
{
    struct rn_model_cfg c = small(arch);
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    c.sequence_len = T;
    struct bench b = {.f = fixture_new(&c, 1, true)};
    int64_t n = rows * T;
    int32_t *x = random_ids(n, c.vocab_size, 3);
    const float scale = 1 / (float)n;
    rn_model_compute_in(b.f.model, RN_BF16);
    rn_model_recompute(b.f.model, recompute);
    if (how)
        rn_model_fp8(b.f.model, how);
    MUST(rn_optim_new(&b.o, b.f.model, &oc, e));
    MUST(rn_model_train_prog(b.f.model, rows, T, &b.t, e));
    MUST(rn_prog_put(b.t.prog, b.t.x, x, e));
    MUST(rn_prog_put(b.t.prog, b.t.y, x, e));
    MUST(rn_prog_put(b.t.prog, b.t.scale, &scale, e));
    MUST(rn_prog_put_positions(b.t.prog, b.t.pos, e));
    if (b.t.amax != RN_NONE)
        rn_optim_carry(b.o, b.t.prog, b.t.amax);
    free(x);
    return b;
}

static struct bench bench_new(const char *arch, const struct rn_fp8 *how, bool recompute)
{
    return bench_of(arch, how, recompute, ROWS, LENGTH);
}

static void bench_free(struct bench *b)
{
    rn_optim_free(b->o);
    rn_prog_free(b->t.prog);
    fixture_free(&b->f);
}

/* Trains steps (from, to]; the loss of the last. */
static float train(struct bench *b, int64_t from, int64_t to)
{
    float loss = NAN;
    for (int64_t t = from + 1; t <= to; t++) {
        struct rn_optim_step now = {.t = t, .lr_mult = 0.2, .muon_momentum = 0.9, .decay_mult = 1};
        MUST(rn_prog_run(b->t.prog, e));
        MUST(rn_prog_get(b->t.prog, b->t.loss, &loss, e));
        MUST(rn_optim_step(b->o, &now, NULL, e));
    }
    return loss;
}

static float loss_after(const char *arch, const struct rn_fp8 *how)
{
    struct bench b = bench_new(arch, how, false);
    float loss = train(&b, 0, STEPS);
    bench_free(&b);
    return loss;
}

Test(model_fp8, every_format_learns_as_bf16_does)
{
    static const char *const archs[] = {"gpt2", "nanochat-2025", "nanochat-2026"};
    for (size_t a = 0; a < 3; a++) {
        struct bench b = bench_new(archs[a], NULL, false);
        float first = train(&b, 0, 1), bf16 = train(&b, 1, STEPS);
        bench_free(&b);
        for (int format = RN_FP8_HYBRID; format <= RN_FP8_E5M2; format++) {
            struct rn_fp8 how = every_layer(format);
            float fp8 = loss_after(archs[a], &how);
            cr_expect_neq(fp8, bf16, "%s %s is bf16", archs[a], rn_fp8_format_words[format]);
            cr_expect_lt(fabsf(fp8 - bf16), 0.1f * (first - bf16), "%s %s: %g, not %g, from %g",
                         archs[a], rn_fp8_format_words[format], (double)fp8, (double)bf16,
                         (double)first);
        }
    }
}

static int64_t layers(const char *arch, const struct rn_fp8 *how, int64_t T)
{
    struct rn_model_cfg c = small(arch);
    return rn_model_fp8_layers(&c, how, T);
}

Test(model_fp8, layers_of_blocks_are_those_that_are_large_and_that_16_divides)
{
    struct rn_fp8 how = every_layer(RN_FP8_HYBRID);
    struct bench b = bench_new("gpt2", &how, false);
    cr_expect_eq(b.t.fp8_layers, 12, "three blocks of four");
    cr_expect_eq(rn_rows(rn_prog_shape(b.t.prog, b.t.amax)), 36);
    cr_expect_eq(layers("gpt2", &how, 48), 12);
    cr_expect_eq(layers("nanochat-2026", &how, 48), 18);
    cr_expect_eq(layers("gpt2", &how, 40), 0, "16 does not divide a row");
    bench_free(&b);
    how.min_dim = 64;
    cr_expect_eq(layers("gpt2", &how, 48), 0, "sides of 32 are small");
    how.on = false;
    b = bench_new("gpt2", &how, false);
    cr_expect_eq(b.t.amax, RN_NONE);
    bench_free(&b);
}

static float *all_weights(struct bench *b, size_t *size_bytes)
{
    struct rn_params *p = rn_model_params(b->f.model);
    size_t n = (size_t)rn_model_param_count(rn_model_config(b->f.model)), at = 0;
    float *w = rn_xalloc(n * sizeof *w);
    for (size_t i = 0; i < rn_params_count(p); i++) {
        MUST(rn_params_get(p, i, w + at, e));
        at += (size_t)rn_elems(rn_params_spec(p, i)->shape);
    }
    *size_bytes = n * sizeof *w;
    return w;
}

static void expect_same(struct bench *a, struct bench *b)
{
    size_t n;
    float *x = all_weights(a, &n), *y = all_weights(b, &n);
    cr_expect_eq(memcmp(x, y, n), 0);
    free(x);
    free(y);
}

Test(model_fp8, blocks_that_are_made_again_give_the_same_bits)
{
    struct rn_fp8 how = every_layer(RN_FP8_HYBRID);
    struct bench kept = bench_new("nanochat-2026", &how, false);
    struct bench again = bench_new("nanochat-2026", &how, true);
    train(&kept, 0, 4);
    train(&again, 0, 4);
    cr_expect_lt(rn_prog_bytes(again.t.prog), rn_prog_bytes(kept.t.prog));
    expect_same(&kept, &again);
    bench_free(&kept);
    bench_free(&again);
}

/* Weights and moments from files; what the second one has of scales. */
static void load(struct bench *b, const char *weights, const char *moments)
{
    MUST(rn_model_load_weights(b->f.model, weights, e));
    MUST(rn_optim_load(b->o, moments, e));
}

Test(model_fp8, what_scales_follow_is_saved_with_the_moments)
{
    char dir[] = "/tmp/rn-fp8-XXXXXX";
    cr_assert(mkdtemp(dir));
    char *weights = rn_xprintf("%s/w", dir), *moments = rn_xprintf("%s/m", dir);
    struct rn_fp8 how = every_layer(RN_FP8_HYBRID);
    struct bench whole = bench_new("nanochat-2025", &how, false);
    struct bench goes_on = bench_new("nanochat-2025", &how, false);
    train(&whole, 0, 4);
    MUST(rn_model_save_weights(whole.f.model, weights, NULL, e));
    MUST(rn_optim_save(whole.o, moments, NULL, e));
    train(&whole, 4, 8);
    load(&goes_on, weights, moments);
    cr_expect(rn_optim_found_carried(goes_on.o));
    train(&goes_on, 4, 8);
    expect_same(&whole, &goes_on);
    unlink(weights);
    unlink(moments);
    rmdir(dir);
    free(weights);
    free(moments);
    bench_free(&whole);
    bench_free(&goes_on);
}

Test(model_fp8, a_file_that_knows_no_scales_lets_them_start_anew)
{
    char dir[] = "/tmp/rn-fp8-XXXXXX";
    cr_assert(mkdtemp(dir));
    char *moments = rn_xprintf("%s/m", dir);
    struct rn_fp8 how = every_layer(RN_FP8_HYBRID);
    struct bench old = bench_new("gpt2", NULL, false), b = bench_new("gpt2", &how, false);
    train(&old, 0, 2);
    MUST(rn_optim_save(old.o, moments, NULL, e));
    train(&b, 0, 2);
    MUST(rn_optim_load(b.o, moments, e));
    cr_expect(!rn_optim_found_carried(b.o));
    int64_t n = rn_elems(rn_prog_shape(b.t.prog, b.t.amax));
    float *amax = rn_xalloc((size_t)n * sizeof *amax), sum = 0;
    MUST(rn_prog_get(b.t.prog, b.t.amax, amax, e));
    for (int64_t i = 0; i < n; i++)
        sum += fabsf(amax[i]);
    cr_expect_eq(sum, 0);
    unlink(moments);
    rmdir(dir);
    free(amax);
    free(moments);
    bench_free(&old);
    bench_free(&b);
}

/* As many rows as the device's memory takes at once: on another device it is another number. */
Test(model_fp8, a_training_goes_on_where_fewer_rows_fit)
{
    char dir[] = "/tmp/rn-fp8-XXXXXX";
    cr_assert(mkdtemp(dir));
    char *moments = rn_xprintf("%s/m", dir);
    struct rn_fp8 how = every_layer(RN_FP8_HYBRID);
    for (int64_t T = 24; T <= 32; T += 8) { /* 24: two rows are of 16 times something, one is not */
        struct bench two = bench_of("gpt2", &how, false, 2, T);
        struct bench one = bench_of("gpt2", &how, false, 1, T);
        cr_expect_eq(two.t.fp8_layers, T == 32 ? 12 : 0);
        cr_expect_eq(one.t.fp8_layers, two.t.fp8_layers);
        train(&two, 0, 2);
        MUST(rn_optim_save(two.o, moments, NULL, e));
        MUST(rn_optim_load(one.o, moments, e));
        cr_expect_eq(rn_optim_found_carried(one.o), T == 32);
        train(&one, 2, 3);
        bench_free(&two);
        bench_free(&one);
    }
    unlink(moments);
    rmdir(dir);
    free(moments);
}
