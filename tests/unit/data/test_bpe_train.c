/* Training: rustbpe's rule stated the slow way, and one vocabulary for any number of threads. */
#include "clock.h"
#include "docs.h"
#include "file.h"
#include "mem.h"
#include "rng.h"
#include "shared.h"
#include "split.h"
#include "tokenizer_parts.h"
#include "tokenizer_train.h"
#include "vocab_tiktoken.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct rn_tokenizer *train(const char *text, size_t n, size_t docs, int32_t merges,
                                  int threads)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    struct rn_bpe_trainer *b = rn_bpe_trainer_new("nanochat", threads);
    for (size_t i = 0; i < docs; i++)
        rn_bpe_trainer_add(b, text + n * i / docs, n * (i + 1) / docs - n * i / docs);
    cr_assert_eq(rn_bpe_trainer_finish(b, merges, NULL, NULL, NULL, &t, &err), RN_OK, "%s",
                 err.msg);
    rn_bpe_trainer_free(b);
    return t;
}

/* --- the slow way: recount all pairs for every merge --- */

enum { SLOW_IDS = 512 };
struct slow {
    int32_t sym[4096]; /* -1: border of pieces */
    size_t n;
    int64_t count[SLOW_IDS][SLOW_IDS];
};

static void slow_init(struct slow *s, const char *text, size_t n)
{
    const struct rn_split *split = rn_split_find("nanochat");
    s->n = 0;
    for (size_t at = 0, end; at < n; at = end) {
        end = rn_split_next(split, text, n, at);
        for (size_t i = at; i < end; i++)
            s->sym[s->n++] = (unsigned char)text[i];
        s->sym[s->n++] = -1;
    }
}

static bool slow_best(struct slow *s, int32_t ids, int32_t *left, int32_t *right)
{
    int64_t best = 0;
    memset(s->count, 0, sizeof s->count);
    for (size_t i = 0; i + 1 < s->n; i++)
        if (s->sym[i] >= 0 && s->sym[i + 1] >= 0)
            s->count[s->sym[i]][s->sym[i + 1]]++;
    for (int32_t a = 0; a < ids; a++)
        for (int32_t b = 0; b < ids; b++)
            if (s->count[a][b] > best) {
                best = s->count[a][b];
                *left = a;
                *right = b;
            }
    return best > 0;
}

static void slow_merge(struct slow *s, int32_t left, int32_t right, int32_t id)
{
    size_t to = 0;
    for (size_t i = 0; i < s->n; to++) {
        bool pair = i + 1 < s->n && s->sym[i] == left && s->sym[i + 1] == right;
        s->sym[to] = pair ? id : s->sym[i];
        i += pair ? 2 : 1;
    }
    s->n = to;
}

static void expect_slow(const struct rn_tokenizer *t, struct slow *s)
{
    const struct rn_vocab *v = rn_tokenizer_vocab(t);
    for (int32_t id = 256; id < (int32_t)v->n; id++) {
        int32_t left = -1, right = -1;
        size_t n, left_n, right_n;
        cr_assert(slow_best(s, id, &left, &right), "merge %d", id - 256);
        const unsigned char *token = rn_vocab_bytes(v, (size_t)id, &n);
        const unsigned char *l = rn_vocab_bytes(v, (size_t)left, &left_n);
        const unsigned char *r = rn_vocab_bytes(v, (size_t)right, &right_n);
        cr_assert(n == left_n + right_n && memcmp(token, l, left_n) == 0 &&
                      memcmp(token + left_n, r, right_n) == 0,
                  "merge %d", id - 256);
        slow_merge(s, left, right, id);
    }
}

static size_t random_text(char *text, size_t max, uint64_t stream)
{
    static const char *const alphabets[] = {"ab", "aab b", "abc ", "aaaab", "xyz \n'"};
    const char *letters = alphabets[rn_rand_below(stream, 0, 5)];
    size_t n = 20 + rn_rand_below(stream, 1, (uint32_t)max - 20);
    for (size_t i = 0; i < n; i++)
        text[i] = letters[rn_rand_below(stream, 2 + i, (uint32_t)strlen(letters))];
    return n;
}

Test(bpe_train, merges_the_most_frequent_pair_smallest_first_on_ties)
{
    struct slow *s = rn_new(struct slow);
    for (uint64_t round = 0; round < 30; round++) {
        char text[1500];
        size_t n = random_text(text, sizeof text, rn_stream(round, "corpus"));
        struct rn_tokenizer *t = train(text, n, 1, 40, 1);
        slow_init(s, text, n);
        expect_slow(t, s);
        rn_tokenizer_free(t);
    }
    free(s);
}

Test(bpe_train, stops_when_no_pair_is_left)
{
    struct rn_tokenizer *t = train("aaaa", 4, 1, 100, 1);
    cr_assert_eq(rn_tokenizer_vocab_size(t), 256 + 2); /* aa, aaaa */
    rn_tokenizer_free(t);
    t = train("", 0, 1, 100, 1);
    cr_assert_eq(rn_tokenizer_vocab_size(t), 256);
    rn_tokenizer_free(t);
}

/* More than a batch of words, so that threads really share the work. */
static char *long_text(size_t *n)
{
    struct rn_str s = {0};
    uint64_t stream = rn_stream(1, "long");
    for (uint64_t i = 0; s.n < 9u << 20; i++)
        rn_str_printf(&s, "%s%x", i % 9 ? " w" : "\n", rn_rand_below(stream, i, 1 << 14));
    *n = s.n;
    return s.p;
}

Test(bpe_train, any_number_of_threads_gives_the_same)
{
    size_t n;
    char *text = long_text(&n), first[65] = "";
    for (int threads = 1; threads <= 4; threads *= 2) {
        struct rn_tokenizer *t = train(text, n, 500, 300, threads);
        if (threads == 1)
            strcpy(first, rn_tokenizer_digest(t));
        cr_expect_str_eq(rn_tokenizer_digest(t), first, "%d threads", threads);
        rn_tokenizer_free(t);
    }
    free(text);
}

static bool until_ten(void *ctx, int64_t done, int64_t total)
{
    *(int64_t *)ctx = done;
    return total != 100 || done < 10;
}

Test(bpe_train, stops_when_asked)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    int64_t done = 0;
    struct rn_bpe_trainer *b = rn_bpe_trainer_new("gpt2", 1);
    rn_bpe_trainer_add(b, "abcdefghijklmnopqrstuvwxyz", 26);
    cr_assert_eq(rn_bpe_trainer_finish(b, 100, NULL, until_ten, &done, &t, &err), RN_ESTOPPED);
    cr_assert_null(t);
    cr_assert_eq(done, 10);
    rn_bpe_trainer_free(b);
    cr_assert_null(rn_bpe_trainer_new("no such pattern", 1));
}

Test(bpe_train, refuses_with_numbers_what_does_not_fit_in_memory)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    size_t n;
    char *text = long_text(&n);
    struct rn_bpe_trainer *b = rn_bpe_trainer_new("nanochat", 2);
    rn_bpe_trainer_limit(b, 100 << 10);
    cr_expect_eq(rn_bpe_trainer_add(b, text, n / 2), RN_OK);
    cr_expect_eq(rn_bpe_trainer_add(b, text + n / 2, n - n / 2), RN_ENOMEM);
    cr_expect_eq(rn_bpe_trainer_add(b, "more", 4), RN_ENOMEM);
    cr_expect_eq(rn_bpe_trainer_finish(b, 10, NULL, NULL, NULL, &t, &err), RN_ENOMEM);
    cr_expect(strstr(err.msg, "100.0 KiB may be used"), "%s", err.msg);
    cr_expect(strstr(err.hint, "max_chars"));
    cr_expect_null(t);
    rn_bpe_trainer_free(b);
    free(text);
}

/* A word of a megabyte is touched by every merge; rescanning it each time would take minutes. */
Test(bpe_train, one_long_word_is_no_trap)
{
    enum { N = 1 << 20 };
    char *text = rn_xalloc(N);
    for (size_t i = 0; i < N; i++)
        text[i] = (char)('a' + rn_rand_below(rn_stream(4, "word"), i, 16));
    double start = rn_clock_s();
    struct rn_tokenizer *t = train(text, N, 1, 2000, 1);
    double seconds = rn_clock_s() - start;
    cr_assert_eq(rn_tokenizer_vocab_size(t), 2256);
    cr_assert(seconds < 5.0, "%.1f s", seconds);
    rn_tokenizer_free(t);
    free(text);
}

Test(bpe_train, gives_rustbpes_vocabulary_of_real_text)
{
    const char *paths[] = {shared_file("data/base_data/shard_00000.parquet"),
                           shared_file("data/base_data/shard_00001.parquet"),
                           shared_file("data/base_data/shard_00002.parquet")};
    const char *golden_path = shared_file("golden/base-data-32k.tiktoken");
    if (!paths[0] || !paths[1] || !paths[2] || !golden_path)
        return;
    struct rn_err err = {0};
    struct rn_docs *docs;
    struct rn_tokenizer *t;
    struct rn_train_seen seen;
    struct rn_train_plan plan = {.pattern = "nanochat",
                                 .vocab_size = 32768,
                                 .specials = rn_special_nanochat,
                                 .max_chars = 2000000000,
                                 .doc_chars = 10000,
                                 .threads = 2};
    cr_assert_eq(rn_docs_open(&docs, paths, 3, "text", &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_tokenizer_train(&t, docs, &plan, (struct rn_train_watch){0}, &seen, &err),
                 RN_OK, "%s", err.msg);
    cr_assert_eq(seen.docs, 3 * 8192);
    cr_assert_gt(seen.words, 100000);
    cr_assert_eq(seen.merges, 32503);
    struct rn_str text = {0};
    char *golden;
    size_t n;
    rn_vocab_print(rn_tokenizer_vocab(t), &text);
    cr_assert_eq(rn_file_read(golden_path, 1 << 22, &golden, &n, &err), RN_OK);
    cr_assert_eq(text.n, n);
    cr_assert_arr_eq(text.p, golden, n);
    free(golden);
    rn_str_release(&text);
    rn_tokenizer_free(t);
    rn_docs_free(docs);
}
