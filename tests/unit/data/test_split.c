/* Where text is cut before merging: tiktoken's patterns, character by character. */
#include "json.h"
#include "mem.h"
#include "rng.h"
#include "split_window.h"
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

/* --- by the hundred --- */

enum { TEXT_MAX = 700 };

static void expect_ways_equal(const struct rn_split *s, const char *text, size_t n)
{
    size_t ends[TEXT_MAX + 64];
    for (const struct rn_split_way *way = rn_split_ways;; way++) {
        if (way->here()) {
            size_t at = 0, last = 0;
            while (last < n) {
                size_t count = way->ends(s, text, n, last, ends, TEXT_MAX + 64);
                cr_assert_gt(count, 0);
                for (size_t i = 0; i < count; i++) {
                    at = rn_split_next(s, text, n, at);
                    cr_assert_eq(ends[i], at, "%s, %s: %zu instead of %zu in '%.*s'", way->name,
                                 rn_split_name(s), ends[i], at, (int)n, text);
                }
                last = at;
            }
        }
        if (strcmp(way->name, "scalar") == 0)
            break;
    }
}

static void expect_patterns_equal(const char *text, size_t n)
{
    for (const char *const *name = rn_split_names; *name; name++)
        expect_ways_equal(rn_split_find(*name), text, n);
}

static size_t put_utf8(char *out, uint32_t cp)
{
    unsigned char bytes[4] = {(unsigned char)(cp >> 18), cp >> 12 & 63, cp >> 6 & 63, cp & 63};
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(bytes[4 - n + i] | 0x80);
    out[0] = (char)(out[0] | (char)(0xF0 << (4 - n)));
    return n;
}

/* Runs of each piece of an alphabet: what rules look at, what ends them, what they do not know. */
static size_t random_text(char *text, uint64_t stream)
{
    static const char *const alphabets[][12] = {
        {"a", " ", "\n"},
        {"a", "B", "1", " ", "'", ".", "\r", "\n", "\t"},
        {"'", "s", "T", "l", "L", "v", "e", "re", " ", "x", ".", "\u017F"},
        {"1", "23", "456", " ", "a", ".", "\u00BD", "\u0663"},
        {" ", "\t", "\n", "\r\n", "\v", "\f", "\x1C", "\xC2\x85", "\u00A0", "\u2003", "a", "!"},
        {"word", "the", "'s", " ", " ", ", ", ".\n", "\n\n    ", "2024", "(", "caf\u00E9"},
        {"\u6F22", "\u5B57", "\u0939\u093F", "\u3002", " ", "a", "1", "\n"},
        {"\u3000", "\u00A0", "\u2014", "\u00E9", "\u6F22", "\U0001F600", "'", "\u017F", " ",
         "\u0663", "\r", "s"},
        {"\u0915", "\u094D", "\u0964", "\u1680", "\U00010400", "\U0001D7D8", " ", "'", "ll", ".",
         "\n", "\u2028"},
    };
    uint64_t k = 0;
    const char *const *alphabet = alphabets[rn_rand_below(stream, k++, RN_COUNT(alphabets))];
    size_t size = 0, n = 0, limit = 1 + rn_rand_below(stream, k++, TEXT_MAX - 64);
    bool long_runs = rn_rand_below(stream, k++, 3) == 0;
    while (size < 12 && alphabet[size])
        size++;
    while (n < limit) {
        const char *piece = alphabet[rn_rand_below(stream, k++, (uint32_t)size)];
        uint32_t times = long_runs ? 1 + rn_rand_below(stream, k++, 70) : 1;
        for (; times > 0 && n < limit; times--)
            n += (size_t)snprintf(text + n, 16, "%s", piece);
    }
    return n;
}

Test(split, cuts_windows_as_it_cuts_one_by_one)
{
    char text[TEXT_MAX];
    for (uint64_t round = 0; round < 20000; round++)
        expect_patterns_equal(text, random_text(text, rn_stream(round, "windows")));
}

/* Every border of a window: each pair of characters at each distance from the start. */
Test(split, cuts_alike_wherever_the_window_ends)
{
    static const char *const kinds[] = {"a", "1", ".",      " ",      "\t",     "\n",
                                        "'", "s", "\u017F", "\u3000", "\u0663", "\U0001F600"};
    char text[TEXT_MAX];
    for (size_t a = 0; a < RN_COUNT(kinds); a++)
        for (size_t b = 0; b < RN_COUNT(kinds); b++)
            for (size_t c = 0; c < RN_COUNT(kinds); c++)
                for (int filler = 50; filler < 72; filler++) {
                    int n =
                        snprintf(text, sizeof text, "%.*s%s%s%s%-70s", filler,
                                 "kk kk kk kk kk kk kk kk kk kk kk kk kk kk kk kk kk kk kk kk kk",
                                 kinds[a], kinds[b], kinds[c], "x");
                    expect_patterns_equal(text, (size_t)n);
                }
}

/* Each character of the first three planes, in a window and by itself. */
Test(split, knows_every_character_in_a_window)
{
    char text[TEXT_MAX];
    for (uint32_t first = 0x80; first < 0x30000; first += 64) {
        size_t n = 0;
        for (uint32_t cp = first; cp < first + 64; cp++)
            if (cp < 0xD800 || cp > 0xDFFF)
                n += put_utf8(text + n, cp);
        expect_patterns_equal(text, n);
    }
}

Test(split, knows_every_byte_in_a_window)
{
    char text[TEXT_MAX];
    for (int a = 0; a < 128; a++)
        for (int b = 0; b < 128; b++) {
            memset(text, 'k', 140);
            text[10] = (char)a;
            text[11] = (char)b;
            text[75] = (char)b;
            text[76] = (char)a;
            expect_patterns_equal(text, 140);
        }
}
