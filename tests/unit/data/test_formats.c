/* Formats: what a fetched file is checked for, and what its refusal says. */
#include "../scratch.h"
#include "file.h"
#include "formats.h"
#include "shared.h"

TestSuite(formats, .init = scratch_up, .fini = scratch_down);

static struct rn_err check(const char *format, const char *path, const char *record, int64_t rows)
{
    struct rn_err err = {0};
    struct rn_expect want = {
        .format = format, .record = record, .rows = rows, .min_size = -1, .max_size = -1};
    for (const struct rn_format *f = rn_data_formats; f->name; f++)
        if (!strcmp(f->name, format)) {
            cr_assert_eq(f->check(path, &want, &err), (int)err.code);
            return err;
        }
    cr_assert_fail("no format %s", format);
    return err;
}

static void expect(struct rn_err err, enum rn_code code, int line, const char *says)
{
    cr_expect_eq(err.code, code, "%s", err.msg);
    cr_expect_eq(err.line, line, "%s", err.msg);
    cr_expect(strstr(err.msg, says), "'%s' does not say '%s'", err.msg, says);
}

#define USER      "{\"role\":\"user\",\"content\":\"hi\"}"
#define ASSISTANT "{\"role\":\"assistant\",\"content\":\"hello\"}"
#define SYSTEM    "{\"role\":\"system\",\"content\":\"be kind\"}"

Test(formats, conversations_as_lists_and_as_objects)
{
    const char *path = scratch_text("a.jsonl", "[" USER "," ASSISTANT "]\n"
                                               "{\"messages\":[" SYSTEM "," USER "," ASSISTANT
                                               "],\"source\":\"x\"}\n");
    expect(check("jsonl", path, "conversation", 2), RN_OK, 0, "");
}

Test(formats, a_conversation_that_is_none_is_named_by_its_line)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"[" USER "," USER "]", "alternate"},
        {"[" ASSISTANT "," USER "]", "alternate"},
        {"[" USER "," SYSTEM "," ASSISTANT "]", "alternate"},
        {"[" USER "]", "fewer than two"},
        {"[]", "fewer than two"},
        {"{\"text\":\"x\"}", "neither a list"},
        {"[1,2]", "without a string 'role'"},
        {"[{\"role\":\"user\",\"content\":7}," ASSISTANT "]", "string 'content'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text, "[" USER "," ASSISTANT "]\n%s\n", rows[i].line);
        expect(check("jsonl", scratch_text("a.jsonl", text), "conversation", -1), RN_ECORRUPT, 2,
               rows[i].says);
    }
}

Test(formats, rows_are_counted)
{
    const char *path = scratch_text("a.jsonl", "{}\n{}\n");
    expect(check("jsonl", path, NULL, 2), RN_OK, 0, "");
    expect(check("jsonl", path, NULL, 3), RN_ECORRUPT, 0, "2 rows, expected 3");
    expect(check("jsonl", path, "poem", -1), RN_ECONFIG, 0, "'poem'");
    expect(check("jsonl", scratch_text("b.jsonl", "\n"), NULL, -1), RN_ECORRUPT, 0, "no line");
}

Test(formats, an_error_page_is_neither_jsonl_nor_parquet)
{
    const char *path = scratch_text("a", "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>"
                                         "</Error>");
    expect(check("jsonl", path, "conversation", 996), RN_ECORRUPT, 1, "not valid JSON");
    expect(check("parquet", path, NULL, -1), RN_ECORRUPT, 0, "not a parquet file");
}

Test(formats, text_is_utf8_without_nul)
{
    expect(check("text", scratch_text("a", "naïve\nlines\n"), NULL, 2), RN_OK, 0, "");
    expect(check("text", scratch_text("a", "one\ntwo \xc3\n"), NULL, -1), RN_ECORRUPT, 2, "UTF-8");
    expect(check("text", scratch_write("a", "one\n\0two\n", 9), NULL, -1), RN_ECORRUPT, 2, "NUL");
    expect(check("text", scratch_text("a", ""), NULL, -1), RN_ECORRUPT, 0, "empty");
}

Test(formats, identity_conversations)
{
    const char *path = shared_file("data/identity_conversations.jsonl");
    if (path)
        expect(check("jsonl", path, "conversation", 996), RN_OK, 0, "");
}

Test(formats, a_shard_cut_short_is_refused)
{
    const char *path = shared_file("data/base_data/shard_00003.parquet");
    struct rn_err err = {0};
    char *bytes;
    size_t n;
    if (!path)
        return;
    expect(check("parquet", path, NULL, 7168), RN_OK, 0, "");
    expect(check("parquet", path, NULL, 8192), RN_ECORRUPT, 0, "7168 rows, expected 8192");
    cr_assert_eq(rn_file_read(path, 64 << 20, &bytes, &n, &err), RN_OK);
    expect(check("parquet", scratch_write("cut.parquet", bytes, n / 2), NULL, -1), RN_ECORRUPT, 0,
           "truncated");
    free(bytes);
}

Test(formats, columns_must_be_there)
{
    const char *path = shared_file("data/tasks/mmlu_dev.parquet"), *flat[] = {"question", NULL};
    const char *none[] = {"text", NULL}, *nested[] = {"choices", NULL};
    struct rn_expect want = {.rows = 285, .columns = flat};
    struct rn_err err = {0};
    if (!path)
        return;
    cr_expect_eq(rn_data_formats[0].check(path, &want, &err), RN_OK, "%s", err.msg);
    want.columns = none;
    cr_expect_eq(rn_data_formats[0].check(path, &want, &err), RN_ECORRUPT);
    err = (struct rn_err){0};
    want.columns = nested;
    cr_expect_eq(rn_data_formats[0].check(path, &want, &err), RN_OK, "%s", err.msg);
}
