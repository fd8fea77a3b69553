/* runnel metrics - the numbers of a run as CSV or JSON, on stdout. */
#include "file.h"
#include "journal.h"
#include "metrics.h"
#include "target.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"to", 0, "csv|json", "format (default: csv)"}, RN_OPT_STAGE, RN_OPTS_PIPELINE, {0}};

/* The columns of nanochat's training log, in its order; every other name follows. */
static const char *const first_columns[] = {"step",  "loss",        "grad_norm", "lrm",
                                            "dt_ms", "tok_per_sec", "mfu",       "total_time_min"};

/* Rows of one stage: lines of the same step are one row. */
static void add_rows(json_t *rows, const json_t *lines, const char *stage)
{
    json_t *row = NULL;
    for (size_t i = 0; i < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i);
        bool same = row && rn_json_int(row, "step", -1) == rn_json_int(line, "step", -2);
        if (!same) {
            row = json_object();
            json_array_append_new(rows, row);
        }
        json_object_update(row, line);
        json_object_set_new(row, "stage", json_string(stage));
    }
}

static json_t *read_rows(const char *dir, const json_t *stages, const char *only)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const char *stage = json_string_value(json_array_get(stages, i));
        if (only && strcmp(stage, only) != 0)
            continue;
        char *path = rn_xprintf("%s/metrics/%s.jsonl", dir, stage);
        json_t *lines = rn_metrics_read(path);
        add_rows(rows, lines, stage);
        json_decref(lines);
        free(path);
    }
    return rows;
}

static json_t *stages_of(const char *dir)
{
    char *path = rn_join(dir, "journal.jsonl");
    json_t *records = rn_journal_read(path), *stages = rn_journal_stages(records);
    json_decref(records);
    free(path);
    return stages;
}

static bool is_first_column(const char *name)
{
    for (size_t i = 0; i < RN_COUNT(first_columns); i++)
        if (strcmp(name, first_columns[i]) == 0)
            return true;
    return false;
}

/* An ordered set of names: the object's keys. */
static json_t *columns_of(const json_t *rows)
{
    json_t *columns = json_object();
    for (size_t i = 0; i < RN_COUNT(first_columns); i++)
        json_object_set_new(columns, first_columns[i], json_null());
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *name;
        json_t *value;
        json_object_foreach(json_array_get(rows, i), name,
                            value) if (!is_first_column(name) && strcmp(name, "stage") != 0)
            json_object_set_new(columns, name, json_null());
    }
    json_object_set_new(columns, "stage", json_null());
    return columns;
}

/* RFC 4180: quoted where it must be. */
static void print_field(const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++)
        printf(*text == '"' ? "\"\"" : "%c", *text);
    putchar('"');
}

static void print_value(const json_t *v)
{
    if (json_is_integer(v))
        printf("%lld", (long long)json_integer_value(v));
    else if (json_is_real(v)) {
        char text[32];
        fputs(rn_show_real(text, json_real_value(v)), stdout);
    } else if (json_is_string(v))
        print_field(json_string_value(v));
    else if (json_is_null(v))
        fputs("nan", stdout);
}

static void print_csv(const json_t *rows)
{
    json_t *columns = columns_of(rows), *ignored;
    const char *name, *comma = "";
    json_object_foreach(columns, name, ignored)
    {
        fputs(comma, stdout);
        print_field(name);
        comma = ",";
    }
    putchar('\n');
    for (size_t i = 0; i < json_array_size(rows); i++) {
        comma = "";
        json_object_foreach(columns, name, ignored)
        {
            fputs(comma, stdout);
            print_value(json_object_get(json_array_get(rows, i), name));
            comma = ",";
        }
        putchar('\n');
    }
    json_decref(columns);
}

static void print_json(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        char *line = rn_json_canonical(json_array_get(rows, i));
        printf("%s\n", line);
        free(line);
    }
}

static int check_stage(const json_t *stages, const char *only, struct rn_err *err)
{
    for (size_t i = 0; only && i < json_array_size(stages); i++)
        if (strcmp(json_string_value(json_array_get(stages, i)), only) == 0)
            return RN_OK;
    return only ? rn_fail(err, RN_EUSAGE, RN_NOWHERE, "the run has no stage '%s'", only) : RN_OK;
}

static int print_run(const struct rn_cli *cli, const char *dir, bool csv, struct rn_err *err)
{
    const char *only = rn_cli_opt(cli, "stage");
    json_t *stages = stages_of(dir);
    int rc = check_stage(stages, only, err);
    if (rc == RN_OK) {
        json_t *rows = read_rows(dir, stages, only);
        if (csv)
            print_csv(rows);
        else
            print_json(rows);
        json_decref(rows);
    }
    json_decref(stages);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *to = rn_cli_opt(cli, "to");
    bool json = to ? strcmp(to, "json") == 0 : rn_cli_json(cli);
    if (to && !json && strcmp(to, "csv") != 0)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--to is csv or json, not '%s'", to);
    char *dir;
    RN_TRY(rn_target_run(&dir, cli, err));
    int rc = print_run(cli, dir, !json, err);
    free(dir);
    return rc;
}

static const struct rn_example examples[] = {
    {"metrics smoke-1a2b3c4d --to csv", "every number of every stage"},
    {"metrics smoke-1a2b3c4d --stage base --to json", "one stage, a JSON object a step"},
    {0}};
const struct rn_command rn_command_metrics = {
    "metrics", "RUN [key=value ...]", "the numbers of a run", opts, run, .examples = examples};
