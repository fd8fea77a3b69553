#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *parse(const char *text)
{
    json_t *doc;
    struct rn_err err = {0};
    cr_assert_eq(rn_json_parse(text, strlen(text), RN_NOWHERE, &doc, &err), RN_OK, "%s", err.msg);
    return doc;
}

static void refuses(const char *text)
{
    json_t *doc;
    struct rn_err err = {0};
    cr_assert_eq(rn_json_parse(text, strlen(text), RN_LINE("x.jsonl", 7), &doc, &err), RN_ECORRUPT,
                 "%s", text);
    cr_assert_null(doc);
    cr_assert_eq(err.line, 7, "the line of the file is kept");
}

Test(json, bad_documents)
{
    refuses("");
    refuses("{");
    refuses("{\"a\":1,\"a\":2}");
    refuses("[1] x");
    refuses("\"\xff\"");
    refuses("NaN");
}

Test(json, one_canonical_form)
{
    json_t *a = parse("{\"b\": 1, \"a\": [0.1, true, null]}");
    json_t *b = parse("{\"a\":[0.10000000000000001,true,null],\"b\":1}");
    char *text = rn_json_canonical(a), one[RN_HEX], two[RN_HEX];
    cr_assert_str_eq(text, "{\"a\":[0.10000000000000001,true,null],\"b\":1}");
    rn_json_digest(a, one);
    rn_json_digest(b, two);
    cr_assert_str_eq(one, two);
    free(text);
    json_decref(a);
    json_decref(b);
}

Test(json, members_with_fallbacks)
{
    json_t *doc = parse("{\"i\": 3, \"r\": 0.5, \"s\": \"x\", \"t\": true}");
    cr_assert_eq(rn_json_int(doc, "i", -1), 3);
    cr_assert_eq(rn_json_int(doc, "r", -1), -1, "a real is no integer");
    cr_assert_eq(rn_json_real(doc, "i", 0), 3);
    cr_assert_str_eq(rn_json_str(doc, "s", ""), "x");
    cr_assert_str_eq(rn_json_str(doc, "none", "absent"), "absent");
    json_decref(doc);
}

Test(json, any_bytes_become_a_text)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *text;
    } rows[] = {{"", 0, ""},
                {"caf\xC3\xA9", 5, "caf\xC3\xA9"},
                {"caf\xC3", 4, "caf\xEF\xBF\xBD"}, /* cut in the middle of a character */
                {"\xFF\xFE", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},
                {"\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}};
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        json_t *text = rn_json_text(rows[i].bytes, rows[i].n);
        cr_expect_str_eq(json_string_value(text), rows[i].text, "%zu", i);
        json_decref(text);
    }
    json_t *text = rn_json_text("a\0b", 3);
    cr_expect_eq(json_string_length(text), 3);
    json_decref(text);
}

Test(json, goes_through_a_file)
{
    char dir[] = "/tmp/runnel-json-XXXXXX";
    cr_assert(mkdtemp(dir));
    char *path = rn_join(dir, "doc.json"), *text;
    struct rn_err err = {0};
    json_t *doc = parse("{\"b\":1,\"a\":2}"), *back, *none;
    cr_assert_eq(rn_json_write(path, doc, &err), RN_OK);
    cr_assert_eq(rn_file_read(path, 100, &text, NULL, &err), RN_OK);
    cr_assert_str_eq(text, "{\n  \"a\": 2,\n  \"b\": 1\n}\n");
    cr_assert_eq(rn_json_read(path, 100, &back, &err), RN_OK);
    cr_assert(json_equal(doc, back));
    cr_assert_eq(rn_json_read(path, 3, &none, &err), RN_ECORRUPT, "the cap holds");
    cr_assert_eq(rn_remove_tree(dir, &err), RN_OK);
    json_decref(doc);
    json_decref(back);
    free(text);
    free(path);
}
