/* Loaders: nanochat's batches of both eras, and a position that survives the process. */
#include "docs.h"
#include "hash.h"
#include "loader.h"
#include "shards_of.h"
#include "shared.h"
#include "tokenizer.h"
#include "tokens.h"

TestSuite(loader, .init = scratch_up, .fini = scratch_down);

typedef int make_loader(struct rn_loader **, const struct rn_corpus *, int64_t, int64_t,
                        struct rn_err *);

static int stream(struct rn_loader **l, const struct rn_corpus *c, int64_t B, int64_t T,
                  struct rn_err *err)
{
    struct rn_loader_cfg cfg = {.rows = RN_ROWS_STREAM, .B = B, .T = T, .streams = 1};
    return rn_loader_open(l, c, &cfg, err);
}

static int bestfit(struct rn_loader **l, const struct rn_corpus *c, int64_t B, int64_t T,
                   struct rn_err *err)
{
    struct rn_loader_cfg cfg = {.rows = RN_ROWS_BESTFIT, .B = B, .T = T, .streams = 1};
    return rn_loader_open(l, c, &cfg, err);
}

static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* --- nanochat's own batches --- */

enum { GOLDEN_GROUPS = 6 }; /* row groups that 200 batches reach into */

static struct rn_tokenizer *tok;

/* Tokens of the first row groups of a shard, with nanochat's 8k vocabulary. */
static struct rn_corpus *from_tokens(const char *shard)
{
    struct rn_err err = {0};
    struct rn_docs *docs;
    struct rn_doc doc;
    struct rn_ids ids = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens *t;
    struct rn_tokens_spec spec = {rn_tokenizer_digest(tok), rn_tokenizer_vocab_size(tok), 2,
                                  1000000};
    cr_assert_eq(rn_tokens_writer_new(&w, dir, "train", &spec, &err), RN_OK);
    cr_assert_eq(rn_docs_open(&docs, &shard, 1, "text", &err), RN_OK, "%s", err.msg);
    for (int groups = 0; groups < GOLDEN_GROUPS; groups += doc.group_end) {
        cr_assert_eq(rn_docs_next(docs, &doc, &err), RN_OK, "%s", err.msg);
        ids.n = 0;
        rn_ids_push(&ids, 8183);
        rn_tokenizer_encode(tok, doc.text, doc.n, &ids);
        cr_assert_eq(rn_tokens_writer_add(w, ids.p, ids.n, doc.group_end, &err), RN_OK);
    }
    cr_assert_eq(rn_tokens_writer_finish(w, &err), RN_OK);
    const char *const *paths;
    size_t n = scratch_shards(&paths);
    cr_assert_eq(rn_tokens_open(&t, paths, n, "train", spec.tokenizer_digest, &err), RN_OK, "%s",
                 err.msg);
    rn_ids_release(&ids);
    rn_tokens_writer_free(w);
    rn_docs_free(docs);
    return rn_corpus_of_tokens(t);
}

/* The shards as they are, encoded when the loader asks for them. */
static struct rn_corpus *from_text(const char *shard)
{
    struct rn_err err = {0};
    struct rn_corpus *c;
    const char *paths[] = {shard, shared_file("data/base_data/shard_00001.parquet")};
    cr_assert_eq(rn_corpus_of_text(&c, paths, 2, tok, &err), RN_OK, "%s", err.msg);
    return c;
}

static void expect_digest(const int32_t *ids, size_t n, const json_t *batch, const char *key)
{
    char hex[RN_HEX];
    rn_sha256_hex(ids, n * sizeof *ids, hex);
    cr_assert_str_eq(hex, rn_json_str(batch, key, ""), "%s of batch %d", key,
                     (int)rn_json_int(batch, "batch", -1));
}

/* The row group of the document taken last: what nanochat writes into its state. */
static int64_t group_of_last(const struct rn_corpus *c, const json_t *state)
{
    int64_t doc = rn_json_int(json_object_get(state, "feed"), "at", 0) - 1, group = 0;
    while (rn_corpus_first_doc(c, group + 1) <= doc)
        group++;
    return group;
}

static void expect_batches(struct rn_loader *l, const struct rn_corpus *c, const json_t *batches)
{
    struct rn_err err = {0};
    static int32_t x[16 * 256], y[16 * 256];
    for (size_t i = 0; i < 200; i++) {
        const json_t *batch = json_array_get(batches, i);
        cr_assert_eq(rn_loader_next(l, x, y, &err), RN_OK, "%s", err.msg);
        expect_digest(x, 16 * 256, batch, "x_sha256");
        expect_digest(y, 16 * 256, batch, "y_sha256");
        json_t *state = rn_loader_state(l);
        if (json_object_get(state, "buffer"))
            cr_assert_eq(group_of_last(c, state),
                         rn_json_int(json_object_get(batch, "state"), "rg_idx", -1));
        json_decref(state);
    }
}

static void expect_golden(const char *name, make_loader *make,
                          struct rn_corpus *(*corpus)(const char *shard))
{
    struct rn_err err = {0};
    const char *shard = shared_file("data/base_data/shard_00000.parquet");
    const char *vocabulary = shared_file("golden/nanochat-8k.tiktoken"), *path = shared_file(name);
    json_t *golden;
    struct rn_loader *l;
    if (!shard || !vocabulary || !path)
        return;
    cr_assert_eq(rn_json_read(path, 1 << 20, &golden, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(
        rn_tokenizer_load_tiktoken(&tok, vocabulary, "nanochat", rn_special_nanochat, &err), RN_OK,
        "%s", err.msg);
    cr_assert_eq(rn_tokenizer_bos(tok), 8183);
    const json_t *batches = json_object_get(golden, "batches");
    cr_assert_eq(json_array_size(batches), 200);
    struct rn_corpus *c = corpus(shard);
    cr_assert_eq(make(&l, c, 16, 256, &err), RN_OK, "%s", err.msg);
    expect_batches(l, c, batches);
    rn_loader_free(l);
    rn_corpus_free(c);
    rn_tokenizer_free(tok);
    json_decref(golden);
}

Test(loader, stream_gives_the_batches_of_nanochat_2025, .timeout = 300)
{
    expect_golden("golden/loader-stream-2025.json", stream, from_tokens);
}

Test(loader, stream_gives_them_from_parquet_text_as_well, .timeout = 300)
{
    expect_golden("golden/loader-stream-2025.json", stream, from_text);
}

Test(loader, bestfit_gives_the_batches_of_nanochat_2026, .timeout = 300)
{
    expect_golden("golden/loader-bestfit-2026.json", bestfit, from_tokens);
}

Test(loader, bestfit_gives_them_from_parquet_text_as_well, .timeout = 300)
{
    expect_golden("golden/loader-bestfit-2026.json", bestfit, from_text);
}

/* --- made-up documents: document d begins with 1 and goes on with 100 + d --- */

static struct rn_corpus *make_corpus(int n_docs, int (*size)(int), int group)
{
    struct rn_err err = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens *t;
    struct rn_tokens_spec spec = {digest, 50000, 2, 5000};
    int32_t *ids = calloc(1000, sizeof *ids);
    cr_assert_eq(rn_tokens_writer_new(&w, dir, "train", &spec, &err), RN_OK);
    for (int d = 0; d < n_docs; d++) {
        for (int i = 0; i < size(d); i++)
            ids[i] = i ? 100 + d : 1;
        cr_assert_eq(rn_tokens_writer_add(w, ids, (size_t)size(d), d % group == group - 1, &err),
                     RN_OK);
    }
    cr_assert_eq(rn_tokens_writer_finish(w, &err), RN_OK);
    rn_tokens_writer_free(w);
    free(ids);
    const char *const *paths;
    size_t n = scratch_shards(&paths);
    cr_assert_eq(rn_tokens_open(&t, paths, n, "train", digest, &err), RN_OK, "%s", err.msg);
    return rn_corpus_of_tokens(t);
}

static int mixed(int d)
{
    return 3 + d * 37 % 90;
}
static int of_ten(int d)
{
    (void)d;
    return 10;
}
static int often_empty(int d)
{
    return d % 3 ? 0 : 10;
}

enum { B = 4, T = 24 };

static void expect_same(struct rn_loader *a, struct rn_loader *b, int batches)
{
    struct rn_err err = {0};
    int32_t x[2][B * T], y[2][B * T];
    for (int i = 0; i < batches; i++) {
        cr_assert_eq(rn_loader_next(a, x[0], y[0], &err), RN_OK, "%s", err.msg);
        cr_assert_eq(rn_loader_next(b, x[1], y[1], &err), RN_OK, "%s", err.msg);
        cr_assert_arr_eq(x[0], x[1], sizeof x[0], "batch %d", i);
        cr_assert_arr_eq(y[0], y[1], sizeof y[0], "batch %d", i);
    }
    cr_expect_eq(rn_loader_epoch(a), rn_loader_epoch(b));
}

/* The state goes through text, as it does in a checkpoint. */
static json_t *through_text(json_t *state)
{
    struct rn_err err = {0};
    char *text = rn_json_canonical(state);
    json_t *back;
    cr_assert_eq(rn_json_parse(text, strlen(text), RN_NOWHERE, &back, &err), RN_OK);
    free(text);
    json_decref(state);
    return back;
}

static void expect_exact_resume(make_loader *make)
{
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(1500, mixed, 64);
    struct rn_loader *unbroken, *resumed;
    cr_assert_eq(make(&unbroken, c, B, T, &err), RN_OK);
    for (int after = 0; after < 60; after++) {
        json_t *state = through_text(rn_loader_state(unbroken));
        cr_assert_eq(make(&resumed, c, B, T, &err), RN_OK);
        cr_assert_eq(rn_loader_restore(resumed, state, &err), RN_OK, "%s", err.msg);
        json_decref(state);
        expect_same(unbroken, resumed, 1 + after % 20 * 30);
        rn_loader_free(resumed);
    }
    cr_expect_gt(rn_loader_epoch(unbroken), 3); /* the borders of passes were among them */
    rn_loader_free(unbroken);
    rn_corpus_free(c);
}

Test(loader, stream_resumes_exactly)
{
    expect_exact_resume(stream);
}

Test(loader, bestfit_resumes_exactly)
{
    expect_exact_resume(bestfit);
}

Test(loader, state_of_other_data_shape_or_kind_is_refused)
{
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(100, mixed, 64);
    struct rn_loader *flat, *wider, *packed;
    cr_assert_eq(stream(&flat, c, B, T, &err), RN_OK);
    cr_assert_eq(stream(&wider, c, B, T + 1, &err), RN_OK);
    cr_assert_eq(bestfit(&packed, c, B, T, &err), RN_OK);
    json_t *state = rn_loader_state(flat);
    cr_expect_eq(rn_loader_restore(wider, state, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "4 x 24") && strstr(err.msg, "4 x 25"), "%s", err.msg);
    err = (struct rn_err){0};
    cr_expect_eq(rn_loader_restore(packed, state, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "'stream'") && strstr(err.msg, "'bestfit'"), "%s", err.msg);
    json_object_set_new(state, "data", json_string(digest));
    err = (struct rn_err){0};
    cr_expect_eq(rn_loader_restore(flat, state, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "other data"), "%s", err.msg);
    json_decref(state);
    rn_loader_free(flat);
    rn_loader_free(wider);
    rn_loader_free(packed);
    rn_corpus_free(c);
}

Test(loader, impossible_positions_are_refused)
{
    static const char *const broken[] = {"{\"feed\": {}}",        "{\"buffer\": [0, 100]}",
                                         "{\"buffer\": [0, -1]}", "{\"buffer\": 7}",
                                         "{\"buffer\": [\"a\"]}", "{\"buffer\": null}"};
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(100, mixed, 64);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct rn_loader *l;
        json_t *change;
        cr_assert_eq(bestfit(&l, c, B, T, &err), RN_OK);
        json_t *state = rn_loader_state(l);
        cr_assert_eq(rn_json_parse(broken[i], strlen(broken[i]), RN_NOWHERE, &change, &err), RN_OK);
        json_object_update(state, change);
        cr_expect_eq(rn_loader_restore(l, state, &err), RN_ECORRUPT, "%s", broken[i]);
        err = (struct rn_err){0};
        json_decref(change);
        json_decref(state);
        rn_loader_free(l);
    }
    rn_corpus_free(c);
}

/* --- small data --- */

Test(loader, stream_goes_round_data_smaller_than_a_batch)
{
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(2, of_ten, 64); /* 20 tokens, batches of 97 */
    struct rn_loader *l;
    int32_t x[B * T], y[B * T];
    cr_assert_eq(stream(&l, c, B, T, &err), RN_OK);
    cr_assert_eq(rn_loader_next(l, x, y, &err), RN_OK);
    for (int i = 0; i < B * T; i++) {
        cr_expect_eq(x[i], i % 10 ? 100 + i / 10 % 2 : 1);
        cr_expect_eq(y[i], (i + 1) % 10 ? 100 + (i + 1) / 10 % 2 : 1);
    }
    cr_expect_eq(rn_loader_epoch(l), 4); /* 97 = 4 * 20 + 17 */
    rn_loader_free(l);
    rn_corpus_free(c);
}

Test(loader, bestfit_rows_begin_with_a_document_and_are_full)
{
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(7, mixed, 3);
    struct rn_loader *l;
    int32_t x[B * T], y[B * T];
    cr_assert_eq(bestfit(&l, c, B, T, &err), RN_OK);
    for (int batch = 0; batch < 50; batch++) {
        cr_assert_eq(rn_loader_next(l, x, y, &err), RN_OK);
        for (int b = 0; b < B; b++) {
            cr_expect_eq(x[b * T], 1);
            for (int i = 0; i < T; i++)
                cr_expect(x[b * T + i] > 0 && y[b * T + i] > 0);
            cr_expect_arr_eq(x + b * T + 1, y + b * T, (T - 1) * sizeof *x);
        }
    }
    rn_loader_free(l);
    rn_corpus_free(c);
}

Test(loader, empty_documents_are_passed_over)
{
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(9, often_empty, 3);
    struct rn_loader *l;
    int32_t x[B * T], y[B * T];
    cr_assert_eq(bestfit(&l, c, B, T, &err), RN_OK);
    cr_assert_eq(rn_loader_next(l, x, y, &err), RN_OK, "%s", err.msg);
    rn_loader_free(l);
    rn_corpus_free(c);
}

Test(loader, no_tokens_at_all_is_one_line)
{
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(0, of_ten, 3);
    struct rn_loader *l;
    cr_expect_eq(stream(&l, c, B, T, &err), RN_ECORRUPT);
    cr_expect_null(l);
    cr_expect_eq(bestfit(&l, c, B, T, &err), RN_ECORRUPT);
    rn_corpus_free(c);
}

Test(loader, two_fresh_loaders_agree)
{
    struct rn_err err = {0};
    struct rn_corpus *c = make_corpus(300, mixed, 64);
    make_loader *const makes[] = {stream, bestfit};
    for (int k = 0; k < 2; k++) {
        struct rn_loader *a, *b;
        cr_assert_eq(makes[k](&a, c, B, T, &err), RN_OK);
        cr_assert_eq(makes[k](&b, c, B, T, &err), RN_OK);
        expect_same(a, b, 40);
        rn_loader_free(a);
        rn_loader_free(b);
    }
    rn_corpus_free(c);
}
