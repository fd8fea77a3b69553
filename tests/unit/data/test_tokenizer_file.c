/* Tokenizers on disk: what is written reads back, what is broken is refused with its line. */
#include "../scratch.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "shared.h"
#include "tokenizer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN RUNNEL_SOURCE_DIR "/tests/golden/"

TestSuite(tokenizer_file, .init = scratch_up, .fini = scratch_down);

static char *below(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *bytes, size_t n)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_file_write(below(name), bytes, n, &err), RN_OK, "%s", err.msg);
}

static char *read_golden(size_t *n)
{
    struct rn_err err = {0};
    char *text;
    cr_assert_eq(rn_file_read(GOLDEN "nanochat-32k.tiktoken", 1 << 22, &text, n, &err), RN_OK);
    return text;
}

static void save_golden(void)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    cr_assert_eq(rn_tokenizer_load_tiktoken(&t, GOLDEN "nanochat-32k.tiktoken", "nanochat",
                                            rn_special_nanochat, &err),
                 RN_OK);
    cr_assert_eq(rn_tokenizer_save(t, dir, &err), RN_OK, "%s", err.msg);
    rn_tokenizer_free(t);
}

Test(tokenizer_file, what_is_saved_loads_again_and_is_the_same_file)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    size_t n, golden_n;
    char *text, *golden = read_golden(&golden_n);
    save_golden();
    cr_assert_eq(rn_file_read(below("tokenizer.tiktoken"), 1 << 22, &text, &n, &err), RN_OK);
    cr_assert_eq(n, golden_n);
    cr_assert_arr_eq(text, golden, n);
    cr_assert_eq(rn_tokenizer_load(&t, dir, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_tokenizer_vocab_size(t), 32768);
    cr_assert_str_eq(rn_tokenizer_pattern(t), "nanochat");
    cr_assert_eq(rn_tokenizer_bos(t), 32759);
    rn_tokenizer_free(t);
    free(text);
    free(golden);
}

/* What tiktoken 0.14 demands of the file it fetches for GPT-2 (tiktoken_ext/openai_public.py). */
static const char tiktokens_r50k[] =
    "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930";

Test(tokenizer_file, gpt2_becomes_tiktokens_own_file_and_survives_our_directory)
{
    char hex[RN_HEX];
    struct rn_err err = {0};
    struct rn_tokenizer *t, *again;
    const char *merges = shared_file("data/tokenizer_gpt2/vocab.bpe");
    if (!merges)
        return;
    cr_assert_eq(rn_tokenizer_load_gpt2(&t, merges, NULL, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_tokenizer_save(t, dir, &err), RN_OK);
    cr_assert_eq(rn_sha256_file(below("tokenizer.tiktoken"), hex, NULL, &err), RN_OK);
    cr_assert_str_eq(hex, tiktokens_r50k);
    cr_assert_eq(rn_tokenizer_load(&again, dir, &err), RN_OK, "%s", err.msg);
    cr_assert_str_eq(rn_tokenizer_digest(t), rn_tokenizer_digest(again));
    cr_assert_eq(rn_tokenizer_bos(again), 50256);
    rn_tokenizer_free(t);
    rn_tokenizer_free(again);
}

Test(tokenizer_file, digest_tells_pattern_and_specials_apart)
{
    const char *const one[] = {"<|bos|>", NULL};
    struct {
        const char *pattern;
        const char *const *special;
    } rows[] = {{"nanochat", NULL}, {"cl100k", NULL}, {"nanochat", one}};
    char digest[3][65];
    for (int i = 0; i < 3; i++) {
        struct rn_err err = {0};
        struct rn_tokenizer *t;
        cr_assert_eq(rn_tokenizer_load_tiktoken(&t, GOLDEN "nanochat-32k.tiktoken", rows[i].pattern,
                                                rows[i].special, &err),
                     RN_OK);
        strcpy(digest[i], rn_tokenizer_digest(t));
        rn_tokenizer_free(t);
    }
    cr_assert_str_neq(digest[0], digest[1]);
    cr_assert_str_neq(digest[0], digest[2]);
}

/* --- refusals --- */

static void expect_refused(int rc, const struct rn_err *err, int line, const char *says)
{
    cr_expect_eq(rc, RN_ECORRUPT, "%s", says);
    cr_expect_eq(err->line, line, "line %d instead of %d: %s", err->line, line, err->msg);
    cr_expect_not_null(strstr(err->msg, says), "'%s' does not say '%s'", err->msg, says);
}

/* The golden file with one line replaced (0: none), cut before line `cut` (0: whole). */
static void put_ranks(int line, const char *instead, int cut)
{
    size_t n;
    char *text = read_golden(&n), *p = text;
    struct rn_str out = {0};
    for (int i = 1; *p && i != cut; i++) {
        char *end = strchr(p, '\n') + 1;
        if (i == line)
            rn_str_puts(&out, instead);
        else
            rn_str_add(&out, p, (size_t)(end - p));
        p = end;
    }
    put("bad.tiktoken", out.p, out.n);
    rn_str_release(&out);
    free(text);
}

Test(tokenizer_file, broken_ranks_are_refused_with_their_line)
{
    static const struct {
        int line;
        const char *instead, *says;
    } rows[] = {
        {3, "AA=A 2\n", "base64"}, /* '=' in the middle */
        {3, "A*== 2\n", "base64"},
        {3, "Agg 2\n", "base64"},  /* no multiple of four */
        {3, "Ah== 2\n", "base64"}, /* bits behind the last byte */
        {3, "Ag==\n", "base64"},   /* no rank */
        {3, "\n", "base64"},
        {3, " 2\n", "base64"},
        {3, "Ag== 3\n", "rank '3', expected 2"},
        {3, "Ag== 02\n", "expected 2"},
        {3, "Ag== -2\n", "expected 2"},
        {3, "Ag== 2 \n", "expected 2"},
        {3, "Ag== 2\r\n", "expected 2"},
        {3, "Ag== 99999999999999999999\n", "expected 2"},
        {3, "AA== 2\n", "same bytes as token 0"},
        {1000, "AA== 999\n", "same bytes as token 0"},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_err err = {0};
        struct rn_tokenizer *t;
        put_ranks(rows[i].line, rows[i].instead, 0);
        int rc = rn_tokenizer_load_tiktoken(&t, below("bad.tiktoken"), "nanochat", NULL, &err);
        expect_refused(rc, &err, rows[i].line, rows[i].says);
        cr_expect_null(t);
    }
}

Test(tokenizer_file, a_missing_byte_is_refused)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    put_ranks(0, "", 256);
    int rc = rn_tokenizer_load_tiktoken(&t, below("bad.tiktoken"), "nanochat", NULL, &err);
    expect_refused(rc, &err, 0, "no token for the single byte 0xFF");
    put("bad.tiktoken", "", 0);
    err = (struct rn_err){0};
    rc = rn_tokenizer_load_tiktoken(&t, below("bad.tiktoken"), "nanochat", NULL, &err);
    expect_refused(rc, &err, 0, "0x00");
}

Test(tokenizer_file, a_huge_line_is_refused)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    size_t n = 1 << 21;
    char *line = rn_xalloc(n);
    memset(line, 'A', n);
    memcpy(line, "AA== 0\n", 7);
    put("bad.tiktoken", line, n);
    int rc = rn_tokenizer_load_tiktoken(&t, below("bad.tiktoken"), "nanochat", NULL, &err);
    expect_refused(rc, &err, 2, "line of");
    free(line);
}

/* A bare list cut at the end of a line is a smaller list; beside its sidecar it is not. */
Test(tokenizer_file, a_truncated_file_is_refused)
{
    size_t n;
    char *text = read_golden(&n);
    save_golden();
    for (size_t cut = n - 30; cut < n - 1; cut++) {
        struct rn_err err = {0};
        struct rn_tokenizer *t;
        put("tokenizer.tiktoken", text, cut);
        cr_expect_eq(rn_tokenizer_load(&t, dir, &err), RN_ECORRUPT, "%zu of %zu bytes", cut, n);
        cr_expect_null(t);
    }
    free(text);
}

Test(tokenizer_file, broken_sidecars_are_refused)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{", "JSON"},
        {"{}", "unknown pattern"},
        {"[]", "unknown pattern"},
        {"{\"pattern\": \"nanochta\"}", "unknown pattern 'nanochta'"},
        {"{\"pattern\": \"nanochat\"}", "no list 'special'"},
        {"{\"pattern\": \"nanochat\", \"special\": [1]}", "special[0]"},
        {"{\"pattern\": \"nanochat\", \"special\": [\"a\\u0000b\"]}", "special[0]"},
        {"{\"pattern\": \"nanochat\", \"special\": [\"<a>\", \"<a>\"]}", "listed twice"},
        {"{\"pattern\": \"nanochat\", \"special\": [\"\"]}", "special token of 0 bytes"},
        {"{\"pattern\": \"nanochat\", \"special\": [], \"vocab_size\": 5}", "vocab_size 5"},
        {"{\"pattern\": \"nanochat\", \"special\": [], \"vocab_size\": 32759}", "digest"},
    };
    save_golden();
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_err err = {0};
        struct rn_tokenizer *t;
        put("tokenizer.json", rows[i].json, strlen(rows[i].json));
        cr_expect_eq(rn_tokenizer_load(&t, dir, &err), RN_ECORRUPT);
        cr_expect_null(t);
        cr_expect_not_null(strstr(err.msg, rows[i].says), "'%s' does not say '%s'", err.msg,
                           rows[i].says);
    }
}

Test(tokenizer_file, a_missing_file_is_an_io_error)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    cr_assert_eq(rn_tokenizer_load(&t, below("nowhere"), &err), RN_EIO);
    cr_assert_null(t);
}

Test(tokenizer_file, broken_merges_of_gpt2_are_refused_with_their_line)
{
    static const struct {
        const char *text, *says;
        int line;
    } rows[] = {
        {"#version: 0.2\na b\nc d e\n", "two tokens", 3},
        {"#version: 0.2\nab\n", "two tokens", 2},
        {"a b\n\n", "two tokens", 2},
        {"a b\na \n", "two tokens", 2},
        {"a b\na \u20AC\n", "two tokens", 2},
        {"a b\na \xFF\n", "two tokens", 2},
        {"a bc\n", "no line before it", 1},
        {"a b\na b\n", "same bytes", 2},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_err err = {0};
        struct rn_tokenizer *t;
        put("vocab.bpe", rows[i].text, strlen(rows[i].text));
        int rc = rn_tokenizer_load_gpt2(&t, below("vocab.bpe"), NULL, &err);
        expect_refused(rc, &err, rows[i].line, rows[i].says);
        cr_expect_null(t);
    }
}

Test(tokenizer_file, an_encoder_json_that_disagrees_is_refused)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    char merges[128];
    put("vocab.bpe", "#version: 0.2\na b\n", 18);
    strcpy(merges, below("vocab.bpe"));
    put("encoder.json", "{\"!\": 0, \"\\\"\": 2}", 17);
    int rc = rn_tokenizer_load_gpt2(&t, merges, below("encoder.json"), &err);
    expect_refused(rc, &err, 0, "token '\"' has id 2, expected 1");
    cr_expect_null(t);
}
