#include "eval_core.h"

#include "file.h"
#include "path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- one task --- */

struct asking {
    const struct rn_core_task *task;
    const struct rn_core_rows *rows;
    const struct rn_tokenizer *tokenizer;
};

static int ask(void *ctx, int64_t i, struct rn_questions *to, struct rn_asked *q,
               struct rn_err *err)
{
    const struct asking *a = ctx;
    struct rn_span spans[RN_CORE_OPTIONS] = {0};
    size_t n = rn_core_spans(a->rows, (size_t)i, a->tokenizer, spans);
    (void)err;
    memcpy(rn_questions_add(to, n), spans, n * sizeof *spans);
    q->row = rn_core_row_number(a->rows, (size_t)i);
    q->exact = a->task->type == RN_CORE_LM;
    q->gold = q->exact ? 0 : rn_core_row_gold(a->rows, (size_t)i);
    return RN_OK;
}

static void note(void *ctx, const struct rn_asked *q, const struct rn_span *s, size_t n,
                 json_t *item)
{
    const struct asking *a = ctx;
    (void)q, (void)s, (void)n;
    json_object_set_new(item, "task", json_string(a->task->label));
}

/* DCLM's table of September 2025 differs from the bundle's in these. */
static double baseline_v2(const struct rn_core_task *t)
{
    static const struct {
        const char *label;
        double percent;
    } corrected[] = {{"commonsense_qa", 40.3},
                     {"agi_eval_lsat_ar", 25},
                     {"bigbench_language_identification", 25}};
    for (size_t i = 0; i < RN_COUNT(corrected); i++)
        if (strcmp(corrected[i].label, t->label) == 0)
            return corrected[i].percent;
    return t->baseline;
}

static double center(double accuracy, double baseline_percent)
{
    double b = 0.01 * baseline_percent;
    return (accuracy - b) / (1.0 - b);
}

static int score_task(const struct rn_core_task *t, const struct rn_eval_run *run,
                      struct rn_core_task_result *r, struct rn_err *err)
{
    struct rn_core_rows *rows;
    RN_TRY(rn_core_rows_load(&rows, t, run->max_items, err));
    struct asking a = {t, rows, run->tokenizer};
    struct rn_given given = {.what = t->label,
                             .items = (int64_t)rn_core_rows_count(rows),
                             .ask = ask,
                             .note = note,
                             .ctx = &a};
    int rc = rn_eval_given(run, &given, &r->found, err);
    r->accuracy = r->found.items ? (double)r->found.right / (double)r->found.items : 0;
    r->centered = center(r->accuracy, t->baseline);
    r->centered_v2 = center(r->accuracy, baseline_v2(t));
    rn_core_rows_free(rows);
    return rc;
}

int rn_core_score(const struct rn_core *c, const struct rn_eval_run *run, struct rn_core_result *r,
                  struct rn_err *err)
{
    *r = (struct rn_core_result){.tasks = rn_xalloc((c->n + 1) * sizeof *r->tasks)};
    for (size_t i = 0; i < c->n; i++) {
        RN_TRY(score_task(&c->tasks[i], run, &r->tasks[i], err));
        r->core += r->tasks[i].centered / (double)c->n;
        r->core_v2 += r->tasks[i].centered_v2 / (double)c->n;
    }
    return RN_OK;
}

void rn_core_result_release(struct rn_core_result *r)
{
    free(r->tasks);
    *r = (struct rn_core_result){0};
}

int rn_core_write_csv(const struct rn_core *c, const struct rn_core_result *r, const char *path,
                      struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, path, err));
    rn_writer_printf(&w, "%-35s, %-10s, %-10s\n", "Task", "Accuracy", "Centered");
    for (size_t i = 0; i < c->n; i++)
        rn_writer_printf(&w, "%-35s, %-10.6f, %-10.6f\n", c->tasks[i].label, r->tasks[i].accuracy,
                         r->tasks[i].centered);
    rn_writer_printf(&w, "%-35s, %-10s, %-10.6f\n", "CORE", "", r->core);
    return rn_writer_commit(&w, NULL, err);
}

/* --- the task --- */

/* The bundle's directory: where its core.yaml lies. */
static int open_bundle(const struct rn_eval_run *r, struct rn_core *core, struct rn_err *err)
{
    const struct rn_eval_data *d = &r->data[RN_EVAL_IN_core];
    for (size_t i = 0; i < d->n; i++) {
        if (strcmp(rn_basename(d->paths[i]), "core.yaml") != 0)
            continue;
        char *dir = rn_dirname(d->paths[i]);
        int rc = rn_core_open(core, dir, err);
        free(dir);
        return rc;
    }
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'core' holds no core.yaml");
}

static void report(const struct rn_eval_run *run, const struct rn_core *c,
                   const struct rn_core_result *r)
{
    json_t *tasks = json_object();
    double variance = 0;
    size_t cut = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct rn_core_task_result *t = &r->tasks[i];
        double p = t->accuracy, b = 0.01 * c->tasks[i].baseline;
        size_t items = t->found.items;
        double error = items > 1 ? sqrt(p * (1 - p) / (double)(items - 1)) : 0;
        variance += pow(error / (1 - b) / (double)c->n, 2);
        cut += t->found.cut;
        json_object_set_new(tasks, c->tasks[i].label,
                            json_pack("{s:f, s:f, s:f, s:I}", "accuracy", p, "stderr", error,
                                      "centered", t->centered, "items", (json_int_t)items));
    }
    rn_eval_note(run->report, "core_tasks", tasks);
    rn_eval_cut(run->report, cut);
    rn_eval_metric(run->report, "core", r->core, sqrt(variance));
    rn_eval_metric(run->report, "core_v2", r->core_v2, NAN);
}

/* core and core_v2 are one measurement. */
static int run_core(struct rn_eval_run *r, struct rn_err *err)
{
    struct rn_core core;
    struct rn_core_result result = {0};
    RN_TRY(open_bundle(r, &core, err));
    int rc = rn_core_score(&core, r, &result, err);
    char *csv = rn_eval_path(r->report, "core", "csv");
    if (rc == RN_OK)
        report(r, &core, &result);
    if (rc == RN_OK && csv)
        rc = rn_core_write_csv(&core, &result, csv, err);
    free(csv);
    rn_core_result_release(&result);
    rn_core_release(&core);
    return rc;
}

#define SPLIT "the bundle's rows"
const struct rn_eval_task rn_eval_task_core = {.protocol = "nanochat",
                                               .version = 1,
                                               .inputs = RN_EVAL_IN(core),
                                               .split = SPLIT,
                                               .run = run_core};
const struct rn_eval_task rn_eval_task_core_v2 = {.protocol = "nanochat, DCLM's baselines of 2025",
                                                  .version = 1,
                                                  .inputs = RN_EVAL_IN(core),
                                                  .split = SPLIT,
                                                  .run = run_core};
