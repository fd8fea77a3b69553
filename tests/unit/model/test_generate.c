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
    MUST(rn_generator_new(&g, f.model, 1, 24, e));
    MUST(rn_generate(g, &(struct rn_text){prompt, 3, NULL, keep, &t}, 1, how, e));
    struct text again = {.n = 0};
    MUST(rn_generate(g, &(struct rn_text){prompt, 3, NULL, keep, &again}, 1, how, e));
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
    MUST(rn_generator_new(&g, f.model, 1, 24, e));
    const struct rn_text bad[] = {{many, 0, NULL, keep, &t},
                                  {many, 25, NULL, keep, &t},
                                  {outside, 1, NULL, keep, &t},
                                  {negative, 1, NULL, keep, &t}};
    for (size_t i = 0; i < RN_COUNT(bad); i++)
        cr_expect_eq(rn_generate(g, &bad[i], 1, &how, NULL), RN_ECONFIG);
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

Test(generate, top_p_draws_from_the_likeliest_that_have_the_share)
{
    const float logits[] = {(float)log(0.5), (float)log(0.3), (float)log(0.15), (float)log(0.05)};
    struct rn_sampling how = {.temperature = 1, .seed = 4, .top_p = 0.7};
    int counts[4] = {0};
    for (int64_t i = 0; i < 2000; i++)
        counts[rn_sample(logits, 4, &how, i)]++;
    cr_expect(counts[0] > 1100 && counts[1] > 600, "%d %d", counts[0], counts[1]);
    cr_expect(counts[2] == 0 && counts[3] == 0, "%d %d", counts[2], counts[3]);
    how.top_p = 0.5; /* the first alone has it */
    for (int64_t i = 0; i < 200; i++)
        cr_expect_eq(rn_sample(logits, 4, &how, i), 0);
    how.top_k = 3; /* the share is of what top_k left: 0.5 of 0.95 is enough for 0.52 */
    how.top_p = 0.52;
    for (int64_t i = 0; i < 200; i++)
        cr_expect_eq(rn_sample(logits, 4, &how, i), 0);
}

/* --- several rows, and rows that go on --- */

Test(generate, rows_beside_each_other_say_what_each_says_alone)
{
    const int32_t prompts[3][20] = {
        {3, 1, 4}, {1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4}, {7}};
    const size_t lengths[3] = {3, 17, 1};
    for (size_t a = 0; rn_arch_names[a]; a++) {
        struct rn_model_cfg c = small(rn_arch_names[a]);
        struct fixture f = fixture_new(&c, 1, false);
        struct rn_generator *many, *one;
        struct text together[3] = {{.n = 0}};
        struct rn_text t[3];
        struct rn_sampling how = {.max_tokens = 5};
        MUST(rn_generator_new(&many, f.model, 3, 24, e));
        MUST(rn_generator_new(&one, f.model, 1, 24, e));
        for (size_t i = 0; i < 3; i++)
            t[i] = (struct rn_text){prompts[i], lengths[i], NULL, keep, &together[i]};
        MUST(rn_generate(many, t, 3, &how, e));
        for (size_t i = 0; i < 3; i++) {
            struct text alone = {.n = 0};
            MUST(rn_generate(one, &(struct rn_text){prompts[i], lengths[i], NULL, keep, &alone}, 1,
                             &how, e));
            cr_expect(equal(alone, together[i]), "%s, row %zu", rn_arch_names[a], i);
        }
        rn_generator_free(many);
        rn_generator_free(one);
        fixture_free(&f);
    }
}

static double logits_gap(const struct rn_generator *a, const struct rn_generator *b)
{
    double gap = 0;
    for (int64_t k = 0; k < 51; k++)
        gap = fmax(
            gap, fabs((double)rn_generator_logits(a, 0)[k] - (double)rn_generator_logits(b, 0)[k]));
    return gap;
}

Test(generate, of_a_prompt_that_goes_on_only_the_rest_is_read)
{
    int32_t ids[20] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4};
    for (size_t a = 0; rn_arch_names[a]; a++) {
        struct rn_model_cfg c = small(rn_arch_names[a]);
        struct fixture f = fixture_new(&c, 1, false);
        struct rn_generator *g, *fresh;
        MUST(rn_generator_new(&g, f.model, 1, 24, e));
        MUST(rn_generator_new(&fresh, f.model, 1, 24, e));
        MUST(rn_generator_read(g, &(struct rn_text){ids, 19, NULL, keep, NULL}, 1, e));
        int64_t before = rn_generator_tokens(g);
        MUST(rn_generator_read(g, &(struct rn_text){ids, 20, NULL, keep, NULL}, 1, e));
        cr_expect_eq(rn_generator_tokens(g) - before, 1);
        MUST(rn_generator_read(fresh, &(struct rn_text){ids, 20, NULL, keep, NULL}, 1, e));
        cr_expect(logits_gap(g, fresh) <= 1e-4, "%s: goes on", rn_arch_names[a]);
        ids[12] = 11; /* a turn was edited: what follows it is read again */
        MUST(rn_generator_read(g, &(struct rn_text){ids, 15, NULL, keep, NULL}, 1, e));
        rn_generator_free(fresh);
        MUST(rn_generator_new(&fresh, f.model, 1, 24, e));
        MUST(rn_generator_read(fresh, &(struct rn_text){ids, 15, NULL, keep, NULL}, 1, e));
        cr_expect(logits_gap(g, fresh) <= 1e-4, "%s: edited", rn_arch_names[a]);
        ids[12] = 9;
        rn_generator_free(g);
        rn_generator_free(fresh);
        fixture_free(&f);
    }
}
