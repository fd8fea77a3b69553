/* Choosing tokens, and texts that are a function of model, prompt and seed. */
#include "fixture.h"

#include "generate.h"

#include <math.h>

struct text {
    int32_t ids[32];
    size_t n;
};

static int keep(void *ctx, int32_t id)
{
    struct text *t = ctx;
    t->ids[t->n++] = id;
    return t->n == 32;
}

static struct text generate(const char *arch, const struct rn_sampling *how)
{
    struct rn_model_cfg c = small(arch);
    struct fixture f = fixture_new(&c, 1, false);
    struct rn_generator *g;
    struct text t = {.n = 0};
    const int32_t prompt[] = {3, 1, 4};
    MUST(rn_generator_new(&g, f.model, 24, e));
    MUST(rn_generate(g, prompt, 3, how, keep, &t, e));
    struct text again = {.n = 0};
    MUST(rn_generate(g, prompt, 3, how, keep, &again, e));
    cr_expect(t.n == again.n && memcmp(t.ids, again.ids, t.n * sizeof *t.ids) == 0,
              "a second text from the same generator differs");
    rn_generator_free(g);
    fixture_free(&f);
    return t;
}

static bool equal(struct text a, struct text b)
{
    return a.n == b.n && memcmp(a.ids, b.ids, a.n * sizeof *a.ids) == 0;
}

/* What the whole-row program finds most likely after prompt and text so far. */
static int32_t likeliest(const char *arch, const int32_t *ids, int64_t n)
{
    struct rn_model_cfg c = small(arch);
    struct fixture f = fixture_new(&c, 1, false);
    struct rn_score_prog s;
    int32_t argmax[32];
    MUST(rn_model_score_prog(f.model, 1, n, &s, e));
    MUST(rn_prog_put(s.prog, s.x, ids, e));
    MUST(rn_prog_put(s.prog, s.y, ids, e));
    MUST(rn_prog_put_positions(s.prog, s.pos, e));
    MUST(rn_prog_run(s.prog, e));
    MUST(rn_prog_get(s.prog, s.argmax, argmax, e));
    rn_prog_free(s.prog);
    fixture_free(&f);
    return argmax[n - 1];
}

Test(generate, greedy_text_is_what_scoring_finds_likeliest)
{
    for (size_t a = 0; rn_arch_names[a]; a++) {
        struct text t = generate(rn_arch_names[a], &(struct rn_sampling){.max_tokens = 4});
        int32_t ids[8] = {3, 1, 4};
        cr_assert_eq(t.n, 4);
        for (int64_t i = 0; i < 4; i++) {
            cr_expect_eq(t.ids[i], likeliest(rn_arch_names[a], ids, 3 + i));
            ids[3 + i] = t.ids[i];
        }
    }
}

Test(generate, the_seed_decides)
{
    struct rn_sampling how = {.max_tokens = 10, .temperature = 1, .seed = 1}, other = how;
    other.seed = 2;
    struct text a = generate("nanochat-2026", &how), b = generate("nanochat-2026", &how);
    cr_expect(equal(a, b));
    cr_expect(!equal(a, generate("nanochat-2026", &other)));
    struct rn_sampling one = {.max_tokens = 10, .temperature = 1, .top_k = 1};
    struct rn_sampling greedy = {.max_tokens = 10};
    cr_expect(equal(generate("gpt2", &one), generate("gpt2", &greedy)));
}

Test(generate, ends_at_a_stop_token_and_at_the_end_of_the_row)
{
    struct rn_sampling how = {.max_tokens = 10};
    struct text free_text = generate("gpt2", &how);
    int32_t stop = free_text.ids[0];
    how.stop = &stop;
    how.n_stop = 1;
    cr_expect_eq(generate("gpt2", &how).n, 1);
    how = (struct rn_sampling){.max_tokens = 1000};
    cr_expect_eq(generate("gpt2", &how).n, 22); /* 24 positions hold 3 + 21; one more is chosen */
    how.max_tokens = 0;
    cr_expect_eq(generate("gpt2", &how).n, 0);
}

Test(generate, bad_prompts_are_refused)
{
    struct rn_model_cfg c = small("gpt2");
    struct fixture f = fixture_new(&c, 1, false);
    struct rn_generator *g;
    struct text t = {.n = 0};
    const int32_t outside[] = {51}, negative[] = {-1}, many[25] = {0};
    struct rn_sampling how = {.max_tokens = 1};
    MUST(rn_generator_new(&g, f.model, 24, e));
    cr_expect_eq(rn_generate(g, many, 0, &how, keep, &t, NULL), RN_ECONFIG);
    cr_expect_eq(rn_generate(g, many, 25, &how, keep, &t, NULL), RN_ECONFIG);
    cr_expect_eq(rn_generate(g, outside, 1, &how, keep, &t, NULL), RN_ECONFIG);
    cr_expect_eq(rn_generate(g, negative, 1, &how, keep, &t, NULL), RN_ECONFIG);
    rn_generator_free(g);
    fixture_free(&f);
}

/* 10,000 draws from three logits: frequencies within four standard deviations. */
Test(generate, draws_follow_the_softmax)
{
    const float logits[] = {0, 1, 2, -100};
    struct rn_sampling how = {.temperature = 2, .seed = 9};
    int counts[4] = {0};
    double sum = 0;
    for (int64_t i = 0; i < 10000; i++)
        counts[rn_sample(logits, 4, &how, i)]++;
    for (int k = 0; k < 4; k++)
        sum += exp((double)logits[k] / 2);
    for (int k = 0; k < 4; k++) {
        double p = exp((double)logits[k] / 2) / sum, sd = sqrt(10000 * p * (1 - p));
        cr_expect(fabs(counts[k] - 10000 * p) <= 4 * sd + 1, "%d of token %d", counts[k], k);
    }
    how.top_k = 2;
    for (int64_t i = 0; i < 1000; i++)
        cr_expect_neq(rn_sample(logits, 4, &how, i), 0);
}
