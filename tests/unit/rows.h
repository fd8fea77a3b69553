/* tests/unit/rows.h - walks every row of a key table: each is documented, its default holds, a
 * sample value survives struct -> JSON -> YAML -> struct, a value of another type is refused. */
#ifndef RN_TEST_ROWS_H
#define RN_TEST_ROWS_H

#include "filled.h"
#include "schema.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static json_t *rows_sample(const struct rn_key *keys);

static double rows_number(const struct rn_key *key)
{
    if (key->low >= key->high)
        return 1;
    return key->low >= 0 ? key->low : key->high >= 1 ? 1 : key->high;
}

static json_t *rows_scalar(const struct rn_key *key, enum rn_key_type type)
{
    switch (type) {
    case RN_T_BOOL:
        return json_true();
    case RN_T_STR:
        return json_string("text");
    case RN_T_REF:
        return json_string("stage.output");
    case RN_T_WORD:
        cr_assert(key->words && key->words[0], "%s: no words", key->name);
        return json_string(key->words[0]);
    case RN_T_TIME:
        return json_sprintf("%.15g s", rows_number(key));
    case RN_T_REAL:
        return json_real(rows_number(key));
    default:
        return json_integer((json_int_t)rows_number(key));
    }
}

static json_t *rows_item(const struct rn_key *key)
{
    return key->sub ? rows_sample(key->sub) : rows_scalar(key, key->item);
}

static json_t *rows_value(const struct rn_key *key)
{
    switch (key->type) {
    case RN_T_TABLE:
        return rows_sample(key->sub);
    case RN_T_LIST:
        return json_pack("[o]", rows_item(key));
    case RN_T_MAP:
        return json_pack("{s:o}", "name", rows_item(key));
    default:
        return rows_scalar(key, key->type);
    }
}

/* Every key with a value of its type. */
static json_t *rows_sample(const struct rn_key *keys)
{
    json_t *doc = json_object();
    for (; keys->name; keys++)
        json_object_set_new(doc, keys->name, rows_value(keys));
    return doc;
}

/* Fills a fresh struct from a document; returns what the struct says, and the problems. */
static json_t *rows_fill(const struct rn_key *keys, size_t cfg_bytes, const json_t *doc,
                         size_t *n_problems, struct rn_err *first)
{
    struct rn_arena arena = {0};
    struct rn_problems problems = {0};
    struct rn_tree tree = {.arena = &arena, .problems = &problems};
    struct rn_fill fill = {.arena = &arena, .problems = &problems, .what = "the test"};
    char *text = json_dumps(doc, JSON_REAL_PRECISION(17));
    struct rn_node *node = rn_yaml_parse(&tree, text, strlen(text), "test.yaml");
    void *cfg = rn_xalloc(cfg_bytes);
    struct rn_part part = {keys, cfg};
    cr_assert(node, "%s", text);
    rn_schema_fill(&fill, &part, 1, node, node->at);
    json_t *said = rn_filled_json(keys, cfg);
    *n_problems = rn_problems_count(&problems);
    if (*n_problems)
        rn_fail_as(first, problems.items[0]);
    rn_problems_release(&problems);
    rn_arena_release(&arena);
    free(cfg);
    free(text);
    return said;
}

static json_t *rows_fill_well(const struct rn_key *keys, size_t cfg_bytes, const json_t *doc,
                              const char *name)
{
    size_t n;
    struct rn_err first = {0};
    json_t *said = rows_fill(keys, cfg_bytes, doc, &n, &first);
    cr_assert_eq(n, 0, "%s: %s", name, first.msg);
    return said;
}

/* Puts a value that no scalar, list or map accepts in place of each leaf, one at a time. */
static void rows_break(const struct rn_key *all, size_t cfg_bytes, json_t *doc,
                       const struct rn_key *keys, json_t *table)
{
    for (; keys->name; keys++) {
        if (keys->type == RN_T_TABLE) {
            rows_break(all, cfg_bytes, doc, keys->sub, json_object_get(table, keys->name));
            continue;
        }
        size_t n;
        struct rn_err first = {0};
        bool container = keys->type == RN_T_LIST || keys->type == RN_T_MAP;
        json_t *good = json_incref(json_object_get(table, keys->name));
        json_t *bad = container ? json_integer(7) : json_pack("[i]", 7);
        json_object_set_new(table, keys->name, bad);
        json_decref(rows_fill(all, cfg_bytes, doc, &n, &first));
        cr_assert_eq(n, 1, "%s accepts a value of another type", keys->name);
        cr_assert(strstr(first.msg, keys->name) && first.line == 1 && first.col > 0, "%s: %s",
                  keys->name, first.msg);
        json_object_set_new(table, keys->name, good);
    }
}

static void rows_documented(const struct rn_key *keys)
{
    for (; keys->name; keys++) {
        cr_assert(rn_is_name(keys->name), "%s", keys->name);
        cr_assert(keys->doc && *keys->doc, "%s has no documentation", keys->name);
        cr_assert(!rn_ends_with(keys->doc, ".") || rn_ends_with(keys->doc, "..."),
                  "%s: a full stop", keys->name);
        if (keys->type == RN_T_TABLE)
            cr_assert(keys->sub, "%s: a table without rows", keys->name);
        if (keys->sub)
            rows_documented(keys->sub);
    }
}

/* Only what must be written: everything else comes from the defaults. */
static json_t *rows_required(const struct rn_key *keys)
{
    json_t *doc = json_object();
    for (; keys->name; keys++) {
        if (keys->type == RN_T_TABLE)
            json_object_set_new(doc, keys->name, rows_required(keys->sub));
        else if (!keys->def)
            json_object_set_new(doc, keys->name, rows_value(keys));
    }
    return doc;
}

static void rows_check(const struct rn_key *keys, size_t cfg_bytes, const char *name)
{
    rows_documented(keys);
    json_t *required = rows_required(keys), *sample = rows_sample(keys);
    json_t *defaults = rows_fill_well(keys, cfg_bytes, required, name);
    json_t *again = rows_fill_well(keys, cfg_bytes, defaults, name);
    cr_assert(json_equal(defaults, again), "%s: defaults change on the way round", name);
    json_t *said = rows_fill_well(keys, cfg_bytes, sample, name);
    json_t *twice = rows_fill_well(keys, cfg_bytes, said, name);
    cr_assert(json_equal(said, twice), "%s: a value changes on the way round", name);
    rows_break(keys, cfg_bytes, sample, keys, sample);
    json_t *all[] = {required, sample, defaults, again, said, twice};
    for (size_t i = 0; i < RN_COUNT(all); i++)
        json_decref(all[i]);
}

#endif
