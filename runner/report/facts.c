#include "facts.h"

#include "file.h"
#include "journal.h"
#include "links.h"
#include "path.h"
#include "runstate.h"
#include "yaml_tree.h"

#include <stdlib.h>
#include <string.h>

/* --- configuration: resolved.yaml --- */

static void flatten(json_t *into, const struct rn_node *n, const char *prefix)
{
    if (n->kind == RN_NODE_SCALAR) {
        json_object_set_new(into, prefix, json_string(n->text));
        return;
    }
    for (size_t i = 0; i < n->n; i++) {
        const char *key = n->entries[i].key;
        char *path = key ? rn_xprintf("%s%s%s", prefix, *prefix ? "." : "", key)
                         : rn_xprintf("%s[%zu]", prefix, i);
        flatten(into, n->entries[i].value, path);
        free(path);
    }
}

int rn_facts_config(json_t *into, const char *dir, struct rn_err *err)
{
    char *path = rn_join(dir, "resolved.yaml"), *text;
    size_t n;
    struct rn_arena arena = {0};
    struct rn_problems problems = {0};
    int rc = rn_file_read(path, RN_YAML_BYTES, &text, &n, err);
    if (rc == RN_OK) {
        struct rn_tree tree = {.arena = &arena, .problems = &problems};
        const struct rn_node *root = rn_yaml_parse(&tree, text, n, path);
        if (root)
            flatten(into, root, "");
        else
            rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "cannot be read as YAML");
        json_object_del(into, "tag");
        free(text);
    }
    rn_problems_release(&problems);
    rn_arena_release(&arena);
    free(path);
    return rc;
}

/* --- data and results --- */

static void put(json_t *into, const char *stage, const char *name, json_t *value)
{
    char *key = rn_xprintf("%s.%s", stage, name);
    json_object_set(into, key, value);
    free(key);
}

static void read_outputs(struct rn_facts *f, const struct rn_runstate *r)
{
    const char *name;
    json_t *value;
    for (size_t i = 0; i < r->n_stages; i++) {
        const char *stage = r->stages[i].name;
        const json_t *made = rn_journal_last(r->records, stage, "done|kept|adopted");
        json_object_foreach(json_object_get(made, "outputs"), name, value)
            put(f->data, stage, name, value);
        json_t *metrics = rn_link_metrics(r->dir, stage);
        json_object_foreach(metrics, name, value) put(f->results, stage, name, value);
        json_decref(metrics);
    }
}

int rn_facts_read(struct rn_facts *f, const char *run_dir, struct rn_err *err)
{
    struct rn_runstate r;
    *f = (struct rn_facts){json_object(), json_object(), json_object()};
    rn_runstate_init(&r, run_dir);
    read_outputs(f, &r);
    rn_runstate_release(&r);
    return rn_facts_config(f->config, run_dir, err);
}

void rn_facts_release(struct rn_facts *f)
{
    json_decref(f->config);
    json_decref(f->data);
    json_decref(f->results);
}

/* --- differences --- */

static void add_row(json_t *rows, const char *part, const char *key, json_t *a, json_t *b)
{
    json_t *row = json_pack("{s:s, s:s, s:O?, s:O?}", "part", part, "key", key, "a", a, "b", b);
    if (json_is_number(a) && json_is_number(b))
        json_object_set_new(row, "change", json_real(json_number_value(b) - json_number_value(a)));
    json_array_append_new(rows, row);
}

/* Keys in the order of a, then those that only b has. */
static void compare(json_t *rows, const char *part, json_t *a, json_t *b)
{
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value) if (!json_equal(value, json_object_get(b, key)))
        add_row(rows, part, key, value, json_object_get(b, key));
    json_object_foreach(b, key, value) if (!json_object_get(a, key))
        add_row(rows, part, key, NULL, value);
}

json_t *rn_facts_differences(const struct rn_facts *a, const struct rn_facts *b)
{
    json_t *rows = json_array();
    compare(rows, "config", a->config, b->config);
    compare(rows, "data", a->data, b->data);
    compare(rows, "result", a->results, b->results);
    return rows;
}
