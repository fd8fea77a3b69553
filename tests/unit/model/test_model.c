/* Programs of every architecture and of every switch of the nanochat family. */
#include "fixture.h"

#include "optim.h"

#include <math.h>

struct variant {
    const char *what, *arch;
    void (*change)(struct rn_model_cfg *);
    int64_t B, T;
};

static void nothing(struct rn_model_cfg *c)
{
    (void)c;
}
static void value_embeds(struct rn_model_cfg *c)
{
    c->sw.value_embeds = !c->sw.value_embeds;
}
static void lambdas(struct rn_model_cfg *c)
{
    c->sw.lambdas = !c->sw.lambdas;
}
static void smear(struct rn_model_cfg *c)
{
    c->sw.smear = !c->sw.smear;
}
static void backout(struct rn_model_cfg *c)
{
    c->sw.backout = !c->sw.backout;
}
static void grouped(struct rn_model_cfg *c)
{
    c->n_kv_head = 2;
}
static void one_kv_head(struct rn_model_cfg *c)
{
    c->n_kv_head = 1;
}
static void one_layer(struct rn_model_cfg *c)
{
    c->n_layer = 1;
}
static void two_layers(struct rn_model_cfg *c)
{
    c->n_layer = 2;
}
static void wide_heads(struct rn_model_cfg *c)
{
    c->n_head = c->n_kv_head = 1;
    c->head_dim = 32;
}
/* A short window is 128 at least, so rows must be longer for it to matter. */
static void short_windows(struct rn_model_cfg *c)
{
    c->n_layer = 2;
    c->sequence_len = 140;
    c->n_kv_head = 2;
    strcpy(c->window_pattern, "SL");
}
static void padded(struct rn_model_cfg *c)
{
    c->vocab_padded = 64;
}

static const struct variant variants[] = {
    {"gpt2", "gpt2", nothing, 2, 11},
    {"gpt2, wide heads", "gpt2", wide_heads, 1, 7},
    {"gpt2, padded", "gpt2", padded, 1, 7},
    {"2025", "nanochat-2025", nothing, 2, 11},
    {"2025, grouped", "nanochat-2025", grouped, 2, 9},
    {"2025 + value embeddings", "nanochat-2025", value_embeds, 2, 9},
    {"2025 + lambdas", "nanochat-2025", lambdas, 2, 9},
    {"2025 + smear", "nanochat-2025", smear, 2, 9},
    {"2025 + backout", "nanochat-2025", backout, 2, 9},
    {"2026", "nanochat-2026", nothing, 2, 11},
    {"2026, grouped", "nanochat-2026", grouped, 1, 13},
    {"2026, one kv head", "nanochat-2026", one_kv_head, 2, 5},
    {"2026, one layer", "nanochat-2026", one_layer, 2, 5},
    {"2026, two layers", "nanochat-2026", two_layers, 2, 5},
    {"2026, wide heads", "nanochat-2026", wide_heads, 2, 5},
    {"2026, windows", "nanochat-2026", short_windows, 1, 139},
    {"2026 - value embeddings", "nanochat-2026", value_embeds, 2, 9},
    {"2026 - lambdas", "nanochat-2026", lambdas, 2, 9},
    {"2026 - smear", "nanochat-2026", smear, 2, 9},
    {"2026 - backout", "nanochat-2026", backout, 2, 9},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static struct rn_model_cfg config_of(const struct variant *v)
{
    struct rn_model_cfg c = small(v->arch);
    v->change(&c);
    MUST(rn_model_cfg_check(&c, e));
    return c;
}

/* --- gradients --- */

struct training {
    struct fixture f;
    struct rn_train_prog t;
    int64_t n;
    float *losses;
};

static struct training training_new(const struct rn_model_cfg *c, int64_t B, int64_t T, int threads)
{
    struct training s = {.f = fixture_new(c, threads, true), .n = B * T};
    MUST(rn_model_train_prog(s.f.model, B, T, &s.t, e));
    int32_t *x = random_ids(s.n, c->vocab_size, 3), *y = random_ids(s.n, c->vocab_size, 4);
    const float mean = 1 / (float)s.n;
    y[s.n / 2] = -1;
    MUST(rn_prog_put(s.t.prog, s.t.x, x, e));
    MUST(rn_prog_put(s.t.prog, s.t.y, y, e));
    MUST(rn_prog_put(s.t.prog, s.t.scale, &mean, e));
    MUST(rn_prog_put_positions(s.t.prog, s.t.pos, e));
    s.losses = rn_xalloc((size_t)s.n * sizeof *s.losses);
    free(x);
    free(y);
    return s;
}

static void training_free(struct training *s)
{
    rn_prog_free(s->t.prog);
    free(s->losses);
    fixture_free(&s->f);
}

/* Mean loss, summed in double: float would drown the differences. */
static double loss_of(struct training *s)
{
    MUST(rn_prog_run(s->t.prog, e));
    MUST(rn_prog_get(s->t.prog, s->t.losses, s->losses, e));
    double sum = 0;
    for (int64_t i = 0; i < s->n; i++)
        sum += (double)s->losses[i];
    return sum / (double)s->n;
}

static double loss_with(struct training *s, size_t i, float *w, int64_t k, double h)
{
    float old = w[k];
    w[k] = old + (float)h;
    MUST(rn_params_put(rn_model_params(s->f.model), i, w, e));
    double loss = loss_of(s);
    w[k] = old;
    return loss;
}

/* Four-point rule: the error falls with the fourth power of h. */
static double slope(struct training *s, size_t i, float *w, int64_t k)
{
    const double h = 0.02;
    double d = 8 * (loss_with(s, i, w, k, h) - loss_with(s, i, w, k, -h)) -
               (loss_with(s, i, w, k, 2 * h) - loss_with(s, i, w, k, -2 * h));
    MUST(rn_params_put(rn_model_params(s->f.model), i, w, e));
    return d / (12 * h);
}

enum { ELEMENTS = 3 }; /* tried of each weight, and its steepest */

static void check_weight(struct training *s, size_t i, const char *what)
{
    struct rn_params *p = rn_model_params(s->f.model);
    const struct rn_param_spec *spec = rn_params_spec(p, i);
    int64_t n = rn_elems(spec->shape), steepest = 0;
    float *w = rn_xalloc((size_t)n * sizeof *w), *g = rn_xalloc((size_t)n * sizeof *g);
    MUST(rn_params_zero_grads(p, e));
    loss_of(s);
    MUST(rn_params_get(p, i, w, e));
    MUST(rn_params_get_grad(p, i, g, e));
    for (int64_t k = 0; k < n; k++)
        if (fabsf(g[k]) > fabsf(g[steepest]))
            steepest = k;
    for (int t = 0; t <= ELEMENTS; t++) {
        int64_t k = rn_rand_below(rn_stream(5, spec->name), (uint64_t)t, (uint32_t)n);
        k = t == 0 ? steepest : k;
        double fd = slope(s, i, w, k), tolerance = 0.01 * fabs((double)g[steepest]) + 3e-6;
        cr_expect(fabs(fd - (double)g[k]) <= tolerance,
                  "%s: %s[%d]: %g by differences, %g by program", what, spec->name, (int)k, fd,
                  (double)g[k]);
    }
    free(w);
    free(g);
}

Test(model, gradients_agree_with_differences_for_every_switch, .timeout = 120)
{
    for (size_t v = 0; v < VARIANTS; v++) {
        struct rn_model_cfg c = config_of(&variants[v]);
        struct training s = training_new(&c, variants[v].B, variants[v].T, 1);
        for (size_t i = 0; i < rn_params_count(rn_model_params(s.f.model)); i++)
            check_weight(&s, i, variants[v].what);
        training_free(&s);
    }
}

/* --- a few tokens at a time --- */

/* The larger of the two; not-a-number is the largest of all. */
static double worse(double a, double b)
{
    return isnan(a) || b <= a ? a : b;
}

/* Row b has read span[2 b] tokens; reads up to T more. */
static void read_some(const struct rn_cached_prog *c, const int32_t *x, int64_t B, int64_t T,
                      int64_t whole, const int32_t *span, float *logits)
{
    int32_t ids[16], last[8];
    for (int64_t b = 0; b < B; b++) {
        last[b] = (int32_t)(b * T + span[2 * b + 1] - 1);
        for (int64_t t = 0; t < T; t++)
            ids[b * T + t] = t < span[2 * b + 1] ? x[b * whole + span[2 * b] + t] : 0;
    }
    MUST(rn_cached_put(c, ids, span, e));
    MUST(rn_prog_put(c->prog, c->rows, last, e));
    MUST(rn_prog_run(c->prog, e));
    MUST(rn_prog_get(c->prog, c->logits, logits, e));
}

/* Largest difference of logits between a whole row at once and `step` tokens at a time. */
static double decode_gap(const struct rn_model_cfg *c, int64_t B, int64_t T, int64_t step)
{
    struct fixture f = fixture_new(c, 1, false);
    struct rn_logits_prog s;
    struct rn_cached_prog d;
    struct rn_cached_shape shape = {
        .B = B, .T = step, .Tmax = T, .slots = B, .want = RN_WANT_LOGITS};
    int64_t V = c->vocab_padded;
    MUST(rn_model_logits_prog(f.model, B, T, &s, e));
    MUST(rn_model_cached_prog(f.model, &shape, &d, e));
    int32_t *x = random_ids(B * T, c->vocab_size, 6), span[16];
    float *whole = rn_xalloc((size_t)(B * T * V) * sizeof *whole);
    float *row = rn_xalloc((size_t)(B * V) * sizeof *row);
    MUST(rn_prog_put(s.prog, s.x, x, e));
    MUST(rn_prog_put_positions(s.prog, s.pos, e));
    MUST(rn_prog_run(s.prog, e));
    MUST(rn_prog_get(s.prog, s.logits, whole, e));
    double gap = 0;
    for (int64_t t = 0; t < T; t += step) {
        for (int64_t b = 0; b < B; b++) {
            span[2 * b] = (int32_t)t;
            span[2 * b + 1] = (int32_t)(T - t < step ? T - t : step);
        }
        int64_t at = t + span[1] - 1;
        read_some(&d, x, B, step, T, span, row);
        for (int64_t b = 0; b < B; b++)
            for (int64_t k = 0; k < c->vocab_size; k++)
                gap =
                    worse(gap, fabs((double)row[b * V + k] - (double)whole[(b * T + at) * V + k]));
    }
    rn_prog_free(s.prog);
    rn_prog_free(d.prog);
    free(x);
    free(whole);
    free(row);
    fixture_free(&f);
    return gap;
}

Test(model, decoding_gives_the_logits_of_the_whole_row, .timeout = 300)
{
    for (size_t v = 0; v < VARIANTS; v++) {
        struct rn_model_cfg c = config_of(&variants[v]);
        for (int64_t step = 1; step <= 7; step += 6) {
            double gap = decode_gap(&c, variants[v].B, variants[v].T, step);
            cr_expect(gap <= 1e-4, "%s, %d at a time: %g", variants[v].what, (int)step, gap);
        }
    }
}

/* --- determinism --- */

static void train(struct training *s, int steps)
{
    struct rn_optim *o;
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    MUST(rn_optim_new(&o, s->f.model, &oc, e));
    for (int i = 1; i <= steps; i++) {
        struct rn_optim_step now = {.t = i, .lr_mult = 1, .muon_momentum = 0.9, .decay_mult = 0.5};
        MUST(rn_prog_run(s->t.prog, e));
        MUST(rn_optim_step(o, &now, NULL, e));
    }
    rn_optim_free(o);
}

/* All weights after three steps, one after the other. */
static float *trained(const struct rn_model_cfg *c, int threads)
{
    struct training s = training_new(c, 2, 19, threads);
    struct rn_params *p = rn_model_params(s.f.model);
    train(&s, 3);
    float *all = rn_xalloc((size_t)rn_model_param_count(c) * sizeof *all), *at = all;
    for (size_t i = 0; i < rn_params_count(p); i++) {
        MUST(rn_params_get(p, i, at, e));
        at += rn_elems(rn_params_spec(p, i)->shape);
    }
    training_free(&s);
    return all;
}

Test(model, training_gives_equal_bits_for_any_number_of_threads, .timeout = 300)
{
    for (size_t a = 0; rn_arch_names[a]; a++) {
        struct rn_model_cfg c = small(rn_arch_names[a]);
        size_t bytes = (size_t)rn_model_param_count(&c) * sizeof(float);
        float *one = trained(&c, 1);
        for (int threads = 2; threads <= 4; threads += 2) {
            float *many = trained(&c, threads);
            cr_expect(memcmp(one, many, bytes) == 0, "%s with %d threads", c.arch, threads);
            free(many);
        }
        free(one);
    }
}

/* --- initial values --- */

Test(model, a_zero_head_starts_2025_at_the_log_of_the_vocabulary)
{
    struct rn_model_cfg c = small("nanochat-2025");
    struct training s = training_new(&c, 2, 11, 1);
    MUST(rn_model_init_weights(s.f.model, 7, e));
    double loss = loss_of(&s) * (double)s.n / (double)(s.n - 1); /* one target is -1 */
    cr_expect(fabs(loss - log(51)) < 1e-6, "%.9g", loss);
    training_free(&s);
}

static void moments_of(struct rn_model *m, const char *name, double *mean, double *std)
{
    struct rn_params *p = rn_model_params(m);
    int i = rn_params_find(p, name);
    cr_assert_geq(i, 0);
    int64_t n = rn_elems(rn_params_spec(p, (size_t)i)->shape);
    float *w = rn_xalloc((size_t)n * sizeof *w);
    MUST(rn_params_get(p, (size_t)i, w, e));
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; k++)
        sum += (double)w[k], squares += (double)w[k] * (double)w[k];
    *mean = sum / (double)n;
    *std = sqrt(squares / (double)n - *mean * *mean);
    free(w);
}

Test(model, initial_weights_have_the_spread_of_the_table)
{
    const struct {
        const char *arch, *name;
        double mean, std;
    } rows[] = {
        {"gpt2", "transformer.wte.weight", 0, 0.02},
        {"gpt2", "transformer.h.0.ln_1.weight", 1, 0},
        {"gpt2", "transformer.h.0.mlp.c_proj.weight", 0, 0.02 / 2.449490},
        {"nanochat-2025", "transformer.wte.weight", 0, 1},
        {"nanochat-2025", "transformer.h.1.mlp.c_fc.weight", 0, 1 / sqrt(32)},
        {"nanochat-2025", "transformer.h.1.attn.c_proj.weight", 0, 0},
        {"nanochat-2026", "transformer.wte.weight", 0, 0.8},
        {"nanochat-2026", "lm_head.weight", 0, 0.001},
        {"nanochat-2026", "transformer.h.1.attn.c_q.weight", 0, 1 / sqrt(32)},
        {"nanochat-2026", "transformer.h.1.mlp.c_fc.weight", 0, 0.4 / sqrt(32)},
        {"nanochat-2026", "value_embeds.2.weight", 0, 1 / sqrt(32)},
        {"nanochat-2026", "resid_lambdas", 1.10, 0.0408},
        {"nanochat-2026", "x0_lambdas", 0.125, 0.0612},
        {"nanochat-2026", "smear_lambda", 0, 0},
        {"nanochat-2026", "backout_lambda", 0.2, 0},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_model_cfg c = small(rows[i].arch);
        struct fixture f = fixture_new(&c, 1, false);
        MUST(rn_model_init_weights(f.model, 42, e));
        double mean, std;
        moments_of(f.model, rows[i].name, &mean, &std);
        cr_expect(fabs(mean - rows[i].mean) <= 0.1 * rows[i].std + 0.02 * rows[i].mean + 1e-6,
                  "%s %s: mean %g", rows[i].arch, rows[i].name, mean);
        cr_expect(fabs(std - rows[i].std) <= 0.05 * rows[i].std + 1e-4, "%s %s: std %g",
                  rows[i].arch, rows[i].name, std);
        fixture_free(&f);
    }
}

/* However many are made and put at once. */
Test(model, an_initial_weight_follows_from_seed_name_and_place)
{
    struct rn_model_cfg c = small("nanochat-2026");
    c.vocab_size = c.vocab_padded = (1 << 15) + 64; /* rows of 32: more than are put at once */
    struct fixture f = fixture_new(&c, 1, false);
    struct rn_params *ps = rn_model_params(f.model);
    size_t n = (size_t)c.vocab_padded * 32;
    float *w = rn_xalloc(n * sizeof *w);
    MUST(rn_model_init_weights(f.model, 42, e));
    MUST(rn_params_get(ps, (size_t)rn_params_find(ps, "transformer.wte.weight"), w, e));
    uint64_t stream = rn_stream(42, "init/transformer.wte.weight");
    for (size_t i = 0; i < n; i += i == 0 ? (1 << 20) - 100 : 1)
        cr_assert_eq(w[i], 0.8F * (float)rn_rand_normal(stream, i), "%zu", i);
    free(w);
    fixture_free(&f);
}

Test(model, gpt2_refuses_rows_longer_than_its_positions)
{
    struct rn_model_cfg c = small("gpt2");
    struct fixture f = fixture_new(&c, 1, false);
    struct rn_cached_prog d;
    struct rn_err err = {0};
    struct rn_cached_shape shape = {.B = 1, .T = 1, .Tmax = 25, .slots = 1};
    cr_expect_eq(rn_model_cached_prog(f.model, &shape, &d, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "25 positions"), "%s", err.msg);
    fixture_free(&f);
}
