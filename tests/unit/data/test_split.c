/* Where text is cut before merging: tiktoken's patterns, character by character. */
#include "json.h"
#include "split.h"
#include "unicode.h"

#include <criterion/criterion.h>
#include <string.h>

#define GOLDEN RUNNEL_SOURCE_DIR "/tests/golden/"

/* The pieces joined by '|'. */
static const char *cut(const char *pattern, const char *text)
{
    static char out[512];
    const struct rn_split *s = rn_split_find(pattern);
    size_t n = strlen(text), used = 0;
    for (size_t at = 0, end; at < n; at = end) {
        end = rn_split_next(s, text, n, at);
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", at ? "|" : "",
                                 (int)(end - at), text + at);
    }
    return out;
}

static const struct {
    const char *why, *text, *nanochat, *gpt2, *cl100k;
} cases[] = {
    {"a space belongs to the word after it", "hello  world", "hello| | world", "hello| | world",
     "hello| | world"},
    {"numbers run to two digits, any, three", "12345", "12|34|5", "12345", "123|45"},
    {"contractions fold case, but not GPT-2's", "I'LL", "I|'LL", "I|'|LL", "I|'LL"},
    {"long s folds to s", "'\u017Fx", "'\u017F|x", "'|\u017Fx", "'\u017F|x"},
    {"newlines end a run of marks", "!!\n\nx", "!!\n\n|x", "!!|\n|\n|x", "!!\n\n|x"},
    {"white space up to the end is one piece but in nanochat", "a \n  ", "a| \n|  ", "a| \n  ",
     "a| \n  "},
    {"one mark may lead letters", "(word)", "(word|)", "(|word|)", "(word|)"},
    {"a tab leads letters, but not GPT-2's", "\ta", "\ta", "\t|a", "\ta"},
    {"U+001C is no white space", "\x1C \x1C", "\x1C| \x1C", "\x1C| \x1C", "\x1C| \x1C"},
    {"vowel signs are marks and split words", "\u0939\u093F\u0928", "\u0939|\u093F\u0928",
     "\u0939|\u093F|\u0928", "\u0939|\u093F\u0928"},
};

Test(split, cuts_as_the_patterns_say)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_str_eq(cut("nanochat", cases[i].text), cases[i].nanochat, "%s", cases[i].why);
        cr_expect_str_eq(cut("gpt2", cases[i].text), cases[i].gpt2, "%s", cases[i].why);
        cr_expect_str_eq(cut("cl100k", cases[i].text), cases[i].cl100k, "%s", cases[i].why);
    }
}

Test(split, knows_three_patterns)
{
    for (const char *const *name = rn_split_names; *name; name++)
        cr_assert_str_eq(rn_split_name(rn_split_find(*name)), *name);
    cr_assert_null(rn_split_find("gpt3"));
}

Test(split, cuts_awkward_strings_as_tiktoken)
{
    struct rn_err err = {0};
    json_t *doc, *row, *end;
    size_t i, k;
    cr_assert_eq(rn_json_read(GOLDEN "splits.json", 1 << 22, &doc, &err), RN_OK, "%s", err.msg);
    cr_assert_gt(json_array_size(doc), 400);
    json_array_foreach(doc, i, row)
    {
        const struct rn_split *s = rn_split_find(rn_json_str(row, "pattern", ""));
        const json_t *text = json_object_get(row, "text");
        size_t n = json_string_length(text), at = 0;
        json_array_foreach(json_object_get(row, "ends"), k, end)
        {
            at = rn_split_next(s, json_string_value(text), n, at);
            cr_assert_eq(at, (size_t)json_integer_value(end), "row %zu, piece %zu", i, k);
        }
        cr_assert_eq(at, n);
    }
    json_decref(doc);
}

Test(unicode, has_the_classes_of_version_16)
{
    int64_t n[4] = {0};
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        n[rn_unicode_class(cp)]++;
    cr_assert_eq(n[RN_LETTER], 141028);
    cr_assert_eq(n[RN_NUMBER], 1911);
    cr_assert_eq(n[RN_SPACE], 25);
    cr_assert_eq(rn_unicode_class(0x180E), RN_OTHER);
    cr_assert_eq(rn_unicode_class(0x1C), RN_OTHER);
    cr_assert_eq(rn_unicode_class(0x2167), RN_NUMBER);
    cr_assert_eq(rn_unicode_class(0xFFFFFFFF), RN_OTHER);
}

#define BAD "\xEF\xBF\xBD"

Test(unicode, repairs_invalid_utf8_as_python_does)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {
        {"plain", "plain"},
        {"a\xFF"
         "b",
         "a" BAD "b"},
        {"\xC3", BAD}, /* cut short */
        {"\xE2\x82"
         "x",
         BAD "x"}, /* one for the maximal part */
        {"\xF0\x9F\x98", BAD},
        {"\xF0\x9F\x98\xF0\x9F\x98\x80", BAD "\xF0\x9F\x98\x80"},
        {"\xC0\xAF", BAD BAD}, /* overlong */
        {"\xE0\x80\x80", BAD BAD BAD},
        {"\xED\xA0\x80", BAD BAD BAD},         /* a surrogate */
        {"\xF4\x90\x80\x80", BAD BAD BAD BAD}, /* past U+10FFFF */
        {"\x80\xBF", BAD BAD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rn_str out = {0};
        rn_utf8_repair(rows[i].bytes, strlen(rows[i].bytes), &out);
        cr_expect_str_eq(out.p, rows[i].text, "row %zu", i);
        rn_str_release(&out);
    }
}

Test(unicode, crops_by_characters)
{
    int64_t count;
    cr_assert_eq(rn_utf8_crop("a\u00E9\u6F22z", 7, 2, &count), 3);
    cr_assert_eq(count, 2);
    cr_assert_eq(rn_utf8_crop("a\u00E9\u6F22z", 7, 9, &count), 7);
    cr_assert_eq(count, 4);
    cr_assert_eq(rn_utf8_crop("", 0, 9, &count), 0);
}
