/* JSONL: lines in order, a broken one named by its number. */
#include "../scratch.h"
#include "docs.h"
#include "jsonl.h"

TestSuite(jsonl, .init = scratch_up, .fini = scratch_down);

static struct rn_err read_lines(const char *path, int *rows)
{
    struct rn_err err = {0};
    struct rn_jsonl *j;
    json_t *doc = NULL;
    *rows = 0;
    cr_assert_eq(rn_jsonl_open(&j, path, &err), RN_OK);
    while (rn_jsonl_next(j, &doc, &err) == RN_OK && doc) {
        json_decref(doc);
        ++*rows;
    }
    rn_jsonl_free(j);
    return err;
}

Test(jsonl, crlf_blank_lines_and_a_missing_last_newline)
{
    int rows;
    struct rn_err err =
        read_lines(scratch_text("a.jsonl", "{\"a\":1}\r\n\n  \n[2]\n\"three\""), &rows);
    cr_expect_eq(err.code, RN_OK, "%s", err.msg);
    cr_expect_eq(rows, 3);
}

Test(jsonl, an_empty_file_has_no_lines)
{
    int rows;
    cr_expect_eq(read_lines(scratch_text("a.jsonl", ""), &rows).code, RN_OK);
    cr_expect_eq(rows, 0);
}

Test(jsonl, a_broken_line_is_named_by_its_number)
{
    static const char *const broken[] = {"{\"a\":",  "nonsense",   "{} {}",
                                         "\"\xff\"", "{\"a\":1,}", "\"a\x01\""};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char text[64];
        int rows;
        snprintf(text, sizeof text, "{}\n\n[1]\n%s\n{}\n", broken[i]);
        struct rn_err err = read_lines(scratch_text("a.jsonl", text), &rows);
        cr_expect_eq(err.code, RN_ECORRUPT, "%s", broken[i]);
        cr_expect_eq(err.line, 4, "%s", broken[i]);
        cr_expect_eq(rows, 2);
    }
}

Test(jsonl, a_nul_byte_inside_a_line_is_refused)
{
    int rows;
    struct rn_err err = read_lines(scratch_write("a.jsonl", "{}\n{\"a\":\0}\n", 11), &rows);
    cr_expect_eq(err.code, RN_ECORRUPT);
    cr_expect_eq(err.line, 2);
}

Test(jsonl, lines_longer_than_the_read_buffer)
{
    size_t n = 200000;
    char *text = malloc(n + 3);
    int rows;
    memset(text, 'x', n + 2);
    text[0] = text[n] = '"';
    text[n + 1] = '\n';
    cr_expect_eq(read_lines(scratch_write("a.jsonl", text, n + 2), &rows).code, RN_OK);
    cr_expect_eq(rows, 1);
    free(text);
}

Test(jsonl, documents_are_members_or_strings)
{
    struct rn_err err = {0};
    struct rn_docs *d;
    struct rn_doc doc;
    const char *path =
        scratch_text("a.jsonl", "{\"text\":\"one\",\"id\":1}\n\"two\"\n{\"text\":\"\"}\n");
    cr_assert_eq(rn_docs_open(&d, &path, 1, "text", &err), RN_OK);
    cr_expect_eq(rn_docs_rows(d), -1);
    rn_docs_next(d, &doc, &err);
    cr_expect(doc.n == 3 && !memcmp(doc.text, "one", 3) && !doc.group_end);
    rn_docs_next(d, &doc, &err);
    cr_expect(doc.n == 3 && !memcmp(doc.text, "two", 3) && !doc.group_end);
    rn_docs_next(d, &doc, &err);
    cr_expect(doc.text && doc.n == 0 && doc.group_end);
    cr_expect_eq(rn_docs_next(d, &doc, &err), RN_OK);
    cr_expect_null(doc.text);
    rn_docs_free(d);
}

Test(jsonl, a_document_without_its_member_is_named_by_its_line)
{
    struct rn_err err = {0};
    struct rn_docs *d;
    struct rn_doc doc;
    const char *path = scratch_text("a.jsonl", "{\"text\":\"one\"}\n{\"body\":\"two\"}\n");
    cr_assert_eq(rn_docs_open(&d, &path, 1, "text", &err), RN_OK);
    cr_expect_eq(rn_docs_next(d, &doc, &err), RN_OK);
    cr_expect_eq(rn_docs_next(d, &doc, &err), RN_ECORRUPT);
    cr_expect_eq(err.line, 2);
    rn_docs_free(d);
}
