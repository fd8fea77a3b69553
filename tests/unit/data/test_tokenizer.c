/* Encoding and decoding: tiktoken's ids, and no text that takes long. */
#include "bpe.h"
#include "encoder.h"
#include "json.h"
#include "mem.h"
#include "rng.h"
#include "shared.h"
#include "tokenizer.h"
#include "tokenizer_parts.h"
#include "unicode.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GOLDEN RUNNEL_SOURCE_DIR "/tests/golden/"

static struct rn_tokenizer *nanochat(void)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    cr_assert_eq(rn_tokenizer_load_tiktoken(&t, GOLDEN "nanochat-32k.tiktoken", "nanochat",
                                            rn_special_nanochat, &err),
                 RN_OK, "%s", err.msg);
    return t;
}

static struct rn_tokenizer *gpt2(void)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    const char *merges = shared_file("data/tokenizer_gpt2/vocab.bpe");
    const char *ids = shared_file("data/tokenizer_gpt2/encoder.json");
    if (!merges || !ids)
        return NULL;
    cr_assert_eq(rn_tokenizer_load_gpt2(&t, merges, ids, &err), RN_OK, "%s", err.msg);
    return t;
}

static void expect_ids(const struct rn_ids *ids, const json_t *expected, const char *what)
{
    cr_assert_eq(ids->n, json_array_size(expected), "%s: %zu ids", what, ids->n);
    for (size_t k = 0; k < ids->n; k++)
        cr_assert_eq(ids->p[k], json_integer_value(json_array_get(expected, k)), "%s: id %zu", what,
                     k);
}

Test(tokenizer, gives_tiktokens_ids_and_back)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t = nanochat();
    struct rn_encoder *e;
    json_t *doc, *row;
    size_t i;
    cr_assert_eq(rn_encoder_new(&e, t, &err), RN_OK);
    cr_assert_eq(rn_json_read(GOLDEN "encode-nanochat-32k.json", 1 << 22, &doc, &err), RN_OK);
    cr_assert_eq(json_array_size(doc), 300);
    json_array_foreach(doc, i, row)
    {
        const json_t *text = json_object_get(row, "text");
        struct rn_ids ids = {0};
        struct rn_str back = {0};
        rn_tokenizer_encode(t, json_string_value(text), json_string_length(text), &ids);
        expect_ids(&ids, json_object_get(row, "ids"), json_string_value(text));
        ids.n = 0;
        rn_encoder_encode(e, json_string_value(text), json_string_length(text), &ids);
        expect_ids(&ids, json_object_get(row, "ids"), json_string_value(text));
        cr_assert_eq(rn_tokenizer_decode(t, ids.p, ids.n, &back, &err), RN_OK);
        cr_assert_eq(back.n, json_string_length(text));
        cr_assert(back.n == 0 || memcmp(back.p, json_string_value(text), back.n) == 0);
        rn_ids_release(&ids);
        rn_str_release(&back);
    }
    json_decref(doc);
    rn_encoder_free(e);
    rn_tokenizer_free(t);
}

Test(tokenizer, reads_gpt2_and_gives_its_ids)
{
    struct rn_tokenizer *t = gpt2();
    if (!t)
        return;
    static const int32_t expected[] = {15496, 995, 0, 220, 220, 314, 1183, 467, 13};
    const char *text = "Hello world!   I'll go.";
    struct rn_ids ids = {0};
    cr_assert_eq(rn_tokenizer_vocab_size(t), 50257);
    cr_assert_eq(rn_tokenizer_bos(t), 50256);
    rn_tokenizer_encode(t, text, strlen(text), &ids);
    cr_assert_eq(ids.n, RN_COUNT(expected));
    cr_assert_arr_eq(ids.p, expected, sizeof expected);
    rn_ids_release(&ids);
    rn_tokenizer_free(t);
}

Test(tokenizer, specials_come_last_and_never_from_text)
{
    struct rn_tokenizer *t = nanochat();
    struct rn_ids ids = {0};
    struct rn_str back = {0};
    struct rn_err err = {0};
    cr_assert_eq(rn_tokenizer_vocab_size(t), 32768);
    cr_assert_eq(rn_tokenizer_bos(t), 32759);
    cr_assert_eq(rn_tokenizer_special(t, "<|output_end|>"), 32767);
    cr_assert_eq(rn_tokenizer_special(t, "<|endoftext|>"), -1);
    rn_tokenizer_encode(t, "<|bos|>", 7, &ids);
    for (size_t i = 0; i < ids.n; i++)
        cr_assert_lt(ids.p[i], 32759);
    int32_t bos = 32759, outside = 32768, negative = -1;
    cr_assert_eq(rn_tokenizer_decode(t, &bos, 1, &back, &err), RN_OK);
    cr_assert_str_eq(back.p, "<|bos|>");
    cr_assert_eq(rn_tokenizer_decode(t, &outside, 1, &back, &err), RN_ECORRUPT);
    cr_assert_eq(rn_tokenizer_decode(t, &negative, 1, &back, &err), RN_ECORRUPT);
    rn_ids_release(&ids);
    rn_str_release(&back);
    rn_tokenizer_free(t);
}

Test(tokenizer, invalid_utf8_encodes_as_replacement)
{
    struct rn_tokenizer *t = nanochat();
    struct rn_ids bad = {0}, clean = {0};
    rn_tokenizer_encode(t, "ab\xFF\xE2\x82 cd", 8, &bad);
    rn_tokenizer_encode(t, "ab\uFFFD\uFFFD cd", 11, &clean);
    cr_assert_eq(bad.n, clean.n);
    cr_assert_arr_eq(bad.p, clean.p, bad.n * sizeof *bad.p);
    rn_ids_release(&bad);
    rn_ids_release(&clean);
    rn_tokenizer_free(t);
}

Test(tokenizer, counts_bytes_by_both_rules)
{
    struct rn_tokenizer *t = nanochat();
    int32_t *now = rn_xalloc(32768 * sizeof *now), *old = rn_xalloc(32768 * sizeof *old);
    rn_tokenizer_byte_counts(t, false, now);
    rn_tokenizer_byte_counts(t, true, old);
    cr_assert_eq(now['a'], 1);
    cr_assert_eq(old['a'], 1);
    cr_assert_eq(now[0xFF], 1);
    cr_assert_eq(old[0xFF], 3); /* decoded alone it is U+FFFD */
    cr_assert_eq(now[32759], 0);
    cr_assert_eq(old[32767], 0);
    free(now);
    free(old);
    rn_tokenizer_free(t);
}

/* --- the merge rule, stated the slow way --- */

static void slow_encode(const struct rn_vocab *v, const unsigned char *p, size_t n,
                        struct rn_ids *out)
{
    size_t *end = rn_xalloc(n * sizeof *end), parts = n;
    for (size_t i = 0; i < n; i++)
        end[i] = i + 1;
    for (;;) {
        int32_t best_rank = INT32_MAX;
        size_t best = 0;
        for (size_t i = 0; i + 1 < parts; i++) {
            size_t start = i ? end[i - 1] : 0;
            int32_t rank = rn_vocab_rank(v, p + start, end[i + 1] - start);
            if (rank >= 0 && rank < best_rank) {
                best_rank = rank;
                best = i;
            }
        }
        if (best_rank == INT32_MAX)
            break;
        memmove(end + best, end + best + 1, (parts - best - 1) * sizeof *end);
        parts--;
    }
    for (size_t i = 0; i < parts; i++)
        rn_ids_push(out, rn_vocab_rank(v, p + (i ? end[i - 1] : 0), end[i] - (i ? end[i - 1] : 0)));
    free(end);
}

/* Any set of tokens, not only one that training could give: the rule is about bytes. */
static void random_vocab(struct rn_vocab *v, uint64_t stream)
{
    struct rn_err err = {0};
    uint64_t k = 0;
    for (int b = 0; b < 256; b++)
        rn_vocab_add(v, &(unsigned char){(unsigned char)b}, 1, RN_NOWHERE, &err);
    for (int i = 0; i < 60; i++) {
        char token[8];
        size_t n = 2 + rn_rand_below(stream, k++, 5);
        for (size_t c = 0; c < n; c++)
            token[c] = (char)('a' + rn_rand_below(stream, k++, 3));
        if (rn_vocab_rank(v, token, n) < 0)
            cr_assert_eq(rn_vocab_add(v, token, n, RN_NOWHERE, &err), RN_OK);
    }
    cr_assert_eq(rn_vocab_seal(v, RN_NOWHERE, &err), RN_OK);
}

Test(bpe, merges_lowest_rank_first_whatever_the_length_and_the_vocabulary)
{
    for (uint64_t round = 0; round < 300; round++) {
        uint64_t stream = rn_stream(round, "bpe");
        struct rn_vocab v = {0};
        struct rn_ids fast = {0}, slow = {0};
        unsigned char text[400];
        size_t n = 7 + rn_rand_below(stream, 1 << 20, 393);
        random_vocab(&v, stream);
        for (size_t i = 0; i < n; i++)
            text[i] = (unsigned char)('a' + rn_rand_below(stream, (2 << 20) + i, 3));
        rn_bpe_encode(&v, text, n, &fast);
        slow_encode(&v, text, n, &slow);
        cr_assert_eq(fast.n, slow.n, "round %d", (int)round);
        cr_assert_arr_eq(fast.p, slow.p, fast.n * sizeof *fast.p);
        rn_ids_release(&fast);
        rn_ids_release(&slow);
        rn_vocab_release(&v);
    }
}

/* Tokens in the order that training would never give: "abc" cannot come of lower ranks alone. */
Test(bpe, knows_whether_each_token_has_one_pair)
{
    struct rn_vocab odd = {0};
    struct rn_err err = {0};
    struct rn_ids ids = {0};
    for (int b = 0; b < 256; b++)
        rn_vocab_add(&odd, &(unsigned char){(unsigned char)b}, 1, RN_NOWHERE, &err);
    rn_vocab_add(&odd, "abc", 3, RN_NOWHERE, &err);
    rn_vocab_add(&odd, "ab", 2, RN_NOWHERE, &err);
    cr_assert_eq(rn_vocab_seal(&odd, RN_NOWHERE, &err), RN_OK);
    cr_expect_not(odd.one_pair);
    rn_bpe_encode(&odd, (const unsigned char *)"xabc", 4, &ids);
    cr_assert_eq(ids.n, 2);
    cr_expect_eq(ids.p[1], 256);
    rn_ids_release(&ids);
    rn_vocab_release(&odd);
    struct rn_tokenizer *trained = nanochat();
    cr_expect(rn_tokenizer_vocab(trained)->one_pair);
    rn_tokenizer_free(trained);
}

/* --- a megabyte of anything --- */

enum { MEGABYTE = 1 << 20 };

/* Whole units as often as they fit, chosen at random if there are many. */
static size_t fill(char *text, const char *const *units, uint32_t n_units)
{
    uint64_t stream = rn_stream(2, "fill"), k = 0;
    for (size_t n = 0;;) {
        const char *unit = units[n_units > 1 ? rn_rand_below(stream, k++, n_units) : 0];
        size_t size = strlen(unit);
        if (n + size > MEGABYTE)
            return n;
        memcpy(text + n, unit, size);
        n += size;
    }
}

/* Processor time: what a busy machine does to the clock is not our doing. */
static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void encode_in_time(const struct rn_tokenizer *t, const char *text, size_t n,
                           struct rn_ids *ids, const char *what)
{
    struct rn_err err = {0};
    struct rn_encoder *e;
    struct rn_ids cached = {0};
    cr_assert_eq(rn_encoder_new(&e, t, &err), RN_OK);
    double start = cpu_s();
    rn_tokenizer_encode(t, text, n, ids);
    rn_encoder_encode(e, text, n, &cached);
    cr_expect(cpu_s() - start < 5.0, "%s took %.2f s", what, cpu_s() - start);
    cr_assert_eq(ids->n, cached.n, "%s", what);
    cr_assert(memcmp(ids->p, cached.p, ids->n * sizeof *ids->p) == 0, "%s", what);
    rn_ids_release(&cached);
    rn_encoder_free(e);
}

Test(tokenizer, a_megabyte_of_anything_takes_no_second)
{
    static const char *const kinds[][12] = {
        {"a"},
        {" "},
        {"\n"},
        {"="},
        {"1"},
        {"'"},
        {"\t"},
        {"\r"},
        {"\x1C"},
        {"\u00E9"},
        {"\u6F22"},
        {"\U0001F600"},
        {"\u3000"},
        {"\u0663"},
        {"\u093F"},
        {"ab"},
        {"\u6F22", "\u5B57"},
        {" ", "\t", "\n", "\r", "\v", "\u00A0", "\u3000"},
        {"a", "b", "c", "d", "e", "f", "g", "h"},
    };
    struct rn_tokenizer *t = nanochat();
    char *text = rn_xalloc(MEGABYTE);
    for (size_t i = 0; i < RN_COUNT(kinds); i++) {
        struct rn_ids ids = {0};
        struct rn_str back = {0};
        uint32_t units = 0;
        while (kinds[i][units])
            units++;
        size_t n = fill(text, kinds[i], units);
        encode_in_time(t, text, n, &ids, kinds[i][0]);
        cr_assert_eq(rn_tokenizer_decode(t, ids.p, ids.n, &back, NULL), RN_OK);
        cr_expect(back.n == n && memcmp(back.p, text, n) == 0, "kind %zu", i);
        rn_str_release(&back);
        rn_ids_release(&ids);
    }
    free(text);
    rn_tokenizer_free(t);
}

Test(tokenizer, a_megabyte_of_random_bytes_takes_no_second)
{
    struct rn_tokenizer *t = nanochat();
    struct rn_ids ids = {0}, clean = {0};
    struct rn_str repaired = {0};
    char *text = rn_xalloc(MEGABYTE);
    for (size_t i = 0; i < MEGABYTE; i++)
        text[i] = (char)rn_rand_below(rn_stream(3, "bytes"), i, 256);
    encode_in_time(t, text, MEGABYTE, &ids, "random bytes");
    rn_utf8_repair(text, MEGABYTE, &repaired);
    rn_tokenizer_encode(t, repaired.p, repaired.n, &clean);
    cr_assert_eq(ids.n, clean.n);
    cr_expect(memcmp(ids.p, clean.p, ids.n * sizeof *ids.p) == 0);
    rn_ids_release(&ids);
    rn_ids_release(&clean);
    rn_str_release(&repaired);
    free(text);
    rn_tokenizer_free(t);
}

/* Runs of one token each: what n times the same letter becomes, found without looking at letters.
 * In a trained vocabulary a token ranks behind its parts, so each merge runs to its end before one
 * with its result begins. */
struct run {
    int32_t id;
    size_t n;
};
struct runs {
    struct run items[64];
    size_t n;
};

static void push_run(struct runs *r, int32_t id, size_t n)
{
    if (n == 0)
        return;
    cr_assert_lt(r->n, RN_COUNT(r->items));
    r->items[r->n++] = (struct run){id, n};
}

/* The neighbours of lowest rank: two of run *at, or the last of it and the first of the next. */
static int32_t lowest(const struct rn_vocab *v, const struct runs *r, size_t *at, bool *within)
{
    int32_t best = RN_NO_RANK;
    for (size_t i = 0; i < r->n; i++) {
        int32_t id = r->items[i].id;
        int32_t same = r->items[i].n > 1 ? rn_vocab_join(v, id, id) : RN_NO_RANK;
        int32_t next = i + 1 < r->n ? rn_vocab_join(v, id, r->items[i + 1].id) : RN_NO_RANK;
        if (same < best || next < best) {
            *within = same <= next;
            *at = i;
            best = *within ? same : next;
        }
    }
    return best;
}

static void merge_runs(struct runs *r, size_t at, bool within, int32_t made)
{
    struct runs out = {0};
    for (size_t i = 0; i < r->n; i++) {
        struct run run = r->items[i];
        if (i == at && within) {
            push_run(&out, made, run.n / 2);
            push_run(&out, run.id, run.n % 2);
        } else if (i == at) {
            push_run(&out, run.id, run.n - 1);
            push_run(&out, made, 1);
        } else {
            push_run(&out, run.id, i == at + 1 && !within ? run.n - 1 : run.n);
        }
    }
    *r = out;
}

Test(tokenizer, a_megabyte_of_one_letter_has_the_right_ids)
{
    struct rn_tokenizer *t = nanochat();
    const struct rn_vocab *v = rn_tokenizer_vocab(t);
    char *text = rn_xalloc(MEGABYTE);
    for (const char *c = "ae=_-# \n"; *c; c++) {
        struct runs runs = {.items = {{v->byte_rank[(unsigned char)*c], MEGABYTE}}, .n = 1};
        struct rn_ids ids = {0};
        size_t run, k = 0;
        bool within;
        for (int32_t made; (made = lowest(v, &runs, &run, &within)) != RN_NO_RANK;)
            merge_runs(&runs, run, within, made);
        memset(text, *c, MEGABYTE);
        rn_tokenizer_encode(t, text, MEGABYTE, &ids);
        for (run = 0; run < runs.n; run++)
            for (size_t i = 0; i < runs.items[run].n; i++, k++)
                cr_assert(k < ids.n && ids.p[k] == runs.items[run].id, "'%c': id %zu", *c, k);
        cr_expect_eq(k, ids.n);
        rn_ids_release(&ids);
    }
    free(text);
    rn_tokenizer_free(t);
}

/* --- the encoder, which remembers --- */

static void expect_same(struct rn_encoder *e, const struct rn_tokenizer *t, const char *text,
                        size_t n)
{
    struct rn_ids fresh = {0}, cached = {0};
    rn_tokenizer_encode(t, text, n, &fresh);
    rn_encoder_encode(e, text, n, &cached);
    cr_assert_eq(cached.n, fresh.n, "%.*s", (int)n, text);
    cr_assert(fresh.n == 0 || memcmp(cached.p, fresh.p, fresh.n * sizeof *fresh.p) == 0);
    rn_ids_release(&fresh);
    rn_ids_release(&cached);
}

/* More different pieces than the cache has room for, of all lengths, met again and again. */
Test(encoder, gives_the_same_ids_whatever_it_remembers)
{
    enum { WORDS = 400000, TEXT = 1 << 16 };
    struct rn_tokenizer *t = nanochat();
    struct rn_encoder *e;
    struct rn_err err = {0};
    char *text = rn_xalloc(TEXT + 256);
    cr_assert_eq(rn_encoder_new(&e, t, &err), RN_OK);
    uint64_t k = 0, stream = rn_stream(5, "encoder");
    for (int words = 0; words < WORDS;) {
        size_t n = 0;
        for (; n < TEXT; words++) {
            uint32_t size = 1 + rn_rand_below(stream, k++, words % 50 == 0 ? 140 : 18);
            bool again = rn_rand_below(stream, k++, 2);
            uint64_t word = again ? rn_rand_below(stream, k++, 50000) : k++;
            text[n++] = ' ';
            for (uint32_t i = 0; i < size; i++, word = word / 7 + word * 131)
                text[n++] = (char)('a' + word % 26);
        }
        expect_same(e, t, text, n);
    }
    rn_encoder_free(e);
    free(text);
    rn_tokenizer_free(t);
}

Test(encoder, reads_no_byte_behind_the_text)
{
    struct rn_tokenizer *t = nanochat();
    struct rn_encoder *e;
    struct rn_err err = {0};
    cr_assert_eq(rn_encoder_new(&e, t, &err), RN_OK);
    const char *sentence =
        "It's 2024: words, \u6F22\u5B57 and\n\n    marks (like these) to the end. "
        "It goes on for longer than one window is.";
    for (size_t n = 0; n <= strlen(sentence); n++) {
        char *exact = rn_xalloc(n + 1); /* the sanitizer watches its end */
        exact = rn_xrealloc(exact, n ? n : 1, 1);
        memcpy(exact, sentence, n);
        expect_same(e, t, exact, n);
        free(exact);
    }
    rn_encoder_free(e);
    rn_tokenizer_free(t);
}

Test(tokenizer, encodes_the_same_from_many_threads)
{
    struct rn_tokenizer *t = nanochat();
    const char *text = "Many threads, one tokenizer; it'll be the same \u6F22\u5B57 12345.\n\n";
    struct rn_ids one = {0};
    int different = 0;
    rn_tokenizer_encode(t, text, strlen(text), &one);
#pragma omp parallel for num_threads(4) reduction(+ : different)
    for (int i = 0; i < 400; i++) {
        struct rn_ids ids = {0};
        rn_tokenizer_encode(t, text, strlen(text), &ids);
        different += ids.n != one.n || memcmp(ids.p, one.p, one.n * sizeof *one.p) != 0;
        rn_ids_release(&ids);
    }
    cr_assert_eq(different, 0);
    rn_ids_release(&one);
    rn_tokenizer_free(t);
}
