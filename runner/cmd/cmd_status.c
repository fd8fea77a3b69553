/* runnel status - how far a run is, from its folder. Reads only, takes no lock. */
#include "alert_list.h"
#include "clock.h"
#include "path.h"
#include "pins.h"
#include "runs.h"
#include "runstate.h"
#include "status_watch.h"
#include "table.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"watch", 'w', NULL, "keep looking until the run ends: a screen, or lines where none is"},
    RN_OPTS_PIPELINE,
    {0}};
static const struct rn_example examples[] = {
    {"status pipelines/smoke.yaml", "the run that this file stands for, against the file"},
    {"status smoke-1a2b3c4d --json", "one object for each stage"},
    {"status smoke-1a2b3c4d --watch", "curve, pace, end and newest sample while it runs"},
    {0}};

/* --- cells --- */

static void cell_symbol(struct rn_str *s, const json_t *row, const char *key)
{
    char symbol = rn_runstate_symbol(rn_json_str(row, key, ""));
    if (symbol != ' ')
        rn_str_putc(s, symbol);
}

static void cell_step(struct rn_str *s, const json_t *row, const char *key)
{
    long long step = rn_json_int(row, key, -1), steps = rn_json_int(row, "steps", 0);
    if (step > 0)
        rn_str_printf(s, steps > 0 ? "%lld/%lld" : "%lld", step, steps);
}

static void cell_end(struct rn_str *s, const json_t *row, const char *key)
{
    char shown[32];
    double now_s = rn_time_s(), left_s = rn_json_real(row, key, 0);
    if (left_s > 0)
        rn_str_puts(s, rn_show_moment(shown, now_s + left_s, now_s));
}

static void cell_glance(struct rn_str *s, const json_t *row, const char *key)
{
    rn_runstate_glance(s, json_object_get(row, key));
    if (strcmp(rn_json_str(row, "state", ""), "running") != 0)
        return;
    double pace = rn_json_real(json_object_get(row, key), "tok_per_sec", 0);
    if (pace > 0)
        rn_str_printf(s, "  %.0f tok/s", pace);
}

static const struct rn_column columns[] = {{"", "state", cell_symbol},
                                           {"stage", "stage", rn_cell_text},
                                           {"state", "state", rn_cell_text},
                                           {"when", "time", rn_cell_moment},
                                           {"took", "wall_s", rn_cell_span},
                                           {"step", "step", cell_step},
                                           {"left", "eta_s", rn_cell_span},
                                           {"ends", "eta_s", cell_end},
                                           {"numbers", "metrics", cell_glance},
                                           {"", "message", rn_cell_text},
                                           {0}};

/* --- against the file --- */

/* Finished stages that the file would make anew are stale, with the reason. */
static int mark_stale(json_t *rows, const struct rn_pipeline *p, const char *device,
                      const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_run_how how;
    struct rn_plan plan;
    RN_TRY(rn_target_how(&how, cli, err));
    how.device = device;
    int rc = rn_plan_init(&plan, p, &how, err);
    for (size_t i = 0; i < p->n_stages && rc == RN_OK; i++) {
        json_t *row = json_array_get(rows, i);
        const char *state = rn_json_str(row, "state", "");
        bool finished = strcmp(state, "done") == 0 || strcmp(state, "kept") == 0;
        rc = rn_plan_decide(&plan, i, err);
        if (rc == RN_OK && finished && plan.nodes[i].action != RN_ACT_KEEP) {
            json_object_set_new(row, "state", json_string("stale"));
            json_object_set_new(row, "message", json_string(plan.nodes[i].reason));
        }
    }
    rn_plan_release(&plan);
    rn_target_how_release(&how);
    return rc;
}

static json_t *rows_of_file(const struct rn_runstate *r, const struct rn_pipeline *p)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < p->n_stages; i++) {
        struct rn_stage_state never = {
            .name = p->stages[i].name, .word = "never run", .step = -1, .numbers = json_object()};
        const struct rn_stage_state *s = &never;
        for (size_t k = 0; k < r->n_stages; k++)
            if (strcmp(r->stages[k].name, never.name) == 0)
                s = &r->stages[k];
        json_array_append_new(rows, rn_runstate_stage_json(r, s));
        json_decref(never.numbers);
    }
    return rows;
}

static json_t *rows_of_run(const struct rn_runstate *r)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < r->n_stages; i++)
        json_array_append_new(rows, rn_runstate_stage_json(r, &r->stages[i]));
    return rows;
}

/* --- what nobody vouched for --- */

static void add_first_use(json_t *rows, const char *id)
{
    size_t i, n = strcspn(id, ".");
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *stage = rn_json_str(row, "stage", "");
        if (strlen(stage) != n || strncmp(stage, id, n) != 0)
            continue;
        if (!json_object_get(row, "first_use"))
            json_object_set_new(row, "first_use", json_array());
        json_array_append_new(json_object_get(row, "first_use"), json_string(id));
    }
}

/* The run's own copy of the pins: what its data rested on when it was made. */
static void mark_first_use(json_t *rows, const char *dir)
{
    struct rn_pins pins;
    char *path = rn_join(dir, "pins.lock");
    if (rn_pins_open(&pins, path, dir, NULL) == RN_OK) {
        for (size_t i = 0; i < pins.n; i++)
            if (pins.pins[i].trust == RN_TRUST_FIRST_USE)
                add_first_use(rows, pins.pins[i].id);
        rn_pins_release(&pins);
    }
    free(path);
}

static void print_first_use(const json_t *rows)
{
    size_t i, n = 0;
    const json_t *row;
    const char *first = NULL;
    json_array_foreach((json_t *)rows, i, row)
    {
        const json_t *ids = json_object_get(row, "first_use");
        first = first ? first : json_string_value(json_array_get(ids, 0));
        n += json_array_size(ids);
    }
    if (n == 1)
        printf("\n%s came from one source and nobody vouches for it: a sha256 would\n", first);
    else if (n > 1)
        printf("\n%zu files came from one source each and nobody vouches for them: %s, ...; sha256 "
               "would\n",
               n, first);
}

/* --- what somebody should have heard --- */

enum { ALERTS_SHOWN = 5 };

static void mark_alerts(json_t *rows, const json_t *records)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        json_t *alerts = rn_alert_list(records, rn_json_str(row, "stage", ""), ALERTS_SHOWN);
        if (json_array_size(alerts))
            json_object_set(row, "alerts", alerts);
        json_decref(alerts);
    }
}

static void print_alerts(const json_t *records)
{
    json_t *alerts = rn_alert_list(records, NULL, ALERTS_SHOWN);
    if (json_array_size(alerts)) {
        printf("\nalerts\n");
        rn_table_print(rn_alert_columns, alerts, false);
    }
    json_decref(alerts);
}

/* --- the whole --- */

static const char *word_of(const struct rn_runstate *r, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows) && strcmp(r->word, "done") == 0; i++)
        if (strcmp(rn_json_str(json_array_get(rows, i), "state", ""), "stale") == 0)
            return "stale";
    return r->word;
}

static void print_head(const struct rn_runstate *r, const char *word)
{
    char ago[32];
    double silent_s = rn_time_s() - r->seen_s;
    printf("%s  %s", r->dir, word);
    if (r->running)
        printf(", in use by %s, last sign of life %s ago", r->owner,
               rn_show_time(ago, silent_s > 0 ? silent_s : 0));
    printf("\n");
}

static void print_run(const struct rn_cli *cli, const struct rn_runstate *r, json_t *rows)
{
    const char *word = word_of(r, rows);
    mark_first_use(rows, r->dir);
    mark_alerts(rows, r->records);
    for (size_t i = 0; i < json_array_size(rows); i++)
        json_object_set_new(json_array_get(rows, i), "run_state", json_string(word));
    if (!rn_cli_json(cli))
        print_head(r, word);
    rn_table_print(columns, rows, rn_cli_json(cli));
    if (!rn_cli_json(cli)) {
        print_first_use(rows);
        print_alerts(r->records);
    }
}

static int watch(const struct rn_cli *cli, const char *dir, struct rn_err *err)
{
    return rn_cli_opt(cli, "watch") ? rn_status_watch(dir, rn_cli_json(cli), err) : RN_OK;
}

static int status_of_file(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_pipeline *p;
    struct rn_runstate r;
    const char *device;
    RN_TRY(rn_target_that_ran(&p, &device, cli, err));
    char *dir = rn_join(rn_cli_runs(cli), p->tag);
    int rc = watch(cli, dir, err);
    rn_runstate_init(&r, dir);
    json_t *rows = rows_of_file(&r, p);
    if (rc == RN_OK && r.run && !r.running)
        rc = mark_stale(rows, p, device, cli, err);
    if (rc == RN_OK)
        print_run(cli, &r, rows);
    json_decref(rows);
    rn_runstate_release(&r);
    free(dir);
    rn_pipeline_free(p);
    return rc;
}

static int status_of_run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    struct rn_runstate r;
    RN_TRY(rn_target_run(&dir, cli, err));
    int rc = watch(cli, dir, err);
    rn_runstate_init(&r, dir);
    json_t *rows = rows_of_run(&r);
    if (rc == RN_OK)
        print_run(cli, &r, rows);
    json_decref(rows);
    rn_runstate_release(&r);
    free(dir);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    return rn_target_is_file(cli) ? status_of_file(cli, err) : status_of_run(cli, err);
}

const struct rn_command rn_command_status = {
    "status",
    "RUN [key=value ...]",
    "how far a run is",
    opts,
    run,
    "The state of each stage and of the run: done, running (with steps, pace and time left), "
    "interrupted, failed, gate, lost (its outputs are gone), never run. A pipeline file stands for "
    "its current tag; stages that are done and that the file would make anew are stale, with the "
    "reason. With --watch it looks twice a second and ends with the run; q and Ctrl-C end the "
    "look, not the run. Downloads that came from one source and that nobody vouches for are named. "
    "Reads only "
    "and takes no lock.",
    examples};
