/* cmd_schema.c - JSON Schema of pipeline files, from the tables of all kinds.
 *
 * An editor shows it where a file begins with
 *     # yaml-language-server: $schema=../docs/runnel.schema.json */
#include "command.h"
#include "events.h"
#include "json_schema.h"
#include "loading.h"

#include <string.h>

#include <stdlib.h>

/* {"if": the kind is this, "then": its keys} */
static json_t *branch(const struct rn_stage *stage)
{
    const struct rn_key *const tables[] = {rn_common_keys, stage->keys};
    json_t *keys = rn_json_schema(tables, RN_COUNT(tables));
    json_object_set_new(keys, "description", json_string(stage->doc));
    return json_pack("{s:{s:{s:{s:s}}}, s:o}", "if", "properties", "kind", "const", stage->kind,
                     "then", keys);
}

static json_t *stage_schema(void)
{
    json_t *kinds = json_array(), *branches = json_array();
    for (const struct rn_stage *const *s = rn_stages; *s; s++) {
        json_array_append_new(kinds, json_string((*s)->kind));
        json_array_append_new(branches, branch(*s));
    }
    return json_pack("{s:s, s:[s], s:{s:{s:o}}, s:o}", "type", "object", "required", "kind",
                     "properties", "kind", "enum", kinds, "allOf", branches);
}

/* A profile is a piece of the document: no key is required in it and null removes one. */
static json_t *profile_schema(void)
{
    return json_pack("{s:[s,s], s:b, s:{s:{}, s:{}, s:{s:s}, s:{s:s, s:{s:s}}}}", "type", "object",
                     "null", "additionalProperties", 0, "properties", "name", "tag", "vars", "type",
                     "object", "stages", "type", "object", "additionalProperties", "type",
                     "object");
}

static json_t *matrix_schema(void)
{
    return json_pack("{s:s, s:{s:{s:s, s:{s:s}}, s:{s:s, s:{s:s}}, s:{s:s}}, s:{s:s}}", "type",
                     "object", "properties", "include", "type", "array", "items", "type", "object",
                     "exclude", "type", "array", "items", "type", "object", "fail_fast", "type",
                     "boolean", "additionalProperties", "type", "array");
}

static json_t *properties(void)
{
    const struct rn_key *const tables[] = {rn_whole_keys};
    json_t *whole = rn_json_schema(tables, 1),
           *all =
               json_pack("{s:{s:i}, s:{s:s}, s:{s:s}, s:{s:s, s:{s:s}}, s:{s:s}, s:{s:s}, "
                         "s:{s:[s,s], s:o}, s:o}",
                         "runnel", "const", 1, "name", "type", "string", "tag", "type", "string",
                         "include", "type", "array", "items", "type", "string", "vars", "type",
                         "object", "stages", "type", "object", "profiles", "type", "object", "null",
                         "additionalProperties", profile_schema(), "matrix", matrix_schema());
    for (const struct rn_top_key *k = rn_top_keys; k->name; k++)
        json_object_set_new(json_object_get(all, k->name), "description", json_string(k->doc));
    json_object_update(all, json_object_get(whole, "properties"));
    json_decref(whole);
    return all;
}

/* What a file without `include` must have itself; another may hold pieces of stages. */
static json_t *whole_file(void)
{
    return json_pack("{s:[s,s], s:{s:{s:{s:s}}}}", "required", "name", "stages", "properties",
                     "stages", "additionalProperties", "$ref", "#/$defs/stage");
}

static json_t *schema_of_pipelines(void)
{
    return json_pack("{s:s, s:s, s:s, s:[s], s:b, s:o, s:{s:[s]}, s:o, s:{s:{s:s, s:s}, s:o}}",
                     "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                     "runnel pipeline", "type", "object", "required", "runnel",
                     "additionalProperties", 0, "properties", properties(), "if", "required",
                     "include", "else", whole_file(), "$defs", "substitution", "type", "string",
                     "pattern", "\\$\\{.*\\}", "stage", stage_schema());
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *of = rn_cli_arg(cli, 0);
    json_t *doc = of && strcmp(of, "events") == 0 ? rn_events_schema() : schema_of_pipelines();
    (void)err;
    RN_ASSERT(doc);
    size_t flags = rn_cli_json(cli) ? JSON_COMPACT : JSON_INDENT(2);
    char *text = json_dumps(doc, flags | JSON_REAL_PRECISION(15));
    puts(text);
    free(text);
    json_decref(doc);
    return RN_OK;
}

static const struct rn_example examples[] = {
    {"schema", "for editors: the first line of a pipeline names the file it is kept in"},
    {"schema events", "what a program that reads run --json may expect"},
    {0}};

const struct rn_command rn_command_schema = {
    "schema",
    "[pipeline|events]",
    "JSON Schema of pipeline files, or of the events of run --json",
    NULL,
    run,
    .examples = examples};
