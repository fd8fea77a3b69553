/* runnel show - one run: what it is, what it was made of, what came out. Reads only. */
#include "journal.h"
#include "runstate.h"
#include "table.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {RN_OPTS_PIPELINE, {0}};
static const struct rn_example examples[] = {{"show smoke-1a2b3c4d", "stages, data and results"},
                                             {0}};

/* --- what is told --- */

static json_t *stages_json(const struct rn_runstate *r)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < r->n_stages; i++) {
        json_t *row = rn_runstate_stage_json(r, &r->stages[i]);
        json_object_set_new(row, "kind", json_string(rn_json_str(r->stages[i].last, "kind", "")));
        json_object_set(row, "metrics", r->stages[i].numbers);
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *outputs_json(const struct rn_runstate *r)
{
    json_t *rows = json_array(), *digest;
    const char *output;
    for (size_t i = 0; i < r->n_stages; i++) {
        const json_t *made = rn_journal_last(r->records, r->stages[i].name, "done|kept|adopted");
        json_object_foreach(json_object_get(made, "outputs"), output, digest)
        {
            char *name = rn_xprintf("%s.%s", r->stages[i].name, output);
            json_array_append_new(rows, json_pack("{s:s, s:s, s:O}", "output", name, "kind",
                                                  rn_json_str(made, "kind", ""), "digest", digest));
            free(name);
        }
    }
    return rows;
}

static json_t *describe(const struct rn_runstate *r)
{
    static const char *const facts[] = {"pipeline", "path", "profile", "device", "version"};
    json_t *doc = json_pack("{s:s, s:s, s:f, s:f, s:f, s:o, s:o}", "tag", r->tag, "state", r->word,
                            "began", r->began_s, "seen", r->seen_s, "size_bytes", r->size_bytes,
                            "stages", stages_json(r), "outputs", outputs_json(r));
    for (size_t i = 0; i < RN_COUNT(facts); i++)
        json_object_set_new(doc, facts[i], json_string(rn_json_str(r->run, facts[i], "")));
    json_object_set_new(doc, "threads", json_integer(rn_json_int(r->run, "threads", 0)));
    return doc;
}

/* --- how --- */

static void cell_glance(struct rn_str *s, const json_t *row, const char *key)
{
    rn_runstate_glance(s, json_object_get(row, key));
}
static const struct rn_column fact_columns[] = {
    {"run", "fact", rn_cell_text}, {"", "value", rn_cell_text}, {0}};
static const struct rn_column stage_columns[] = {
    {"stage", "stage", rn_cell_text},      {"kind", "kind", rn_cell_text},
    {"state", "state", rn_cell_text},      {"took", "wall_s", rn_cell_span},
    {"size", "size_bytes", rn_cell_bytes}, {"key", "key", rn_cell_digest},
    {"numbers", "metrics", cell_glance},   {0}};
static const struct rn_column output_columns[] = {
    {"output", "output", rn_cell_text}, {"sha256", "digest", rn_cell_text}, {0}};

static void add_fact(json_t *rows, const json_t *doc, const char *key,
                     void (*cell)(struct rn_str *, const json_t *, const char *))
{
    struct rn_str s = {0};
    cell(&s, doc, key);
    if (s.n)
        json_array_append_new(rows, json_pack("{s:s, s:s}", "fact", key, "value", s.p));
    rn_str_release(&s);
}

static void print_facts(const json_t *doc)
{
    json_t *rows = json_array();
    static const char *const texts[] = {"tag",     "state",  "pipeline", "path",
                                        "profile", "device", "version"};
    for (size_t i = 0; i < RN_COUNT(texts); i++)
        add_fact(rows, doc, texts[i], rn_cell_text);
    add_fact(rows, doc, "began", rn_cell_moment);
    add_fact(rows, doc, "seen", rn_cell_moment);
    rn_table_print(fact_columns, rows, false);
    json_decref(rows);
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    struct rn_runstate r;
    RN_TRY(rn_target_run(&dir, cli, err));
    rn_runstate_init(&r, dir);
    json_t *doc = describe(&r);
    if (rn_cli_json(cli)) {
        rn_table_object(doc);
    } else {
        print_facts(doc);
        putchar('\n');
        rn_table_print(stage_columns, json_object_get(doc, "stages"), false);
        putchar('\n');
        rn_table_print(output_columns, json_object_get(doc, "outputs"), false);
    }
    json_decref(doc);
    rn_runstate_release(&r);
    free(dir);
    return RN_OK;
}

const struct rn_command rn_command_show = {
    "show", "RUN [key=value ...]", "one run: stages, data, results", opts,
    run,    .examples = examples};
