/* runnel data - what a data file is, how it begins, and token shards for other programs. */
#include "command.h"
#include "json.h"
#include "look.h"
#include "mem.h"
#include "token_write.h"

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
    enum { COLUMNS_MAX = 100 };
    const char *columns[COLUMNS_MAX + 1] = {NULL};
    int64_t rows;
    RN_TRY(rn_cli_int(cli, "rows", 10, 1, INT32_MAX, &rows, err));
    for (size_t i = 0; i < COLUMNS_MAX && (columns[i] = rn_cli_opt_at(cli, "column", i)); i++)
        ;
    return rn_look_head(path, rows, columns, print_line, NULL, err);
}

static int convert(const struct rn_cli *cli, const char *path, struct rn_err *err)
{
    const char *to = rn_cli_arg(cli, 2);
    struct rn_tokens *t;
    int64_t bos;
    if (!to)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "data convert: expected FILE OUT");
    RN_TRY(rn_cli_int(cli, "bos", -1, 0, INT32_MAX, &bos, err));
    RN_TRY(rn_tokens_open_any(&t, path, (int32_t)bos, err));
    int rc = rn_tokens_write(t, to, err);
    rn_tokens_free(t);
    return rc;
}

static const struct {
    const char *name;
    int (*run)(const struct rn_cli *, const char *path, struct rn_err *);
} verbs[] = {{"info", info}, {"head", head}, {"convert", convert}};

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *verb = rn_cli_arg(cli, 0), *path = rn_cli_arg(cli, 1);
    for (size_t i = 0; path && i < RN_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].run(cli, path, err);
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                   "data: expected info FILE, head FILE or convert FILE OUT");
}

static const struct rn_opt opts[] = {
    {"rows", 'n', "N", "head: how many rows (default 10)"},
    {"column", 'c', "NAME", "head: this column of parquet; may repeat (default: all)"},
    {"bos", 0, "ID", "convert: documents begin at this token (llm.c, NumPy)"},
    {0}};
static const struct rn_example examples[] = {
    {"data info shard_00000.parquet", "format, rows and whatever the file says of itself"},
    {"data head tokens.npy -n 3", "the first rows, one JSON object a line"},
    {"data convert train_00000.bin train.npy", "for NumPy; .bin: llm.c; .idx: Megatron's pair"},
    {0}};
const struct rn_command rn_command_data = {"data",
                                           "info|head|convert FILE [OUT]",
                                           "what a data file is, how it begins; tokens for others",
                                           opts,
                                           run,
                                           .examples = examples};
