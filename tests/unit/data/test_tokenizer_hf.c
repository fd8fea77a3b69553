/* tokenizer.json: theirs gives their ids here, ours is what it was, and what would mean something
 * else is refused by its name. tests/oracle/tokenizer_json.py loads ours with their class. */
#include "../scratch.h"
#include "file.h"
#include "jsonl.h"
#include "str.h"
#include "tokenizer.h"

#define GOLDEN RUNNEL_SOURCE_DIR "/tests/golden/"

TestSuite(tokenizer_hf, .init = scratch_up, .fini = scratch_down, .timeout = 300);

static struct rn_tokenizer *open_ok(const char *path)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    cr_assert_eq(rn_tokenizer_open(&t, path, "nanochat", rn_special_nanochat, &err), RN_OK, "%s",
                 err.msg);
    return t;
}

static void expect_ids(const struct rn_tokenizer *t, const json_t *row)
{
    const json_t *text = json_object_get(row, "text"), *want = json_object_get(row, "ids");
    struct rn_ids got = {0};
    rn_tokenizer_encode(t, json_string_value(text), json_string_length(text), &got);
    bool same = got.n == json_array_size(want);
    for (size_t i = 0; i < got.n && same; i++)
        same = got.p[i] == json_integer_value(json_array_get(want, i));
    cr_expect(same, "%s", json_string_value(text));
    rn_ids_release(&got);
}

Test(tokenizer_hf, a_file_of_hugging_face_gives_their_ids)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t = open_ok(GOLDEN "hf-small.json");
    struct rn_jsonl *rows;
    json_t *row;
    int n = 0;
    cr_expect_str_eq(rn_tokenizer_pattern(t), "nanochat");
    cr_expect_eq(rn_tokenizer_vocab_size(t), 322);
    cr_expect_eq(rn_tokenizer_bos(t), 320);
    cr_assert_eq(rn_jsonl_open(&rows, GOLDEN "hf-small-ids.jsonl", &err), RN_OK);
    while (rn_jsonl_next(rows, &row, &err) == RN_OK && row) {
        expect_ids(t, row);
        json_decref(row);
        n++;
    }
    cr_expect_eq(n, 60);
    rn_jsonl_free(rows);
    rn_tokenizer_free(t);
}

Test(tokenizer_hf, every_format_holds_what_it_was_given)
{
    static const char *const files[] = {"a.json", "tokenizer"};
    struct rn_err err = {0};
    struct rn_tokenizer *t = open_ok(GOLDEN "nanochat-32k.tiktoken");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = scratch_path(files[i]);
        cr_assert_eq(rn_tokenizer_write(t, path, &err), RN_OK, "%s", err.msg);
        struct rn_tokenizer *again = open_ok(path);
        cr_expect_str_eq(rn_tokenizer_digest(again), rn_tokenizer_digest(t), "%s", path);
        rn_tokenizer_free(again);
    }
    rn_tokenizer_free(t);
}

Test(tokenizer_hf, vocab_bpe_refuses_what_it_cannot_say)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t = open_ok(GOLDEN "hf-small.json");
    cr_expect_eq(rn_tokenizer_write(t, scratch_path("vocab.bpe"), &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "GPT-2's pattern"), "%s", err.msg);
    cr_expect_not(rn_exists(scratch_path("vocab.bpe")));
    rn_tokenizer_free(t);
}

Test(tokenizer_hf, what_would_give_other_ids_is_refused_by_name)
{
    static const struct {
        const char *from, *to, *says;
    } rows[] = {
        {"\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}", "normalizer, 'NFC'"},
        {"\"type\":\"BPE\"", "\"type\":\"WordPiece\"", "model is WordPiece"},
        {"\"dropout\":null", "\"dropout\":0.1", "'dropout'"},
        {"\"byte_fallback\":false", "\"byte_fallback\":true", "'byte_fallback'"},
        {"\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"", "'end_of_word_suffix'"},
        {"\"add_prefix_space\":false", "\"add_prefix_space\":true", "prefix space"},
        {"\"behavior\":\"Isolated\"", "\"behavior\":\"MergedWithNext\"", "pre_tokenizer"},
        {"{1,2}", "{1,9}", "unknown pattern"},
        {"\"id\":320", "\"id\":321", "no token has the id 320"},
        {"\"id\":320", "\"id\":19", "two tokens have the id 19"},
        {"\"id\":321", "\"id\":399", "no token has the id 321"},
        {"\"content\":\"<|bos|>\"", "\"content\":\"<|\\u0000|>\"", "NUL"},
        {"\"merges\":[[", "\"merges\":[[\"x\",\"x\"],[", "merges[0] does not make"},
        {"\"merges\":[", "\"merges\":[[\"a\"],", "merges[0] does not make"},
        {"\"merges\":[", "\"merges\":[\"\",", "merges[0] does not make"},
        {"\"merges\"", "\"murges\"", "lacks 'vocab' or 'merges'"},
        {"\"!\":0", "\"! !\":0", "byte-level alphabet"},
        {"\"!\":0", "\"!\":\"0\"", "has no id"},
        {"\"!\":0", "\"!\":-1", "two tokens have the id -1"},
    };
    char *text;
    size_t n;
    cr_assert_eq(rn_file_read(GOLDEN "hf-small.json", 1 << 20, &text, &n, NULL), RN_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *at = strstr(text, rows[i].from);
        cr_assert(at, "%s", rows[i].from);
        struct rn_err err = {0};
        struct rn_str changed = {0};
        struct rn_tokenizer *t;
        rn_str_add(&changed, text, (size_t)(at - text));
        rn_str_puts(&changed, rows[i].to);
        rn_str_puts(&changed, at + strlen(rows[i].from));
        int rc = rn_tokenizer_load_hf(&t, scratch_write("x.json", changed.p, changed.n), &err);
        cr_expect_eq(rc, RN_ECORRUPT, "%s", rows[i].to);
        cr_expect(strstr(err.msg, rows[i].says), "%s: %s", rows[i].says, err.msg);
        cr_expect_null(t);
        rn_str_release(&changed);
    }
    free(text);
}

Test(tokenizer_hf, merges_in_another_order_are_refused)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    json_t *doc;
    cr_assert_eq(rn_json_read(GOLDEN "hf-small.json", 1 << 20, &doc, &err), RN_OK);
    json_t *merges = json_object_get(json_object_get(doc, "model"), "merges");
    json_array_append(merges, json_array_get(merges, 0));
    json_array_remove(merges, 0);
    cr_assert_eq(rn_json_write(scratch_path("x.json"), doc, &err), RN_OK);
    cr_expect_eq(rn_tokenizer_load_hf(&t, scratch_path("x.json"), &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "makes token 256 after"), "%s", err.msg);
    json_decref(doc);
}

Test(tokenizer_hf, a_file_cut_anywhere_is_refused)
{
    char *text;
    size_t n;
    cr_assert_eq(rn_file_read(GOLDEN "hf-small.json", 1 << 20, &text, &n, NULL), RN_OK);
    for (size_t cut = 0; cut < n; cut += 23) {
        struct rn_tokenizer *t;
        struct rn_err err = {0};
        const char *path = scratch_write("x.json", text, cut);
        cr_expect_eq(rn_tokenizer_load_hf(&t, path, &err), RN_ECORRUPT, "%zu bytes", cut);
    }
    free(text);
}
