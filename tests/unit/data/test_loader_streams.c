/* The sequence of batches of a step: the same for any number of ranks, threads and lives. */
#include "hash.h"
#include "loader.h"
#include "mem.h"
#include "parquet_write.h"
#include "shards_of.h"

#include <pthread.h>

TestSuite(loader_streams, .init = scratch_up, .fini = scratch_down, .timeout = 120);

enum { B = 16, T = 24, FILES = 3, GROUPS = 9, GROUP_DOCS = 40 };

/* Document d of the text: words enough for its number. */
static void document(struct rn_str *s, int d)
{
    rn_str_clear(s);
    for (int i = 0; i < 1 + d * 37 % 7; i++)
        rn_str_printf(s, "%d and %d ", d, i);
}

/* --- the same documents twice: parquet files, and token shards made of them --- */

static struct rn_tokenizer *tok;
static char paths[FILES][128];
static struct rn_corpus *text, *tokens;

static void make_tokenizer(void)
{
    static const char sample[] = "1 and 2 and 13 and 144 and 25 and 6 ";
    struct rn_err err = {0};
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, sample, strlen(sample));
    cr_assert_eq(rn_bpe_trainer_finish(trainer, 12, rn_special_nanochat, NULL, NULL, &tok, &err),
                 RN_OK, "%s", err.msg);
    rn_bpe_trainer_free(trainer);
}

static void add_both(struct rn_parquet_writer *p, struct rn_tokens_writer *w, int d)
{
    struct rn_err err = {0};
    struct rn_str s = {0};
    struct rn_ids ids = {0};
    document(&s, d);
    rn_parquet_writer_add(p, s.p, s.n);
    rn_ids_push(&ids, rn_tokenizer_bos(tok));
    rn_tokenizer_encode(tok, s.p, s.n, &ids);
    unsigned marks = (d % GROUP_DOCS == GROUP_DOCS - 1 ? RN_TOKENS_GROUP_END : 0) |
                     (d % (GROUPS * GROUP_DOCS) == 0 ? RN_TOKENS_FILE_START : 0);
    cr_assert_eq(rn_tokens_writer_add(w, ids.p, ids.n, marks, &err), RN_OK, "%s", err.msg);
    rn_ids_release(&ids);
    rn_str_release(&s);
}

static void write_both(void)
{
    struct rn_err err = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens_spec spec = {rn_tokenizer_digest(tok), rn_tokenizer_vocab_size(tok), 2, 20000};
    cr_assert_eq(rn_tokens_writer_new(&w, dir, "train", &spec, &err), RN_OK);
    for (int f = 0; f < FILES; f++) {
        struct rn_parquet_writer p;
        snprintf(paths[f], sizeof paths[f], "%s/%d.parquet", dir, f);
        cr_assert_eq(rn_parquet_writer_open(&p, paths[f], "text", GROUP_DOCS, &err), RN_OK);
        for (int d = 0; d < GROUPS * GROUP_DOCS; d++)
            add_both(&p, w, f * GROUPS * GROUP_DOCS + d);
        cr_assert_eq(rn_parquet_writer_commit(&p, &err), RN_OK, "%s", err.msg);
    }
    cr_assert_eq(rn_tokens_writer_finish(w, &err), RN_OK);
    rn_tokens_writer_free(w);
}

static void make_corpora(void)
{
    struct rn_err err = {0};
    const char *list[FILES];
    const char *const *shards;
    struct rn_tokens *t;
    make_tokenizer();
    write_both();
    for (int f = 0; f < FILES; f++)
        list[f] = paths[f];
    cr_assert_eq(rn_corpus_of_text(&text, list, FILES, tok, &err), RN_OK, "%s", err.msg);
    size_t n = scratch_shards(&shards);
    cr_assert_gt(n, 1);
    cr_assert_eq(rn_tokens_open(&t, shards, n, "train", NULL, &err), RN_OK, "%s", err.msg);
    tokens = rn_corpus_of_tokens(t);
}

static void free_corpora(void)
{
    rn_corpus_free(text);
    rn_corpus_free(tokens);
    rn_tokenizer_free(tok);
}

/* --- every way to make batches --- */

static const struct way {
    bool from_text;
    struct rn_loader_cfg cfg;
} ways[] = {
#define WAY(t, r, s, p)                                                                            \
    {                                                                                              \
        t,                                                                                         \
        {                                                                                          \
            .rows = r, .B = B, .T = T, .shuffle = s, .seed = 42, .streams = p                      \
        }                                                                                          \
    }
    WAY(false, RN_ROWS_STREAM, RN_SHUFFLE_NONE, 1),
    WAY(false, RN_ROWS_STREAM, RN_SHUFFLE_ROWS, 4),
    WAY(false, RN_ROWS_BESTFIT, RN_SHUFFLE_NONE, 1),
    WAY(false, RN_ROWS_BESTFIT, RN_SHUFFLE_SHARDS, 2),
    WAY(false, RN_ROWS_BESTFIT, RN_SHUFFLE_ROWS, 8),
    WAY(true, RN_ROWS_STREAM, RN_SHUFFLE_NONE, 8),
    WAY(true, RN_ROWS_STREAM, RN_SHUFFLE_SHARDS, 1),
    WAY(true, RN_ROWS_BESTFIT, RN_SHUFFLE_NONE, 1),
    WAY(true, RN_ROWS_BESTFIT, RN_SHUFFLE_SHARDS, 4),
#undef WAY
};
#define EACH_WAY(w) for (const struct way *w = ways; w < ways + RN_COUNT(ways); w++)

static struct rn_loader *loader_of(const struct way *w)
{
    struct rn_err err = {0};
    struct rn_loader *l;
    cr_assert_eq(rn_loader_open(&l, w->from_text ? text : tokens, &w->cfg, &err), RN_OK, "%s",
                 err.msg);
    return l;
}

static struct rn_loader *loader_ahead_of(const struct way *w)
{
    struct rn_err err = {0};
    struct rn_loader *l;
    cr_assert_eq(rn_loader_ahead(&l, loader_of(w), B * T, &err), RN_OK);
    return l;
}

struct batch {
    int32_t x[B * T], y[B * T];
};
static void next(struct rn_loader *l, struct batch *b)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_loader_next(l, b->x, b->y, &err), RN_OK, "%s", err.msg);
}

static void expect_same(const struct batch *a, const struct batch *b, int way, int n)
{
    cr_assert_arr_eq(a->x, b->x, sizeof a->x, "way %d, batch %d", way, n);
    cr_assert_arr_eq(a->y, b->y, sizeof a->y, "way %d, batch %d", way, n);
}

/* The state goes through text, as it does in a checkpoint. */
static void restore(struct rn_loader *l, json_t *state)
{
    struct rn_err err = {0};
    char *json = rn_json_canonical(state);
    json_t *back;
    cr_assert_eq(rn_json_parse(json, strlen(json), RN_NOWHERE, &back, &err), RN_OK);
    cr_assert_eq(rn_loader_restore(l, back, &err), RN_OK, "%s", err.msg);
    free(json);
    json_decref(back);
}

/* --- the tests --- */

Test(loader_streams, killed_after_any_batch_the_next_life_goes_on_with_the_same)
{
    enum { BATCHES = 40 };
    make_corpora();
    EACH_WAY(w)
    {
        struct rn_loader *unbroken = loader_of(w);
        for (int n = 0; n < BATCHES; n++) {
            struct rn_loader *life = loader_ahead_of(w);
            json_t *state = rn_loader_state(unbroken);
            struct batch a, b;
            restore(life, state);
            next(unbroken, &a);
            next(life, &b);
            expect_same(&a, &b, (int)(w - ways), n);
            cr_assert_eq(rn_loader_epoch(unbroken), rn_loader_epoch(life));
            json_decref(state);
            rn_loader_free(life);
        }
        rn_loader_free(unbroken);
    }
    free_corpora();
}

/* A life of many batches, each begun from the state of the one before. */
Test(loader_streams, a_life_that_ends_and_begins_sixty_times_passes_the_borders_of_passes)
{
    make_corpora();
    EACH_WAY(w)
    {
        struct rn_loader *unbroken = loader_ahead_of(w), *life = loader_ahead_of(w);
        for (int n = 0; n < 300; n++) {
            struct batch a, b;
            if (n % 5 == 4) {
                json_t *state = rn_loader_state(life);
                rn_loader_free(life);
                life = loader_ahead_of(w);
                restore(life, state);
                json_decref(state);
            }
            next(unbroken, &a);
            next(life, &b);
            expect_same(&a, &b, (int)(w - ways), n);
        }
        cr_expect_gt(rn_loader_epoch(life), 1);
        rn_loader_free(unbroken);
        rn_loader_free(life);
    }
    free_corpora();
}

/* Each rank makes the batches of the step and takes its rows. */
struct rank {
    const struct way *way;
    int number, ranks, batches;
    struct batch *out; /* of all ranks: each writes its rows */
};

static void *run_rank(void *ctx)
{
    struct rank *r = ctx;
    struct rn_loader *l = loader_ahead_of(r->way);
    size_t ids = (size_t)(B / r->ranks * T), at = (size_t)r->number * ids;
    for (int n = 0; n < r->batches; n++) {
        struct batch b;
        next(l, &b);
        memcpy(r->out[n].x + at, b.x + at, ids * sizeof *b.x);
        memcpy(r->out[n].y + at, b.y + at, ids * sizeof *b.y);
    }
    rn_loader_free(l);
    return NULL;
}

Test(loader_streams, one_two_four_and_eight_ranks_at_once_make_the_same_batches_of_one_corpus)
{
    enum { BATCHES = 12, RANKS_MAX = 8 };
    static struct batch out[BATCHES];
    make_corpora();
    EACH_WAY(w)
    for (int ranks = 1; ranks <= RANKS_MAX; ranks *= 2) {
        pthread_t threads[RANKS_MAX];
        struct rank rank[RANKS_MAX];
        memset(out, 0, sizeof out);
        for (int i = 0; i < ranks; i++) {
            rank[i] = (struct rank){w, i, ranks, BATCHES, out};
            cr_assert_eq(pthread_create(&threads[i], NULL, run_rank, &rank[i]), 0);
        }
        for (int i = 0; i < ranks; i++)
            pthread_join(threads[i], NULL);
        struct rn_loader *l = loader_of(w);
        for (int n = 0; n < BATCHES; n++) {
            struct batch b;
            next(l, &b);
            expect_same(&b, &out[n], (int)(w - ways), n);
        }
        rn_loader_free(l);
    }
    free_corpora();
}

Test(loader_streams, text_and_the_tokens_made_of_it_give_the_same_batches)
{
    make_corpora();
    EACH_WAY(w)
    {
        struct way other = *w;
        other.from_text = !w->from_text;
        if (w->cfg.shuffle == RN_SHUFFLE_ROWS)
            continue;
        struct rn_loader *a = loader_of(w), *b = loader_of(&other);
        for (int n = 0; n < 100; n++) {
            struct batch one, two;
            next(a, &one);
            next(b, &two);
            expect_same(&one, &two, (int)(w - ways), n);
        }
        rn_loader_free(a);
        rn_loader_free(b);
    }
    free_corpora();
}

/* P ranks of nanochat each read every P-th row group; here they are P streams of one batch. */
Test(loader_streams, each_streams_rows_come_from_its_own_row_groups)
{
    struct rn_err err = {0};
    struct rn_loader *four, *one;
    struct batch b;
    make_corpora();
    struct rn_loader_cfg cfg = {.rows = RN_ROWS_STREAM, .B = B, .T = T, .streams = 4};
    struct rn_loader_cfg flat = {.rows = RN_ROWS_STREAM, .B = B / 4, .T = T, .streams = 1};
    cr_assert_eq(rn_loader_open(&four, tokens, &cfg, &err), RN_OK);
    cr_assert_eq(rn_loader_open(&one, tokens, &flat, &err), RN_OK);
    next(four, &b);
    int32_t x[B / 4 * T], y[B / 4 * T];
    cr_assert_eq(rn_loader_next(one, x, y, &err), RN_OK);
    cr_expect_arr_eq(x, b.x, sizeof x); /* both begin with row group 0 */
    for (int s = 0; s < 4; s++) {
        struct rn_corpus_reader *r;
        int32_t first[4];
        cr_assert_eq(rn_corpus_reader_new(&r, tokens, &err), RN_OK);
        cr_assert_eq(rn_corpus_read(r, s * GROUP_DOCS, 0, 4, first, &err), RN_OK);
        cr_expect_arr_eq(first, b.x + s * (B / 4) * T, sizeof first, "stream %d", s);
        rn_corpus_reader_free(r);
    }
    rn_loader_free(four);
    rn_loader_free(one);
    free_corpora();
}

Test(loader_streams, streams_that_do_not_divide_the_step_are_refused)
{
    struct rn_err err = {0};
    struct rn_loader *l;
    make_corpora();
    struct rn_loader_cfg cfg = {.B = B, .T = T, .streams = 3};
    cr_expect_eq(rn_loader_open(&l, tokens, &cfg, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "'loader.streams' is 3"), "%s", err.msg);
    cr_expect_null(l);
    free_corpora();
}

Test(loader_streams, a_state_of_another_number_of_streams_is_refused)
{
    struct rn_err err = {0};
    struct way two = {false, {.B = B, .T = T, .streams = 2}};
    struct way four = {false, {.B = B, .T = T, .streams = 4}};
    make_corpora();
    struct rn_loader *a = loader_of(&two), *b = loader_of(&four);
    json_t *state = rn_loader_state(a);
    cr_expect_eq(rn_loader_restore(b, state, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "of 2 streams, these are 4"), "%s", err.msg);
    json_decref(state);
    rn_loader_free(a);
    rn_loader_free(b);
    free_corpora();
}
