/* runnel plan - what `run` would do, why, and what it costs. Reads only. */
#include "planview.h"
#include "str.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    RN_OPTS_PIPELINE, RN_OPTS_SLICE,
    RN_OPT_DEVICE,    RN_OPT_GPUS,
    RN_OPT_THREADS,   {"exit-code", 0, NULL, "exit 10 if there is work to do"},
    RN_OPT_VERIFY,    {0}};

struct table {
    int name, cell[RN_CELLS]; /* widths */
};

static void widen(int *width, const char *text)
{
    int n = (int)strlen(text);
    *width = n > *width ? n : *width;
}

static struct table measure(const struct rn_plan *plan)
{
    char cells[RN_CELLS][32];
    struct table t = {.name = (int)strlen("STAGE")};
    for (size_t c = 0; c < RN_CELLS; c++)
        widen(&t.cell[c], rn_planview_heads[c]);
    for (size_t i = 0; i <= plan->p->n_stages; i++) {
        if (i < plan->p->n_stages) {
            widen(&t.name, plan->p->stages[i].name);
            rn_planview_cells(&plan->nodes[i], cells);
        } else {
            rn_planview_totals(plan, cells);
        }
        for (size_t c = 0; c < RN_CELLS; c++)
            widen(&t.cell[c], cells[c]);
    }
    return t;
}

static void print_row(const struct table *t, char symbol, const char *name, const char *word,
                      const char *const cells[RN_CELLS], const char *why)
{
    printf("%c %-*s  %-7s", symbol, t->name, name, word);
    for (size_t c = 0; c < RN_CELLS; c++)
        printf("  %*s", t->cell[c], cells[c]);
    printf("%s%s\n", *why ? "  " : "", why);
}

static void print_stage(const struct table *t, const char *name, const struct rn_planned *n)
{
    char cells[RN_CELLS][32];
    const char *const shown[RN_CELLS] = {cells[0], cells[1], cells[2], cells[3]};
    rn_planview_cells(n, cells);
    print_row(t, rn_planview_symbol(n), name, rn_planview_word(n), shown, n->reason);
    if (n->consent)
        printf("  %-*s  needs consent: it %s; agree with --yes=%s\n", t->name, "", n->consent_for,
               name);
    if (rn_planview_is_work(n) && *n->cost.note)
        printf("  %-*s  note: %s\n", t->name, "", n->cost.note);
}

static void print_totals(const struct table *t, const struct rn_plan *plan)
{
    char cells[RN_CELLS][32], counts[96];
    const char *const shown[RN_CELLS] = {cells[0], cells[1], cells[2], cells[3]};
    size_t n_kept = 0, n_work = 0, n_blocked = 0, n_timeless = 0;
    for (size_t i = 0; i < plan->p->n_stages; i++) {
        n_kept += plan->nodes[i].action == RN_ACT_KEEP;
        n_work += rn_planview_is_work(&plan->nodes[i]);
        n_timeless += rn_planview_is_work(&plan->nodes[i]) && !(plan->nodes[i].time_s > 0);
        n_blocked += plan->nodes[i].action == RN_ACT_BLOCKED;
    }
    int used = snprintf(counts, sizeof counts, "%zu to keep, %zu to run", n_kept, n_work);
    if (n_blocked)
        used += snprintf(counts + used, sizeof counts - (size_t)used, ", %zu blocked", n_blocked);
    if (n_timeless && n_timeless < n_work)
        snprintf(counts + used, sizeof counts - (size_t)used, ", %zu of unknown time",
                 n_timeless);
    rn_planview_totals(plan, cells);
    print_row(t, ' ', "", "all", shown, counts);
}

static double most_shared(const struct rn_plan *plan)
{
    double most = 0;
    for (size_t i = 0; i < plan->p->n_stages; i++) {
        double here = plan->nodes[i].cost.ranks_bytes;
        most = here > most ? here : most;
    }
    return most;
}

/* Who trains together, and where. */
static void print_ranks(const struct rn_plan *plan)
{
    char text[32];
    double shared = most_shared(plan);
    const struct rn_run_how *how = plan->how;
    if (how->gpus == 0)
        return;
    printf("  %d rank%s on this machine:", how->gpus, how->gpus == 1 ? "" : "s");
    for (int r = 0; r < how->gpus; r++)
        printf("%s rank %d on %s:%d", r ? "," : "", r, how->device, r);
    if (shared > 0)
        printf("\n  memory is each one's: %s of it for what they share, NCCL's own not counted",
               rn_show_bytes(text, shared));
    printf("\n");
}

static void print_head(const struct rn_plan *plan)
{
    const struct rn_pipeline *p = plan->p;
    if (p->cell)
        printf("%s  (%s, cell %s)\n", p->tag, p->path, p->cell);
    else
        printf("%s  (%s)\n", p->tag, p->path);
    print_ranks(plan);
}

static void print_table(const struct rn_plan *plan)
{
    struct table t = measure(plan);
    print_head(plan);
    print_row(&t, ' ', "STAGE", "", rn_planview_heads, "WHY");
    for (size_t i = 0; i < plan->p->n_stages; i++)
        print_stage(&t, plan->p->stages[i].name, &plan->nodes[i]);
    print_totals(&t, plan);
}

static void print_lines(const struct rn_plan *plan)
{
    for (size_t i = 0; i < plan->p->n_stages; i++) {
        json_t *doc = rn_planview_json(plan, i);
        char *line = rn_json_canonical(doc);
        printf("%s\n", line);
        free(line);
        json_decref(doc);
    }
}

static int show(const struct rn_cli *cli, struct rn_plan *plan, struct rn_err *err)
{
    bool work = false;
    for (size_t i = 0; i < plan->p->n_stages; i++) {
        RN_TRY(rn_plan_decide(plan, i, err));
        work |= plan->nodes[i].action != RN_ACT_KEEP && plan->nodes[i].action != RN_ACT_SKIP;
    }
    if (rn_cli_json(cli))
        print_lines(plan);
    else
        print_table(plan);
    return work && rn_cli_opt(cli, "exit-code") ? RN_EWORK : RN_OK;
}

static int plan_pipeline(const struct rn_cli *cli, const struct rn_pipeline *p,
                         const struct rn_run_how *how, struct rn_err *err)
{
    struct rn_plan plan;
    int rc = rn_plan_init(&plan, p, how, err);
    if (rc == RN_OK)
        rc = show(cli, &plan, err);
    rn_plan_release(&plan);
    return rc;
}

/* What is known of the runs directory is read once; work in one cell does not hide the others. */
static int plan_cells(const struct rn_cli *cli, const struct rn_cells *cells,
                      const struct rn_run_how *how, struct rn_err *err)
{
    int rc = RN_OK, found = RN_OK;
    for (size_t i = 0; i < cells->n && (rc == RN_OK || rc == RN_EWORK); i++) {
        struct rn_pipeline *p = rn_cells_compose(cells, i);
        if (i > 0 && !rn_cli_json(cli))
            printf("\n");
        rc = plan_pipeline(cli, p, how, err);
        found = rc == RN_OK ? found : rc;
        rn_pipeline_free(p);
    }
    return found;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_run_how how;
    struct rn_cells *cells;
    RN_TRY(rn_target_words(cli, 0, err));
    RN_TRY(rn_target_how(&how, cli, err));
    int rc = rn_target_cells(&cells, cli, err);
    if (rc == RN_OK) {
        how.memo = rn_plan_memo(&how);
        how.history = rn_history_new(how.runs);
        rc = plan_cells(cli, cells, &how, err);
        rn_history_free(how.history);
        rn_memo_free(how.memo);
        rn_cells_free(cells);
    }
    rn_target_how_release(&how);
    return rc;
}

static const struct rn_example examples[] = {
    {"plan pipelines/smoke.yaml", "what would run, why, how long, how much"},
    {"plan pipelines/smoke.yaml --exit-code --json", "for a build: exit 10 if there is work"},
    {0}};
const struct rn_command rn_command_plan = {
    "plan", RN_ARGS_PIPELINE,    "say what run would do, why, and what it costs", opts,
    run,    .examples = examples};
