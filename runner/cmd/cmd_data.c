/* runnel data - what a data file is, and how it begins. Reads only. */
#include "command.h"
#include "json.h"
#include "look.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

static void print_line(void *ctx, const json_t *row)
{
    (void)ctx;
    char *line = rn_json_canonical(row);
    puts(line);
    free(line);
}

static int info(const struct rn_cli *cli, const char *path, struct rn_err *err)
{
    json_t *doc, *value;
    const char *key;
    RN_TRY(rn_look_info(&doc, path, err));
    if (rn_cli_json(cli))
        print_line(NULL, doc);
    else
        json_object_foreach(doc, key, value)
        {
            char *shown = rn_json_canonical(value);
            printf("%-14s %s\n", key, shown);
            free(shown);
        }
    json_decref(doc);
    return RN_OK;
}

static int head(const struct rn_cli *cli, const char *path, struct rn_err *err)
{
    int64_t rows;
    RN_TRY(rn_cli_int(cli, "rows", 10, 1, INT32_MAX, &rows, err));
    return rn_look_head(path, rows, print_line, NULL, err);
}

static const struct {
    const char *name;
    int (*run)(const struct rn_cli *, const char *path, struct rn_err *);
} verbs[] = {{"info", info}, {"head", head}};

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *verb = rn_cli_arg(cli, 0), *path = rn_cli_arg(cli, 1);
    for (size_t i = 0; path && i < RN_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].run(cli, path, err);
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "data: expected info FILE or head FILE");
}

static const struct rn_opt opts[] = {{"rows", 'n', "N", "head: how many rows (default 10)"}, {0}};
static const struct rn_example examples[] = {
    {"data info shard_00000.parquet", "format, rows and whatever the file says of itself"},
    {"data head tokens.npy -n 3", "the first rows, one JSON object a line"},
    {0}};
const struct rn_command rn_command_data = {
    "data", "info|head FILE",    "what a data file is, and how it begins", opts,
    run,    .examples = examples};
