/* The order of documents: a function of corpus, seed and pass alone, shared out among streams. */
#include "corpus_kinds.h"
#include "feed.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* --- corpora without documents: groups of so many, in files of so many groups --- */

static void free_nothing(void *self)
{
    (void)self;
}
static const struct rn_corpus_kind no_documents = {.free = free_nothing};

/* "3 2 | 4 1 1": a file with groups of 3 and 2 documents, and one with 4, 1 and 1. */
static struct rn_corpus *corpus_of(const char *groups)
{
    struct rn_corpus *c = rn_corpus_new(&no_documents, NULL);
    bool new_file = true;
    for (const char *p = groups; *p; p++) {
        if (*p >= '1' && *p <= '9')
            rn_corpus_add_group(c, *p - '0', new_file);
        new_file = *p == '|' || (new_file && *p == ' ');
    }
    rn_corpus_seal(c);
    return c;
}

#define SEVEN_FILES "3 2 4 | 5 1 | 9 9 9 9 | 1 | 2 2 2 | 7 | 4 4 4 4 4 4"
enum { SEVEN_DOCS = 9 + 6 + 36 + 1 + 6 + 7 + 24 };

static struct rn_feed *feed_of(const struct rn_corpus *c, enum rn_shuffle shuffle, uint64_t seed,
                               int64_t stream, int64_t streams)
{
    struct rn_err err = {0};
    struct rn_feed_cfg cfg = {shuffle, seed, stream, streams};
    struct rn_feed *f;
    cr_assert_eq(rn_feed_new(&f, c, &cfg, &err), RN_OK, "%s", err.msg);
    return f;
}

static int64_t next(struct rn_feed *f, bool *pause)
{
    struct rn_err err = {0};
    int64_t doc;
    cr_assert_eq(rn_feed_next(f, &doc, pause, &err), RN_OK, "%s", err.msg);
    return doc;
}

/* "0 1 2. 3 4. ": n documents, a point behind the last one of each group. */
static void expect_docs(struct rn_feed *f, const char *want)
{
    char have[512] = "";
    while (strlen(have) < strlen(want)) {
        bool pause;
        int64_t doc = next(f, &pause);
        sprintf(have + strlen(have), "%d%s ", (int)doc, pause ? "." : "");
    }
    cr_expect_str_eq(have, want);
}

/* --- what a stream takes --- */

Test(feed, without_shuffle_documents_come_as_stored_and_begin_again)
{
    struct rn_corpus *c = corpus_of("3 2 | 2");
    struct rn_feed *f = feed_of(c, RN_SHUFFLE_NONE, 0, 0, 1);
    expect_docs(f, "0 1 2. 3 4. 5 6. 0 1 2. ");
    cr_expect_eq(rn_feed_pass(f), 1);
    rn_feed_free(f);
    rn_corpus_free(c);
}

Test(feed, a_stream_takes_every_pth_row_group_of_each_file)
{
    struct rn_corpus *c = corpus_of("2 1 2 1 | 1 2 1");
    struct rn_feed *even = feed_of(c, RN_SHUFFLE_NONE, 0, 0, 2);
    struct rn_feed *odd = feed_of(c, RN_SHUFFLE_NONE, 0, 1, 2);
    expect_docs(even, "0 1. 3 4. 6. 9. 0 1. ");
    expect_docs(odd, "2. 5. 7 8. 2. 5. ");
    rn_feed_free(even);
    rn_feed_free(odd);
    rn_corpus_free(c);
}

Test(feed, a_file_with_nothing_for_a_stream_is_passed_over)
{
    struct rn_corpus *c = corpus_of("1 1 1 | 1 | 1 1 1");
    struct rn_feed *f = feed_of(c, RN_SHUFFLE_NONE, 0, 2, 3);
    expect_docs(f, "2. 6. 2. 6. ");
    rn_feed_free(f);
    rn_corpus_free(c);
}

Test(feed, a_stream_that_would_be_empty_is_refused)
{
    struct rn_corpus *c = corpus_of("3 3 | 3");
    struct rn_err err = {0};
    struct rn_feed_cfg cfg = {.stream = 2, .streams = 3};
    struct rn_feed *f;
    cr_expect_eq(rn_feed_new(&f, c, &cfg, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "'loader.streams' is 3"), "%s", err.msg);
    cr_expect_null(f);
    rn_corpus_free(c);
}

Test(feed, in_each_pass_the_streams_give_every_document_once)
{
    struct rn_corpus *c = corpus_of(SEVEN_FILES);
    cr_assert_eq(rn_corpus_docs(c), SEVEN_DOCS);
    for (int shuffle = RN_SHUFFLE_NONE; shuffle <= RN_SHUFFLE_ROWS; shuffle++)
        for (int64_t streams = 1; streams <= 6; streams++) {
            int seen[SEVEN_DOCS] = {0};
            for (int64_t s = 0; s < streams; s++) {
                struct rn_feed *f = feed_of(c, (enum rn_shuffle)shuffle, 7, s, streams);
                bool pause;
                while (rn_feed_pass(f) < 3)
                    seen[next(f, &pause)]++;
                rn_feed_free(f);
            }
            for (int d = 0; d < SEVEN_DOCS; d++)
                cr_expect_eq(seen[d], 3, "document %d, %d streams", d, (int)streams);
        }
    rn_corpus_free(c);
}

/* --- shuffling --- */

static void take_pass(struct rn_feed *f, int64_t docs[SEVEN_DOCS])
{
    int64_t pass = rn_feed_pass(f);
    bool pause;
    for (int n = 0; rn_feed_pass(f) == pass; n++)
        docs[n] = next(f, &pause);
}

static int64_t file_of(const struct rn_corpus *c, int64_t doc)
{
    int64_t file = 0;
    while (rn_corpus_first_doc(c, rn_corpus_first_group(c, file + 1)) <= doc)
        file++;
    return file;
}

/* Files stay whole: how often the file changes from one document to the next. */
static int changes_of_file(const struct rn_corpus *c, const int64_t docs[SEVEN_DOCS])
{
    int n = 0;
    for (int i = 1; i < SEVEN_DOCS; i++)
        n += file_of(c, docs[i]) != file_of(c, docs[i - 1]);
    return n;
}

static int steps_back_in_a_file(const struct rn_corpus *c, const int64_t docs[SEVEN_DOCS])
{
    int n = 0;
    for (int i = 1; i < SEVEN_DOCS; i++)
        n += docs[i] < docs[i - 1] && file_of(c, docs[i]) == file_of(c, docs[i - 1]);
    return n;
}

Test(feed, shards_are_shuffled_anew_in_each_pass_and_their_rows_are_not)
{
    struct rn_corpus *c = corpus_of(SEVEN_FILES);
    struct rn_feed *f = feed_of(c, RN_SHUFFLE_SHARDS, 7, 0, 1);
    int64_t first[SEVEN_DOCS], second[SEVEN_DOCS];
    take_pass(f, first);
    take_pass(f, second);
    cr_expect_neq(memcmp(first, second, sizeof first), 0);
    cr_expect_eq(changes_of_file(c, first), 6);
    cr_expect_eq(changes_of_file(c, second), 6);
    cr_expect_eq(steps_back_in_a_file(c, first), 0);
    rn_feed_free(f);
    rn_corpus_free(c);
}

Test(feed, rows_are_shuffled_within_their_shards)
{
    struct rn_corpus *c = corpus_of(SEVEN_FILES);
    struct rn_feed *f = feed_of(c, RN_SHUFFLE_ROWS, 7, 0, 1);
    int64_t first[SEVEN_DOCS], second[SEVEN_DOCS];
    take_pass(f, first);
    take_pass(f, second);
    cr_expect_neq(memcmp(first, second, sizeof first), 0);
    cr_expect_eq(changes_of_file(c, first), 6);
    cr_expect_gt(steps_back_in_a_file(c, first), 20);
    rn_feed_free(f);
    rn_corpus_free(c);
}

Test(feed, another_seed_is_another_order_and_the_same_seed_the_same)
{
    struct rn_corpus *c = corpus_of(SEVEN_FILES);
    int64_t docs[3][SEVEN_DOCS];
    for (int i = 0; i < 3; i++) {
        struct rn_feed *f = feed_of(c, RN_SHUFFLE_ROWS, i == 2 ? 8 : 7, 0, 1);
        take_pass(f, docs[i]);
        rn_feed_free(f);
    }
    cr_expect_arr_eq(docs[0], docs[1], sizeof docs[0]);
    cr_expect_neq(memcmp(docs[0], docs[2], sizeof docs[0]), 0);
    rn_corpus_free(c);
}

/* --- the position --- */

static void expect_same(struct rn_feed *a, struct rn_feed *b, int n)
{
    for (int i = 0; i < n; i++) {
        bool pause[2];
        cr_assert_eq(next(a, &pause[0]), next(b, &pause[1]));
        cr_assert_eq(pause[0], pause[1]);
    }
    cr_expect_eq(rn_feed_pass(a), rn_feed_pass(b));
}

Test(feed, any_position_is_taken_up_without_walking_there)
{
    struct rn_corpus *c = corpus_of(SEVEN_FILES);
    struct rn_err err = {0};
    for (int shuffle = RN_SHUFFLE_NONE; shuffle <= RN_SHUFFLE_ROWS; shuffle++) {
        struct rn_feed *walked = feed_of(c, (enum rn_shuffle)shuffle, 7, 1, 3);
        for (int at = 0; at < 100; at++) {
            struct rn_feed *again = feed_of(c, (enum rn_shuffle)shuffle, 7, 1, 3);
            json_t *state = rn_feed_state(walked);
            cr_assert_eq(rn_feed_restore(again, state, &err), RN_OK, "%s", err.msg);
            expect_same(walked, again, 1);
            expect_same(again, again, 0);
            json_decref(state);
            rn_feed_free(again);
        }
        cr_expect_gt(rn_feed_pass(walked), 2);
        rn_feed_free(walked);
    }
    rn_corpus_free(c);
}

Test(feed, states_of_another_order_and_impossible_ones_are_refused)
{
    static const char *const broken[] = {
        "{\"seed\": 8}",  "{\"shuffle\": \"none\"}", "{\"stream\": 1}", "{\"streams\": 2}",
        "{\"pass\": -1}", "{\"file\": 7}",           "{\"file\": -1}",  "{\"at\": 99}",
        "{\"at\": -1}",   "{\"at\": \"one\"}"};
    struct rn_corpus *c = corpus_of(SEVEN_FILES);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct rn_err err = {0};
        struct rn_feed *f = feed_of(c, RN_SHUFFLE_SHARDS, 7, 0, 1);
        json_t *state = rn_feed_state(f), *change;
        cr_assert_eq(rn_json_parse(broken[i], strlen(broken[i]), RN_NOWHERE, &change, &err), RN_OK);
        json_object_update(state, change);
        cr_expect_eq(rn_feed_restore(f, state, &err), RN_ECORRUPT, "%s", broken[i]);
        json_decref(state);
        json_decref(change);
        rn_feed_free(f);
    }
    rn_corpus_free(c);
}
