#include "str.h"
#include "yaml_tree.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct rn_arena arena;
static struct rn_problems problems;
static struct rn_tree tree;

static struct rn_node *parse_bytes(const char *text, size_t n)
{
    tree = (struct rn_tree){.arena = &arena, .problems = &problems};
    return rn_yaml_parse(&tree, text, n, "t.yaml");
}

static struct rn_node *parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void done(void)
{
    rn_problems_release(&problems);
    rn_arena_release(&arena);
}

/* The document gives exactly this one problem. */
static void refuses_bytes(const char *text, size_t n, int line, int col, const char *msg)
{
    parse_bytes(text, n);
    cr_assert_eq(problems.n, 1, "%zu problems", problems.n);
    const struct rn_err *e = problems.items[0];
    cr_assert(strstr(e->msg, msg), "%s", e->msg);
    cr_assert(e->line == line && e->col == col, "%d:%d: %s", e->line, e->col, e->msg);
    cr_assert_eq(e->code, RN_ECONFIG);
    done();
}

static void refuses(const char *text, int line, int col, const char *msg)
{
    refuses_bytes(text, strlen(text), line, col, msg);
}

Test(yaml, nodes_know_their_place)
{
    struct rn_node *root = parse("a: 1\nb:\n  - x\n  - {c: 'd'}\n");
    cr_assert(root && root->kind == RN_NODE_MAP && root->n == 2);
    struct rn_node *b = rn_node_get(root, "b");
    cr_assert(b->kind == RN_NODE_LIST && b->n == 2);
    struct rn_node *d = rn_node_get(b->entries[1].value, "c");
    cr_assert_str_eq(d->text, "d");
    cr_assert(d->at.line == 4 && d->at.col == 9 && d->style == RN_QUOTED);
    struct rn_place key = {0};
    cr_assert_eq(rn_node_near(root, "b[1].c", &key), d);
    cr_assert(key.line == 4 && key.col == 6);
    cr_assert_eq(rn_node_near(root, "b[1].nothing", &key), b->entries[1].value);
    cr_assert_eq(rn_node_near(root, "b[7]", &key), b);
    done();
}

Test(yaml, core_schema_only)
{
    struct rn_node *root = parse("{a: no, b: null, c: ~, d: , e: 'null', f: yes}");
    cr_assert_eq(rn_node_get(root, "a")->kind, RN_NODE_SCALAR);
    cr_assert_eq(rn_node_get(root, "b")->kind, RN_NODE_NULL);
    cr_assert_eq(rn_node_get(root, "c")->kind, RN_NODE_NULL);
    cr_assert_eq(rn_node_get(root, "d")->kind, RN_NODE_NULL);
    cr_assert_eq(rn_node_get(root, "e")->kind, RN_NODE_SCALAR);
    cr_assert_not(rn_looks_bool(rn_node_get(root, "f")->text));
    done();
}

Test(yaml, an_alias_is_a_copy)
{
    struct rn_node *root = parse("a: &x {k: 1}\nb: *x\n");
    cr_assert_neq(rn_node_get(root, "a"), rn_node_get(root, "b"));
    cr_assert_str_eq(rn_node_get(rn_node_get(root, "b"), "k")->text, "1");
    done();
}

Test(yaml, duplicate_keys_tell_both_places)
{
    refuses("a: 1\nbb:\n  c: 1\n  d: 2\n  c: 3\n", 5, 3,
            "key 'c' is written twice; before at line 3, column 3");
}

Test(yaml, problems_that_leave_the_rest_readable_come_together)
{
    cr_assert(parse("a: !!str 1\na: 2\nb: 1\nb: 1\n"));
    cr_assert_eq(problems.n, 3);
    done();
}

Test(yaml, refused_with_their_place)
{
    refuses("", 0, 0, "the document is empty");
    refuses("# nothing\n", 0, 0, "the document is empty");
    refuses("a: 1\n---\nb: 2\n", 2, 1, "a second document");
    refuses("a: !!python/object x\n", 1, 4, "tags such as");
    refuses("a: &x [1, *x]\n", 1, 11, "an alias to what it stands in");
    refuses("a: *nowhere\n", 1, 4, "alias to an unknown anchor 'nowhere'");
    refuses("? [a]\n: 1\n", 1, 3, "a key must be plain text");
    refuses("a: b: c\n", 1, 5, "mapping values are not allowed");
    refuses("a: \"x\\0y\"\n", 1, 4, "a NUL character");
}

Test(yaml, bytes_that_are_no_text)
{
    refuses("a: ok\nb: \xff\n", 2, 4, "not UTF-8: byte 0xFF");
    refuses("a: \xc3\xa9\xed\xa0\x80\n", 1, 5, "not UTF-8: byte 0xED");
    refuses_bytes("a: 1\nb: \0\n", 10, 2, 4, "control characters are not allowed");
}

Test(yaml, a_byte_order_mark_is_skipped)
{
    cr_assert(rn_node_get(parse("\xEF\xBB\xBF"
                                "a: 1\n"),
                          "a"));
    done();
}

Test(yaml, the_quoting_error_says_so)
{
    parse("# \xc3\xa9\nm: {depth: ${vars.depth}}\n");
    cr_assert_eq(problems.n, 1);
    cr_assert_eq(problems.items[0]->line, 2);
    cr_assert(strstr(problems.items[0]->hint, "must stand in quotes"), "%s",
              problems.items[0]->hint);
    done();
}

Test(yaml, depth_is_limited)
{
    struct rn_str text = {0};
    for (int i = 0; i < 64; i++)
        rn_str_putc(&text, '[');
    for (int i = 0; i < 64; i++)
        rn_str_putc(&text, ']');
    cr_assert(parse(text.p), "64 are allowed");
    done();
    rn_str_clear(&text);
    for (int i = 0; i < 20000; i++)
        rn_str_putc(&text, '[');
    refuses(text.p, 1, 65, "nested more than 64 deep");
    rn_str_release(&text);
}

Test(yaml, an_alias_bomb_is_stopped, .timeout = 5)
{
    struct rn_str text = {0};
    rn_str_puts(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        rn_str_printf(&text, "a%d: &a%d [*a%d", i, i, i - 1);
        for (int k = 1; k < 10; k++)
            rn_str_printf(&text, ", *a%d", i - 1);
        rn_str_puts(&text, "]\n");
    }
    cr_assert_null(parse(text.p));
    cr_assert_eq(problems.n, 1);
    cr_assert(strstr(problems.items[0]->msg, "more than 100000 nodes"));
    done();
    rn_str_release(&text);
}

Test(yaml, aliases_cannot_nest_past_the_depth, .timeout = 5)
{
    struct rn_str text = {0};
    rn_str_puts(&text, "a0: &a0 [x]\n");
    for (int i = 1; i < 900; i++)
        rn_str_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    cr_assert_null(parse(text.p));
    cr_assert(strstr(problems.items[0]->msg, "nested more than 64 deep"));
    done();
    rn_str_release(&text);
}

static char *keys(int n)
{
    struct rn_str text = {0};
    for (int i = 0; i < n; i++)
        rn_str_printf(&text, "k%d: 1\n", i);
    return text.p;
}

Test(yaml, a_mapping_has_4096_keys_at_most)
{
    char *text = keys(RN_YAML_KEYS);
    struct rn_node *root = parse(text);
    cr_assert(root && root->n == RN_YAML_KEYS && problems.n == 0);
    done();
    free(text);
    text = keys(RN_YAML_KEYS + 1);
    refuses(text, RN_YAML_KEYS + 1, 1, "more than 4096 keys in one mapping");
    free(text);
}

Test(yaml, a_duplicate_is_found_among_many_keys)
{
    char *text = keys(RN_YAML_KEYS - 1), *twice = rn_xprintf("%sk7: 1\n", text);
    refuses(twice, RN_YAML_KEYS, 1, "key 'k7' is written twice; before at line 8");
    free(text);
    free(twice);
}

Test(yaml, numbers_are_recognised)
{
    static const char *const yes[] = {"1", "-1", "+1.5", ".5", "1.", "1e9", "524_288", "1E-3"};
    static const char *const no[] = {"", "-", ".", "e9", "1e", "0x10", "1k", "_1", "1.2.3", "nan"};
    for (size_t i = 0; i < RN_COUNT(yes); i++)
        cr_assert(rn_looks_number(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < RN_COUNT(no); i++)
        cr_assert_not(rn_looks_number(no[i]), "%s", no[i]);
}
