/* runnel diff - in what two runs differ: configuration, data, results. Reads only. */
#include "facts.h"
#include "path.h"
#include "table.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {{0}};
static const struct rn_example examples[] = {
    {"diff smoke-1a2b3c4d smoke-5e6f7081", "keys, digests and numbers that are not the same"}, {0}};

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
    struct rn_facts of_a, of_b = {0};
    int rc = rn_facts_read(&of_a, a, err);
    if (rc == RN_OK)
        rc = rn_facts_read(&of_b, b, err);
    if (rc == RN_OK) {
        json_t *rows = rn_facts_differences(&of_a, &of_b);
        print_rows(cli, a, b, rows);
        json_decref(rows);
    }
    rn_facts_release(&of_b);
    rn_facts_release(&of_a);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *a = NULL, *b = NULL;
    if (rn_cli_n(cli) < 2)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "two runs are compared");
    int rc = rn_target_run_named(&a, rn_cli_runs(cli), rn_cli_arg(cli, 0), err);
    if (rc == RN_OK)
        rc = rn_target_run_named(&b, rn_cli_runs(cli), rn_cli_arg(cli, 1), err);
    if (rc == RN_OK)
        rc = diff(cli, a, b, err);
    free(b);
    free(a);
    return rc;
}

const struct rn_command rn_command_diff = {"diff", "RUN RUN", "in what two runs differ",
                                           opts,   run,       .examples = examples};
