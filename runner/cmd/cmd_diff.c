/* runnel diff - in what two runs differ: configuration, data, results. Reads only. */
#include "command.h"
#include "file.h"
#include "journal.h"
#include "links.h"
#include "runs.h"
#include "runstate.h"
#include "table.h"
#include "yaml_tree.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {{0}};
static const struct rn_example examples[] = {
    {"diff smoke-1a2b3c4d smoke-5e6f7081", "keys, digests and numbers that are not the same"}, {0}};

/* What a run is, as three flat maps from a dotted key to a text or number. */
struct facts {
    json_t *config, *data, *results;
};

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

static int read_config(json_t *into, const char *dir, struct rn_err *err)
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

static void read_outputs(struct facts *f, const struct rn_runstate *r)
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

static int read_facts(struct facts *f, const char *dir, struct rn_err *err)
{
    struct rn_runstate r;
    *f = (struct facts){json_object(), json_object(), json_object()};
    rn_runstate_init(&r, dir);
    read_outputs(f, &r);
    rn_runstate_release(&r);
    return read_config(f->config, dir, err);
}

static void facts_release(struct facts *f)
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

/* Digests are shortened for people, and told apart all the same. */
static void cell_side(struct rn_str *s, const json_t *row, const char *key)
{
    bool data = strcmp(rn_json_str(row, "part", ""), "data") == 0;
    if (json_is_null(json_object_get(row, key)))
        rn_str_puts(s, "-");
    else if (data)
        rn_cell_digest(s, row, key);
    else if (json_is_number(json_object_get(row, key)))
        rn_cell_number(s, row, key);
    else
        rn_cell_exact(s, row, key);
}

static void print_rows(const struct rn_cli *cli, const char *a, const char *b, const json_t *rows)
{
    const struct rn_column columns[] = {
        {"part", "part", rn_cell_text},       {"key", "key", rn_cell_text},
        {rn_basename(a), "a", cell_side},     {rn_basename(b), "b", cell_side},
        {"change", "change", rn_cell_number}, {0}};
    if (json_array_size(rows) || rn_cli_json(cli))
        rn_table_print(columns, rows, rn_cli_json(cli));
    else
        printf("no difference in configuration, data and results\n");
}

static int diff(const struct rn_cli *cli, const char *a, const char *b, struct rn_err *err)
{
    struct facts of_a, of_b = {0};
    json_t *rows = json_array();
    int rc = read_facts(&of_a, a, err);
    if (rc == RN_OK)
        rc = read_facts(&of_b, b, err);
    if (rc == RN_OK) {
        compare(rows, "config", of_a.config, of_b.config);
        compare(rows, "data", of_a.data, of_b.data);
        compare(rows, "result", of_a.results, of_b.results);
        print_rows(cli, a, b, rows);
    }
    json_decref(rows);
    facts_release(&of_b);
    facts_release(&of_a);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *a = NULL, *b = NULL;
    if (rn_cli_n(cli) < 2)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "two runs are compared");
    int rc = rn_runs_find(rn_cli_runs(cli), rn_cli_arg(cli, 0), &a, err);
    if (rc == RN_OK)
        rc = rn_runs_find(rn_cli_runs(cli), rn_cli_arg(cli, 1), &b, err);
    if (rc == RN_OK)
        rc = diff(cli, a, b, err);
    free(b);
    free(a);
    return rc;
}

const struct rn_command rn_command_diff = {"diff", "RUN RUN", "in what two runs differ",
                                           opts,   run,       .examples = examples};
