/* runnel plan - what `run` would do, why, and what it costs. Reads only. */
#include "plan.h"
#include "str.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {RN_OPTS_PIPELINE,
                                     RN_OPTS_SLICE,
                                     RN_OPT_DEVICE,
                                     RN_OPT_THREADS,
                                     {"exit-code", 0, NULL, "exit 10 if there is work to do"},
                                     RN_OPT_VERIFY,
                                     {0}};

static const struct {
    char symbol;
    const char *word;
} actions[] = {[RN_ACT_KEEP] = {'=', "keep"},
               [RN_ACT_RUN] = {'+', "run"},
               [RN_ACT_RESUME] = {'>', "resume"},
               [RN_ACT_BLOCKED] = {'-', "blocked"},
               [RN_ACT_SKIP] = {' ', "skip"}};

static bool is_work(const struct rn_planned *n)
{
    return n->action == RN_ACT_RUN || n->action == RN_ACT_RESUME;
}

static void add_cost(struct rn_str *s, const char *fmt, const char *value)
{
    rn_str_puts(s, s->n ? ", " : "");
    rn_str_printf(s, "%s%s", value, fmt);
}

/* "300 steps, 1.2 M tokens, 2 min, 310 MiB memory" */
static char *describe_cost(const struct rn_planned *n)
{
    char b[32];
    const struct rn_estimate *c = &n->cost;
    struct rn_str s = {0};
    rn_str_puts(&s, "");
    if (c->steps > 0)
        add_cost(&s, " steps", rn_show_count(b, (double)c->steps));
    if (c->tokens > 0)
        add_cost(&s, " tokens", rn_show_count(b, c->tokens));
    if (c->params > 0)
        add_cost(&s, " parameters", rn_show_count(b, (double)c->params));
    if (n->time_s > 0)
        add_cost(&s, " as last time", rn_show_time(b, n->time_s));
    if (c->memory_bytes > 0)
        add_cost(&s, " memory", rn_show_bytes(b, c->memory_bytes));
    if (c->disk_bytes > 0)
        add_cost(&s, " disk", rn_show_bytes(b, c->disk_bytes));
    if (c->download_bytes > 0)
        add_cost(&s, " download", rn_show_bytes(b, c->download_bytes));
    return s.p ? s.p : rn_xdup("");
}

static void print_stage(const char *name, int width, const struct rn_planned *n)
{
    char spent[32], *cost = is_work(n) ? describe_cost(n) : rn_xdup("");
    printf("%c %-*s  %-7s  %s%s%s%s\n", n->consent ? '!' : actions[n->action].symbol, width, name,
           actions[n->action].word, n->reason, *cost ? "  (" : "", cost, *cost ? ")" : "");
    if (n->consent)
        printf("  %-*s  needs consent: puts %s of work aside; agree with --yes=%s\n", width, "",
               rn_show_time(spent, n->spent_s), name);
    free(cost);
}

static void print_stage_json(const struct rn_pipeline *p, const struct rn_pstage *s,
                             const struct rn_planned *n)
{
    const struct rn_estimate *c = &n->cost;
    json_t *cost = json_pack("{s:I, s:f, s:I, s:f, s:f, s:f, s:f}", "steps", (json_int_t)c->steps,
                             "tokens", c->tokens, "params", (json_int_t)c->params, "time_s",
                             n->time_s, "memory_bytes", c->memory_bytes, "disk_bytes",
                             c->disk_bytes, "download_bytes", c->download_bytes);
    json_t *doc = json_pack("{s:s, s:s?, s:s, s:s, s:s, s:b, s:I, s:s, s:o}", "tag", p->tag, "cell",
                            p->cell, "stage", s->name, "action", actions[n->action].word, "reason",
                            n->reason, "consent", n->consent, "resume_step",
                            (json_int_t)(n->action == RN_ACT_RESUME ? c->resume_step : -1), "key",
                            n->keyed ? n->keys.out : "", "cost", is_work(n) ? cost : json_null());
    char *line = rn_json_canonical(doc);
    printf("%s\n", line);
    free(line);
    if (!is_work(n))
        json_decref(cost);
    json_decref(doc);
}

static void print_totals(const struct rn_plan *plan)
{
    char time[32], disk[32], download[32];
    size_t n[RN_COUNT(actions)] = {0};
    double time_s = 0, disk_bytes = 0, download_bytes = 0;
    for (size_t i = 0; i < plan->p->n_stages; i++) {
        const struct rn_planned *s = &plan->nodes[i];
        n[s->action]++;
        if (!is_work(s))
            continue;
        time_s += s->time_s;
        disk_bytes += s->cost.disk_bytes;
        download_bytes += s->cost.download_bytes;
    }
    printf("\n%zu to keep, %zu to run", n[RN_ACT_KEEP], n[RN_ACT_RUN] + n[RN_ACT_RESUME]);
    if (n[RN_ACT_BLOCKED])
        printf(", %zu blocked", n[RN_ACT_BLOCKED]);
    if (time_s > 0)
        printf(", %s where known", rn_show_time(time, time_s));
    if (disk_bytes > 0)
        printf(", %s disk", rn_show_bytes(disk, disk_bytes));
    if (download_bytes > 0)
        printf(", %s download", rn_show_bytes(download, download_bytes));
    printf("\n");
}

static void print_head(const struct rn_pipeline *p)
{
    if (p->cell)
        printf("%s  (%s, cell %s)\n", p->tag, p->path, p->cell);
    else
        printf("%s  (%s)\n", p->tag, p->path);
}

static int show(const struct rn_cli *cli, struct rn_plan *plan, struct rn_err *err)
{
    const struct rn_pipeline *p = plan->p;
    int width = 4;
    bool work = false;
    for (size_t i = 0; i < p->n_stages; i++) {
        RN_TRY(rn_plan_decide(plan, i, err));
        width = (int)strlen(p->stages[i].name) > width ? (int)strlen(p->stages[i].name) : width;
        work |= plan->nodes[i].action != RN_ACT_KEEP && plan->nodes[i].action != RN_ACT_SKIP;
    }
    if (!rn_cli_json(cli))
        print_head(p);
    for (size_t i = 0; i < p->n_stages; i++)
        if (rn_cli_json(cli))
            print_stage_json(p, &p->stages[i], &plan->nodes[i]);
        else
            print_stage(p->stages[i].name, width, &plan->nodes[i]);
    if (!rn_cli_json(cli))
        print_totals(plan);
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

/* Work to do in one cell does not hide the others. */
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
    struct rn_run_how how = {.runs = rn_cli_runs(cli),
                             .from = rn_cli_opt(cli, "from"),
                             .until = rn_cli_opt(cli, "until"),
                             .only = rn_cli_opt(cli, "only"),
                             .device = rn_cli_opt(cli, "device"),
                             .accept_stale = rn_cli_opt(cli, "accept-stale")};
    if (!how.device)
        how.device = "cpu";
    RN_TRY(rn_target_words(cli, 0, err));
    RN_TRY(rn_target_verify(&how.verify, cli, err));
    RN_TRY(rn_target_threads(&how.threads, cli, err));
    struct rn_cells *cells;
    RN_TRY(rn_target_cells(&cells, cli, err));
    const char **force = rn_target_list(cli, "force"), **yes = rn_target_list(cli, "yes");
    how.force = force;
    how.yes = yes;
    int rc = plan_cells(cli, cells, &how, err);
    free(force);
    free(yes);
    rn_cells_free(cells);
    return rc;
}

const struct rn_command rn_command_plan = {
    "plan", RN_ARGS_PIPELINE, "say what run would do, why, and what it costs", opts, run};
