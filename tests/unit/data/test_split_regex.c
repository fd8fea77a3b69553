/* Patterns that users write: the same pieces as the hand-written ones where they say the same, all
 * of the text whatever they say, and no text that takes long. */
#include "../scratch.h"
#include "encoder.h"
#include "json.h"
#include "mem.h"
#include "split.h"
#include "split_regex.h"
#include "split_spelling.h"
#include "unicode.h"

#define GOLDEN RUNNEL_SOURCE_DIR "/tests/golden/"

TestSuite(split_regex, .init = scratch_up, .fini = scratch_down, .timeout = 300);

static struct rn_split *open_ok(const char *name)
{
    struct rn_err err = {0};
    struct rn_split *s;
    cr_assert_eq(rn_split_open(&s, name, RN_NOWHERE, &err), RN_OK, "%s", err.msg);
    cr_assert_str_eq(rn_split_name(s), name);
    return s;
}

static void expect_cut(const char *pattern, const char *text, const char *pieces)
{
    struct rn_split *s = open_ok(pattern);
    struct rn_str out = {0};
    size_t ends[64], at = 0, n = strlen(text), count = rn_split_ends(s, text, n, 0, ends, 64);
    for (size_t i = 0; i < count; at = ends[i++])
        rn_str_printf(&out, "%s%.*s", at ? "|" : "", (int)(ends[i] - at), text + at);
    cr_expect_str_eq(out.p, pieces, "%s", pattern);
    cr_expect_eq(rn_split_next(s, text, n, 0), ends[0]);
    rn_str_release(&out);
    rn_split_free(s);
}

Test(split_regex, cuts_at_its_matches_and_keeps_what_lies_between)
{
    expect_cut("regex:\\p{L}+|\\P{L}", "ab1 c\u00E9", "ab|1| |c\u00E9");
    expect_cut("regex:[0-9]+", "ab12cd3", "ab|12|cd|3");
    expect_cut("regex:x", "abc", "abc");
    expect_cut("regex:(?<=a)b|a", "ab", "a|b");
    expect_cut("regex:\\d{1,2}+|[a-z]++", "12345abc", "12|34|5|abc");
    expect_cut("regex:a\\Kb|a", "ab", "a|b");
    expect_cut("regex:\\n$|\\n", "a\n\n", "a|\n|\n");
}

/* PCRE2's Unicode is older than ours: are the characters of the text of the same class in both?
 * classes: letters, numbers, white space; each makes one piece with a newline behind it. */
static bool same_classes(struct rn_split *const *classes, const char *text)
{
    int len;
    for (const unsigned char *p = (const unsigned char *)text; *p; p += len) {
        char probe[8];
        enum rn_class class = rn_unicode_class(rn_utf8_char(p, &len));
        snprintf(probe, sizeof probe, "%.*s\n", len, (const char *)p);
        for (int i = 0; i < 3; i++) {
            bool one = rn_split_next(classes[i], probe, (size_t)len + 1, 0) == (size_t)len + 1;
            if (one != ((int)class == i + 1))
                return false;
        }
    }
    return true;
}

/* What the three patterns are in their own words gives what our code gives. */
Test(split_regex, cuts_awkward_strings_as_the_pattern_that_it_spells)
{
    struct rn_err err = {0};
    struct rn_split *spelled[3],
        *classes[3] = {open_ok("regex:\\p{L}\\n|\\n"), open_ok("regex:\\p{N}\\n|\\n"),
                       open_ok("regex:\\s\\n|\\n")};
    json_t *doc, *row, *end;
    size_t i, k, compared = 0;
    for (i = 0; i < RN_COUNT(spelled); i++) {
        struct rn_str name = {0};
        rn_str_puts(&name, RN_SPLIT_REGEX);
        cr_assert(rn_split_print(rn_split_names[i], &name));
        spelled[i] = open_ok(name.p);
        rn_str_release(&name);
    }
    cr_assert_eq(rn_json_read(GOLDEN "splits.json", 1 << 22, &doc, &err), RN_OK, "%s", err.msg);
    json_array_foreach(doc, i, row)
    {
        size_t at = 0, which = 0;
        while (strcmp(rn_split_names[which], rn_json_str(row, "pattern", "")) != 0)
            which++;
        const json_t *text = json_object_get(row, "text");
        if (!same_classes(classes, json_string_value(text)))
            continue;
        compared++;
        json_array_foreach(json_object_get(row, "ends"), k, end)
        {
            at = rn_split_next(spelled[which], json_string_value(text), json_string_length(text),
                               at);
            cr_assert_eq(at, (size_t)json_integer_value(end), "row %zu, piece %zu", i, k);
        }
    }
    cr_expect_gt(compared, 300);
    json_decref(doc);
    for (i = 0; i < RN_COUNT(spelled); i++) {
        rn_split_free(spelled[i]);
        rn_split_free(classes[i]);
    }
}

Test(split_regex, what_is_no_pattern_is_refused_with_its_reason)
{
    static const struct {
        const char *name, *says;
    } rows[] = {
        {"gpt3", "unknown pattern 'gpt3'"},
        {"regex:", "matches the empty text"},
        {"regex:a*", "matches the empty text"},
        {"regex:(a", "missing closing parenthesis, at byte 2"},
        {"regex:\\C", "\\C"},
        {"regex:\\p{Nonsense}", "unknown property"},
        {"regex:((((a{1,60000}){1,60000}){1,60000}){1,60000})", "too"},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_err err = {0};
        struct rn_split *s;
        cr_expect_eq(rn_split_open(&s, rows[i].name, RN_NOWHERE, &err), RN_ECORRUPT);
        cr_expect(strstr(err.msg, rows[i].says), "%s: %s", rows[i].name, err.msg);
        cr_expect_null(s);
    }
    char *huge = rn_xalloc(RN_REGEX_MAX_BYTES + 16);
    struct rn_err err = {0};
    struct rn_split *s;
    strcpy(huge, RN_SPLIT_REGEX);
    memset(huge + strlen(huge), 'a', RN_REGEX_MAX_BYTES + 1);
    cr_expect_eq(rn_split_open(&s, huge, RN_NOWHERE, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "4097 bytes, at most 4096"), "%s", err.msg);
    free(huge);
}

/* Catastrophe: each letter doubles the work. Matching gives up, the text is whole, and training
 * says so instead of making a tokenizer of it. */
Test(split_regex, a_pattern_that_explodes_gives_up_and_cannot_be_trained_with)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    const char *pattern = "regex:(?:a+)+b|c", *text = "caaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct rn_split *s = open_ok(pattern);
    size_t ends[64];
    cr_expect_eq(rn_split_ends(s, text, strlen(text), 0, ends, 64), 2);
    cr_expect_eq(ends[1], strlen(text));
    cr_expect_eq(rn_split_gave_up(s), 1);
    rn_split_free(s);
    struct rn_bpe_trainer *b = rn_bpe_trainer_new(pattern, 1);
    rn_bpe_trainer_add(b, text, strlen(text));
    cr_expect_eq(rn_bpe_trainer_finish(b, 1, NULL, NULL, NULL, &t, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "gave up on 1 of the documents"), "%s", err.msg);
    rn_bpe_trainer_free(b);
}

Test(split_regex, long_runs_of_one_character_are_cut_right)
{
    enum { N = 1 << 20 };
    struct rn_str name = {0};
    char *text = rn_xalloc(N);
    rn_str_puts(&name, RN_SPLIT_REGEX);
    cr_assert(rn_split_print("cl100k", &name));
    struct rn_split *s = open_ok(name.p);
    for (const char *c = " a\n=1"; *c; c++) {
        memset(text, *c, N);
        text[N - 1] = 'x';
        const struct rn_split *ours = rn_split_find("cl100k");
        for (size_t at = 0, end, i = 0; at < N && i < 100; at = end, i++) {
            end = rn_split_next(s, text, N, at);
            cr_assert_eq(end, rn_split_next(ours, text, N, at), "'%c' at %zu", *c, at);
        }
    }
    cr_expect_eq(rn_split_gave_up(s), 0);
    rn_split_free(s);
    rn_str_release(&name);
    free(text);
}

Test(split_regex, a_tokenizer_keeps_its_pattern)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t, *again;
    struct rn_encoder *e;
    struct rn_ids ids = {0}, same = {0};
    const char *text = "it is 12345 or 6789 words, it is",
               *pattern = "regex:\\p{N}{1,3}+|\\P{N}+$|.";
    struct rn_bpe_trainer *b = rn_bpe_trainer_new(pattern, 2);
    rn_bpe_trainer_add(b, text, strlen(text));
    cr_assert_eq(rn_bpe_trainer_finish(b, 20, NULL, NULL, NULL, &t, &err), RN_OK, "%s", err.msg);
    rn_bpe_trainer_free(b);
    cr_assert_eq(rn_tokenizer_save(t, scratch_path("tok"), &err), RN_OK);
    cr_assert_eq(rn_tokenizer_load(&again, scratch_path("tok"), &err), RN_OK, "%s", err.msg);
    cr_expect_str_eq(rn_tokenizer_pattern(again), pattern);
    cr_expect_str_eq(rn_tokenizer_digest(again), rn_tokenizer_digest(t));
    cr_assert_eq(rn_encoder_new(&e, again, &err), RN_OK);
    rn_tokenizer_encode(t, text, strlen(text), &ids);
    rn_encoder_encode(e, text, strlen(text), &same);
    cr_expect_eq(ids.n, same.n);
    cr_expect(memcmp(ids.p, same.p, ids.n * sizeof *ids.p) == 0);
    rn_ids_release(&ids);
    rn_ids_release(&same);
    rn_encoder_free(e);
    rn_tokenizer_free(again);
    rn_tokenizer_free(t);
}

/* --- tokenizer.json --- */

Test(split_regex, is_spelled_for_oniguruma_so_that_it_means_the_same)
{
    static const struct {
        const char *regex, *there; /* NULL: cannot be said there */
    } rows[] = {
        {"\\p{N}{1,3}+|\\s++$", "(?>\\p{N}{1,3})|\\s++\\z"},
        {"(?:ab|[^\\r\\n]){2,}+c", "(?>(?:ab|[^\\r\\n]){2,})c"},
        {"((a{2}+)b){3}+", "(?>(((?>a{2}))b){3})"},
        {"^a{x}|{|\u00E9{2}+", NULL}, /* a brace that is only a brace */
        {"^\u00E9{2}+", "\\A(?>\u00E9{2})"},
        {"\\pL{1,2}+", "(?>\\pL{1,2})"},
        {"(?i:[sdmt]|ll)|(?=x)y|(?<!a)b", "(?i:[sdmt]|ll)|(?=x)y|(?<!a)b"},
        {"a{2}?", NULL},
        {"\\h", NULL},
        {"[a&&b]", NULL},
        {"[[:alpha:]]", NULL},
        {"(?P<n>a)", NULL},
        {"(*UCP)a", NULL},
        {"a\\Q+\\E", NULL},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_str name = {0}, out = {0};
        rn_str_printf(&name, "%s%s", RN_SPLIT_REGEX, rows[i].regex);
        cr_expect_eq(rn_split_print(name.p, &out), rows[i].there != NULL, "%s", rows[i].regex);
        if (rows[i].there)
            cr_expect_str_eq(out.p, rows[i].there);
        rn_str_release(&name);
        rn_str_release(&out);
    }
}
