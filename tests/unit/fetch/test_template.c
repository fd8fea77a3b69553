/* Names from templates, and names that are refused. */
#include "rig.h"
#include "template.h"

TestSuite(template, .timeout = 300);

static const char *filled(const char *text, int64_t i, const char *file)
{
    static struct rn_str s;
    rn_str_clear(&s);
    rn_str_puts(&s, "");
    return rn_template_fill(&s, text, i, file, NULL) == RN_OK ? s.p : NULL;
}

Test(template, numbers_and_names)
{
    cr_assert_str_eq(filled("shard_{i:05d}.parquet", 7, NULL), "shard_00007.parquet");
    cr_assert_str_eq(filled("{i}-{i:01d}-{i:09d}", 42, NULL), "42-42-000000042");
    cr_assert_str_eq(filled("https://host/{file}", 0, "a.jsonl"), "https://host/a.jsonl");
    cr_assert_str_eq(filled("{i}{i:02d}{i:01d}", 0, NULL), "0000");
    cr_assert_str_eq(filled("{i:03d}", 12345, NULL), "12345", "never cut");
    cr_assert_str_eq(filled("", 0, NULL), "");
}

Test(template, anything_else_in_braces_is_refused)
{
    static const char *const bad[] = {"{j}", "{i:5d}", "{i:05x}", "{i:00d}",
                                      "{",   "}",      "{i",      "{file}"};
    for (size_t i = 0; i < RN_COUNT(bad); i++)
        cr_assert_null(filled(bad[i], 1, NULL), "%s", bad[i]);
    cr_assert(rn_template_counts("a{i}b") && rn_template_counts("{x}{i:03d}"));
    cr_assert(!rn_template_counts("a{file}"));
}

Test(template, plain_names)
{
    static const char *const bad[] = {"",     ".",   "..",   ".hidden", "a/b",
                                      "a\\b", "a b", "a\nb", "\xC3\xA4"};
    for (size_t i = 0; i < RN_COUNT(bad); i++)
        cr_assert(!rn_name_is_plain(bad[i]), "%s", bad[i]);
    cr_assert(rn_name_is_plain("shard_00000.parquet"));
}

Test(template, the_name_that_an_url_gives)
{
    static const char *const names[][2] = {
        {"https://host/dir/a.jsonl?token=x#y", "a.jsonl"},
        {"https://host/a@b.jsonl", "a@b.jsonl"},
        {"hf://datasets/o/n/a.jsonl@v1", "a.jsonl"},
        {"hf://datasets/o/n@v1/a.jsonl", "a.jsonl"},
        {"s3://bucket/d/a.jsonl?versionId=3", "a.jsonl"},
    };
    for (size_t i = 0; i < RN_COUNT(names); i++) {
        char *name = rn_url_name(names[i][0]);
        cr_expect_str_eq(name, names[i][1]);
        free(name);
    }
}
