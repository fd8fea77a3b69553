/* A model behind the scorer's door: every way of reading gives the losses of the whole row. */
#include "fixture.h"

#include "scorer.h"

#include <math.h>

enum { ROW_MAX = 1200 };

struct rows { /* the prompts of one question: `shared` tokens alike, then `rest` of their own */
    int32_t ids[4][ROW_MAX], argmax[4][ROW_MAX];
    float losses[4][ROW_MAX];
    struct rn_score_row row[4];
    struct rn_score_group group;
};

static struct rows *rows_new(size_t n, int64_t shared, int64_t rest, int64_t vocab, uint64_t seed)
{
    struct rows *r = rn_new(struct rows);
    for (size_t k = 0; k < n; k++) {
        int64_t length = shared + rest - (int64_t)(k % 2 && rest > 1); /* some are shorter */
        for (int64_t i = 0; i < length; i++) {
            uint64_t stream = rn_stream(seed + (i < shared ? 0 : k + 1), "rows");
            r->ids[k][i] = (int32_t)rn_rand_below(stream, (uint64_t)i, (uint32_t)vocab);
        }
        for (int64_t i = 0; i < ROW_MAX; i++)
            r->losses[k][i] = -1;
        r->row[k] =
            (struct rn_score_row){r->ids[k], length, shared - 1, r->losses[k], r->argmax[k]};
    }
    r->group = (struct rn_score_group){r->row, n};
    return r;
}

/* The largest difference to what the whole-row program finds; infinite where a loss that was not
 * wanted was touched. */
static double gap_of(struct rn_model *m, const struct rn_score_row *r)
{
    int64_t T = r->n - 1;
    float *losses = rn_xalloc((size_t)T * sizeof *losses);
    int32_t *argmax = rn_xalloc((size_t)T * sizeof *argmax);
    struct rn_score_prog s;
    double gap = 0;
    MUST(rn_model_score_prog(m, 1, T, &s, e));
    MUST(rn_prog_put(s.prog, s.x, r->ids, e));
    MUST(rn_prog_put(s.prog, s.y, r->ids + 1, e));
    MUST(rn_prog_put_positions(s.prog, s.pos, e));
    MUST(rn_prog_run(s.prog, e));
    MUST(rn_prog_get(s.prog, s.losses, losses, e));
    MUST(rn_prog_get(s.prog, s.argmax, argmax, e));
    for (int64_t i = 0; i < T; i++) {
        double d = fabs((double)r->losses[i] - (double)losses[i]);
        if (i < r->from)
            gap = r->losses[i] < 0 ? gap : INFINITY;
        else
            gap = d <= gap ? gap : r->argmax[i] == argmax[i] || d > 1e-4 ? d : gap;
    }
    rn_prog_free(s.prog);
    free(losses);
    free(argmax);
    return gap;
}

/* Lengths that take every road: side by side, alone, row by row, in pieces. */
static const struct {
    size_t n;
    int64_t shared, rest;
} roads[] = {{4, 20, 5},   {2, 40, 30},  {1, 9, 1},     {4, 70, 12}, {1, 200, 6},
             {4, 300, 20}, {2, 600, 11}, {1, 1000, 90}, {4, 1, 140}, {2, 1, 600}};

static void check_roads(const char *arch, int64_t longest)
{
    struct rn_model_cfg c = small(arch);
    c.sequence_len = longest;
    struct fixture f = fixture_new(&c, 2, false);
    struct rn_scorer *s = rn_scorer_model(f.model);
    for (size_t i = 0; i < RN_COUNT(roads); i++) {
        if (rn_scorer_max_len(s) && roads[i].shared + roads[i].rest > rn_scorer_max_len(s))
            continue;
        struct rows *r = rows_new(roads[i].n, roads[i].shared, roads[i].rest, 51, i);
        MUST(rn_scorer_groups(s, &r->group, 1, e));
        for (size_t k = 0; k < roads[i].n; k++) {
            double gap = gap_of(f.model, &r->row[k]);
            cr_expect(gap <= 1e-4, "%s, road %zu, row %zu: %g", arch, i, k, gap);
        }
        free(r);
    }
    rn_scorer_free(s);
    fixture_free(&f);
}

Test(scorer, every_road_gives_the_losses_of_the_whole_row, .timeout = 120)
{
    check_roads("gpt2", 24);
    check_roads("gpt2", 256);
    check_roads("nanochat-2025", 256);
    check_roads("nanochat-2026", 256);
}

Test(scorer, losses_do_not_depend_on_the_questions_beside, .timeout = 120)
{
    enum { QUESTIONS = 40 };
    struct rn_model_cfg c = small("nanochat-2026");
    struct fixture f = fixture_new(&c, 2, false);
    struct rn_scorer *s = rn_scorer_model(f.model);
    struct rows *together[QUESTIONS];
    struct rn_score_group groups[QUESTIONS];
    for (size_t i = 0; i < QUESTIONS; i++) {
        together[i] =
            rows_new(1 + i % 4, 5 + (int64_t)(i * 29 % 150), 1 + (int64_t)(i % 13), 51, i);
        groups[i] = together[i]->group;
    }
    MUST(rn_scorer_groups(s, groups, QUESTIONS, e));
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct rows *alone =
            rows_new(1 + i % 4, 5 + (int64_t)(i * 29 % 150), 1 + (int64_t)(i % 13), 51, i);
        MUST(rn_scorer_groups(s, &alone->group, 1, e));
        cr_expect_arr_eq(alone->losses, together[i]->losses, sizeof alone->losses, "question %zu",
                         i);
        cr_expect_arr_eq(alone->argmax, together[i]->argmax, sizeof alone->argmax);
        free(alone);
        free(together[i]);
    }
    rn_scorer_free(s);
    fixture_free(&f);
}

Test(scorer, what_rows_begin_with_is_read_once)
{
    struct rn_model_cfg c = small("nanochat-2025");
    struct fixture f = fixture_new(&c, 1, false);
    struct rn_scorer *s = rn_scorer_model(f.model);
    struct rows *r = rows_new(4, 1000, 20, 51, 1);
    MUST(rn_scorer_groups(s, &r->group, 1, e));
    cr_expect(rn_scorer_tokens(s) <= 1024 + 4 * 32, "%lld", (long long)rn_scorer_tokens(s));
    free(r);
    rn_scorer_free(s);
    fixture_free(&f);
}

Test(scorer, a_row_longer_than_the_model_can_read_is_an_error_and_not_an_overrun)
{
    struct rn_model_cfg c = small("gpt2");
    struct fixture f = fixture_new(&c, 1, false);
    struct rn_scorer *s = rn_scorer_model(f.model);
    struct rows *r = rows_new(1, 20, 5, 51, 1);
    cr_expect_eq(rn_scorer_max_len(s), 24);
    MUST(rn_scorer_groups(s, &r->group, 1, e));
    r->row[0].n = 26;
    cr_expect_eq(rn_scorer_groups(s, &r->group, 1, NULL), RN_ECONFIG);
    free(r);
    rn_scorer_free(s);
    fixture_free(&f);
}
