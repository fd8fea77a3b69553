/* CORE twice with one model: as the program scores it, and as nanochat's loop does (a question at a
 * time, its prompts padded to one length, every position of every row through the head). Prints
 * seconds, tokens through the model, and whether the answers are the same.
 *
 *     bench-core MODEL_DIR TOKENIZER BUNDLE_DIR ITEMS [THREADS] */
#include "eval_core.h"
#include "file.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct plain {
    struct rn_model *model;
    int64_t tokens;
    double planning_s; /* its programs are planned anew for each length: not counted */
};

static int64_t longest(const struct rn_score_group *g)
{
    int64_t n = 2;
    for (size_t k = 0; k < g->n; k++)
        n = g->rows[k].n > n ? g->rows[k].n : n;
    return n;
}

static int score_one(struct plain *p, const struct rn_score_group *g, struct rn_err *err)
{
    int64_t B = (int64_t)g->n, T = longest(g) - 1;
    size_t n = (size_t)(B * T);
    int32_t *x = rn_xalloc(n * 4), *y = rn_xalloc(n * 4), *argmax = rn_xalloc(n * 4);
    float *losses = rn_xalloc(n * 4);
    struct rn_score_prog s;
    double start = rn_clock_s();
    RN_TRY(rn_model_score_prog(p->model, B, T, &s, err));
    RN_TRY(rn_prog_put_positions(s.prog, s.pos, err));
    p->planning_s += rn_clock_s() - start;
    for (int64_t i = 0; i < B * T; i++) {
        const struct rn_score_row *r = &g->rows[i / T];
        x[i] = i % T < r->n ? r->ids[i % T] : 0;
        y[i] = i % T + 1 < r->n ? r->ids[i % T + 1] : 0;
    }
    RN_TRY(rn_prog_put(s.prog, s.x, x, err));
    RN_TRY(rn_prog_put(s.prog, s.y, y, err));
    RN_TRY(rn_prog_run(s.prog, err));
    RN_TRY(rn_prog_get(s.prog, s.losses, losses, err));
    RN_TRY(rn_prog_get(s.prog, s.argmax, argmax, err));
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = g->rows[b].from; t + 1 < g->rows[b].n; t++) {
            g->rows[b].losses[t] = losses[b * T + t];
            g->rows[b].argmax[t] = argmax[b * T + t];
        }
    p->tokens += B * T;
    rn_prog_free(s.prog);
    free(x);
    free(y);
    free(argmax);
    free(losses);
    return RN_OK;
}

static int plain_groups(void *self, const struct rn_score_group *g, size_t n, struct rn_err *err)
{
    for (size_t i = 0; i < n; i++)
        RN_TRY(score_one(self, &g[i], err));
    return RN_OK;
}

static int64_t plain_tokens(const void *self)
{
    return ((const struct plain *)self)->tokens;
}

static void plain_free(void *self)
{
    (void)self;
}

static const struct rn_scorer_kind plain_kind = {plain_groups, NULL, plain_tokens, plain_free};

struct answers {
    bool right[1 << 16];
    size_t n;
};

static void note(void *ctx, const char *task, int64_t row, size_t gold, const struct rn_span *spans,
                 size_t n, bool right)
{
    struct answers *a = ctx;
    (void)task, (void)row, (void)gold, (void)spans, (void)n;
    if (a->n < RN_COUNT(a->right))
        a->right[a->n++] = right;
}

static int measure(const struct rn_core *core, const struct rn_tokenizer *tok,
                   struct rn_scorer *scorer, int64_t items, struct answers *a, double *seconds,
                   struct rn_err *err)
{
    struct rn_core_run run = {
        .tokenizer = tok, .scorer = scorer, .max_per_task = items, .each = note, .ctx = a};
    struct rn_core_result r;
    double start = rn_clock_s();
    RN_TRY(rn_core_score(core, &run, &r, err));
    *seconds = rn_clock_s() - start;
    printf("  CORE %.6f, %.2f s, %lld tokens\n", r.core, *seconds,
           (long long)rn_scorer_tokens(scorer));
    rn_core_result_release(&r);
    return RN_OK;
}

static int compare(char **argv, int threads, struct rn_err *err)
{
    static struct answers ours, plain_answers;
    struct rn_device *dev;
    struct rn_model *model;
    struct rn_tokenizer *tok;
    struct rn_core core;
    double fast = 0, slow = 0;
    RN_TRY(rn_tokenizer_open(&tok, argv[2], "nanochat", rn_special_nanochat, err));
    RN_TRY(rn_device_open(&dev, "cpu", threads, NULL, err));
    RN_TRY(rn_model_load(&model, argv[1], dev, false, err));
    RN_TRY(rn_core_open(&core, argv[3], err));
    struct plain p = {.model = model};
    struct rn_scorer *s = rn_scorer_model(model), *by_hand = rn_scorer_new(&plain_kind, &p, 0);
    int64_t items = strtol(argv[4], NULL, 10);
    puts("as the program does it:");
    RN_TRY(measure(&core, tok, s, items, &ours, &fast, err));
    puts("a question at a time, padded, all of it:");
    RN_TRY(measure(&core, tok, by_hand, items, &plain_answers, &slow, err));
    size_t same = 0;
    for (size_t i = 0; i < ours.n; i++)
        same += ours.right[i] == plain_answers.right[i];
    printf("%zu of %zu answers are the same; %.1f times as fast (%.1f with its planning)\n", same,
           ours.n, (slow - p.planning_s) / fast, slow / fast);
    rn_scorer_free(s);
    rn_scorer_free(by_hand);
    rn_core_release(&core);
    rn_model_free(model);
    rn_device_close(dev);
    rn_tokenizer_free(tok);
    return RN_OK;
}

int main(int argc, char **argv)
{
    struct rn_err err = {0};
    if (argc < 5) {
        fprintf(stderr, "usage: bench-core MODEL_DIR TOKENIZER BUNDLE_DIR ITEMS [THREADS]\n");
        return 2;
    }
    rn_mem_init();
    if (compare(argv, argc > 5 ? (int)strtol(argv[5], NULL, 10) : 0, &err) == RN_OK)
        return 0;
    rn_err_print(&err, stderr);
    return 1;
}
