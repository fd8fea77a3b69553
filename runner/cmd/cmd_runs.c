/* runnel runs - all runs of the runs directory, and away with what none of them needs. */
#include "consent.h"
#include "path.h"
#include "prune.h"
#include "runs.h"
#include "runstate.h"
#include "sweep.h"
#include "table.h"
#include "target.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"matrix", 0, "FILE", "the runs of this file's cells side by side, with what gates look at"},
    RN_OPT_PROFILE,
    {"older", 0, "TIME", "prune: only what has not changed for so long (h, min, s)"},
    {"yes", 0, NULL, "prune: do not ask"},
    {0}};
static const struct rn_example examples[] = {
    {"runs", "tags with state, newest number, age and size"},
    {"runs --matrix sweep.yaml", "one row for each cell of the file's matrix"},
    {"runs prune", "show what no run links to, and ask before deleting it"},
    {"runs prune --older \"24 h\" --yes", "the same for what is older than a day, without asking"},
    {0}};

/* --- the table of runs --- */

static void cell_done(struct rn_str *s, const json_t *row, const char *key)
{
    rn_str_printf(s, "%lld/%lld", (long long)rn_json_int(row, key, 0),
                  (long long)rn_json_int(row, "stages", 0));
}

static const struct rn_column columns[] = {
    {"run", "tag", rn_cell_text},          {"pipeline", "pipeline", rn_cell_text},
    {"profile", "profile", rn_cell_text},  {"state", "state", rn_cell_text},
    {"stages", "done", cell_done},         {"newest number", "glance", rn_cell_text},
    {"started", "began", rn_cell_moment},  {"last trace", "seen", rn_cell_age},
    {"size", "size_bytes", rn_cell_bytes}, {0}};

/* The number of the latest stage that has one. */
static void glance(struct rn_str *s, const struct rn_runstate *r)
{
    double newest_s = -1;
    const json_t *numbers = NULL;
    for (size_t i = 0; i < r->n_stages; i++)
        if (r->stages[i].step >= 0 && r->stages[i].seen_s >= newest_s) {
            newest_s = r->stages[i].seen_s;
            numbers = r->stages[i].numbers;
        }
    rn_runstate_glance(s, numbers);
}

static json_t *row_of(const struct rn_runstate *r)
{
    struct rn_str text = {0};
    glance(&text, r);
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:f, s:f, s:f}", "tag", r->tag, "pipeline",
        rn_json_str(r->run, "pipeline", ""), "profile", rn_json_str(r->run, "profile", ""), "state",
        r->word, "done", (json_int_t)r->n_done, "stages", (json_int_t)r->n_stages, "glance",
        text.p ? text.p : "", "began", r->began_s, "seen", r->seen_s, "size_bytes", r->size_bytes);
    rn_str_release(&text);
    return row;
}

static int by_age(const void *a, const void *b)
{
    double x = rn_json_real(*(json_t *const *)a, "seen", 0);
    double y = rn_json_real(*(json_t *const *)b, "seen", 0);
    return x < y ? 1 : x > y ? -1 : 0;
}

static json_t *newest_first(const json_t *rows)
{
    size_t n = json_array_size(rows);
    const json_t **sorted = rn_xalloc((n + 1) * sizeof *sorted);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        sorted[i] = json_array_get(rows, i);
    if (n)
        qsort(sorted, n, sizeof *sorted, by_age);
    for (size_t i = 0; i < n; i++)
        json_array_append(out, (json_t *)sorted[i]);
    free(sorted);
    return out;
}

static int list(const struct rn_cli *cli, struct rn_err *err)
{
    RN_TRY(rn_runs_check(rn_cli_runs(cli), err));
    json_t *rows = json_array();
    char **tags = rn_runs_tags(rn_cli_runs(cli));
    for (char **t = tags; *t; t++) {
        struct rn_runstate r;
        char *dir = rn_join(rn_cli_runs(cli), *t);
        rn_runstate_init(&r, dir);
        json_array_append_new(rows, row_of(&r));
        rn_runstate_release(&r);
        free(dir);
    }
    json_t *sorted = newest_first(rows);
    if (json_array_size(rows) || rn_cli_json(cli))
        rn_table_print(columns, sorted, rn_cli_json(cli));
    else
        printf("no runs in %s\n", rn_cli_runs(cli));
    json_decref(sorted);
    rn_runs_free_tags(tags);
    json_decref(rows);
    return RN_OK;
}

/* --- prune --- */

static const struct rn_column prune_columns[] = {{"no run links to", "name", rn_cell_text},
                                                 {"size", "size_bytes", rn_cell_bytes},
                                                 {"changed", "changed", rn_cell_age},
                                                 {0}};

static json_t *prune_rows(const struct rn_prune *p, double *total_bytes)
{
    json_t *rows = json_array();
    *total_bytes = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct rn_prune_item *it = &p->items[i];
        *total_bytes += it->size_bytes;
        json_array_append_new(rows, json_pack("{s:s, s:f, s:f}", "name", it->name, "size_bytes",
                                              it->size_bytes, "changed", it->changed_s));
    }
    return rows;
}

/* Tells how far it came, also when it could not go on. */
static int remove_all(const struct rn_prune *p, struct rn_err *err)
{
    char size[32];
    double bytes = 0;
    size_t n = 0;
    int rc = RN_OK;
    for (size_t i = 0; i < p->n && rc == RN_OK; i++) {
        bool removed;
        rc = rn_prune_remove(p, i, &removed, err);
        n += rc == RN_OK && removed;
        bytes += rc == RN_OK && removed ? p->items[i].size_bytes : 0;
    }
    fprintf(stderr, "deleted %zu, %s\n", n, rn_show_bytes(size, bytes));
    return rc;
}

static int prune_found(const struct rn_cli *cli, const struct rn_prune *p, struct rn_err *err)
{
    double total_bytes;
    json_t *rows = prune_rows(p, &total_bytes);
    rn_table_print(prune_columns, rows, rn_cli_json(cli));
    json_decref(rows);
    fflush(stdout);
    if (p->n == 0) {
        fprintf(stderr, "nothing to delete\n");
        return RN_OK;
    }
    RN_TRY(rn_consent_delete(rn_cli_opt(cli, "yes"), p->n, total_bytes, err));
    return remove_all(p, err);
}

static int prune(const struct rn_cli *cli, struct rn_err *err)
{
    char why[RN_WHY];
    double older_s = 0;
    const char *older = rn_cli_opt(cli, "older");
    if (older && !rn_units_real(older, RN_U_TIME, &older_s, why))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--older: %s", why);
    struct rn_prune p;
    int rc = rn_prune_find(&p, rn_cli_runs(cli), older_s, err);
    if (rc == RN_OK)
        rc = prune_found(cli, &p, err);
    rn_prune_release(&p);
    return rc;
}

static int sweep(const struct rn_cli *cli, const char *file, struct rn_err *err)
{
    struct rn_pipeline_how how = {.profile = rn_cli_opt(cli, "profile")};
    struct rn_cells *cells;
    RN_TRY(rn_cells_open(&cells, file, &how, NULL, err));
    rn_sweep_print(cells, rn_cli_runs(cli), rn_cli_json(cli));
    rn_cells_free(cells);
    return RN_OK;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *file = rn_cli_opt(cli, "matrix");
    if (file)
        return sweep(cli, file, err);
    return rn_cli_n(cli) > 0 ? prune(cli, err) : list(cli, err);
}

const struct rn_command rn_command_runs = {
    "runs",
    "[prune]",
    "all runs, and what none of them needs",
    opts,
    run,
    "`runs prune` deletes what no run links to: outputs in the store, and checkpoints of stages "
    "that are done. It shows names and sizes first, asks at a terminal, and elsewhere needs --yes. "
    "While a run goes on it refuses (exit 6).",
    examples};
