#include "eval_core.h"

#include "evals.h"
#include "file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 /* questions asked at once */ };

/* --- a chunk of questions --- */

struct chunk {
    const struct rn_core_task *task;
    const struct rn_core_rows *rows;
    const struct rn_core_run *run;
    struct rn_core_task_result *result;
    struct rn_questions questions;
    size_t from;
};

static void ask(struct chunk *c, size_t n)
{
    int64_t most = rn_scorer_max_len(c->run->scorer);
    if (c->run->max_len > 0 && (most == 0 || c->run->max_len < most))
        most = c->run->max_len;
    for (size_t i = 0; i < n; i++) {
        struct rn_span asked[RN_CORE_OPTIONS] = {0};
        size_t spans = rn_core_spans(c->rows, c->from + i, c->run->tokenizer, asked);
        c->result->cut += rn_spans_crop(asked, spans, most);
        memcpy(rn_questions_add(&c->questions, spans), asked, spans * sizeof *asked);
    }
}

static bool is_right(const struct chunk *c, size_t i)
{
    const struct rn_span *s = rn_question(&c->questions, i);
    if (c->task->type == RN_CORE_LM)
        return s->all_likeliest;
    return rn_spans_lowest(s, rn_question_spans(&c->questions, i)) ==
           rn_core_row_gold(c->rows, c->from + i);
}

static void judge(struct chunk *c)
{
    for (size_t i = 0; i < c->questions.n; i++) {
        bool right = is_right(c, i);
        size_t gold = c->task->type == RN_CORE_LM ? 0 : rn_core_row_gold(c->rows, c->from + i);
        c->result->right += right;
        if (c->run->each)
            c->run->each(c->run->ctx, c->task->label, rn_core_row_number(c->rows, c->from + i),
                         gold, rn_question(&c->questions, i), rn_question_spans(&c->questions, i),
                         right);
    }
}

static int score_rows(const struct rn_core_task *t, const struct rn_core_rows *rows,
                      const struct rn_core_run *run, struct rn_core_task_result *r,
                      struct rn_err *err)
{
    size_t all = rn_core_rows_count(rows);
    for (size_t i = 0; i < all; i += CHUNK) {
        struct chunk c = {.task = t, .rows = rows, .run = run, .result = r, .from = i};
        size_t n = all - i < CHUNK ? all - i : CHUNK;
        ask(&c, n);
        int rc = rn_questions_score(&c.questions, run->scorer, err);
        if (rc == RN_OK)
            judge(&c);
        rn_questions_release(&c.questions);
        RN_TRY(rc);
        if (run->progress && !run->progress(run->ctx, t->label, i + n, all))
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped while measuring CORE");
    }
    return RN_OK;
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

static int score_task(const struct rn_core_task *t, const struct rn_core_run *run,
                      struct rn_core_task_result *r, struct rn_err *err)
{
    struct rn_core_rows *rows;
    RN_TRY(rn_core_rows_load(&rows, t, run->max_per_task, err));
    int rc = score_rows(t, rows, run, r, err);
    r->items = rn_core_rows_count(rows);
    r->accuracy = r->items ? (double)r->right / (double)r->items : 0;
    r->centered = center(r->accuracy, t->baseline);
    r->centered_v2 = center(r->accuracy, baseline_v2(t));
    rn_core_rows_free(rows);
    return rc;
}

int rn_core_score(const struct rn_core *c, const struct rn_core_run *run, struct rn_core_result *r,
                  struct rn_err *err)
{
    *r = (struct rn_core_result){.tasks = rn_xalloc((c->n + 1) * sizeof *r->tasks)};
    for (size_t i = 0; i < c->n; i++) {
        int rc = score_task(&c->tasks[i], run, &r->tasks[i], err);
        if (rc != RN_OK) {
            rn_core_result_release(r);
            return rc;
        }
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

static bool core_progress(void *ctx, const char *task, size_t done, size_t all)
{
    const struct rn_eval_run *r = ctx;
    return rn_eval_goes_on(r, task, done, all, NULL) == RN_OK;
}

static void core_item(void *ctx, const char *task, int64_t row, size_t gold,
                      const struct rn_span *s, size_t n, bool right)
{
    const struct rn_eval_run *r = ctx;
    json_t *losses = json_array();
    for (size_t i = 0; i < n; i++) /* NaN: the choice added no token */
        json_array_append_new(losses,
                              isfinite(s[i].mean_loss) ? json_real(s[i].mean_loss) : json_null());
    rn_eval_item(r->report,
                 json_pack("{s:s, s:I, s:I, s:o, s:b}", "task", task, "row", (json_int_t)row,
                           "gold", (json_int_t)gold, "losses", losses, "right", right));
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
        double error = t->items > 1 ? sqrt(p * (1 - p) / (double)(t->items - 1)) : 0;
        variance += pow(error / (1 - b) / (double)c->n, 2);
        cut += t->cut;
        json_object_set_new(tasks, c->tasks[i].label,
                            json_pack("{s:f, s:f, s:f, s:I}", "accuracy", p, "stderr", error,
                                      "centered", t->centered, "items", (json_int_t)t->items));
    }
    rn_eval_note(run->report, "core_tasks", tasks);
    rn_eval_note(run->report, "core_cut_prompts", json_integer((json_int_t)cut));
    rn_eval_metric(run->report, "core", r->core, sqrt(variance));
    rn_eval_metric(run->report, "core_v2", r->core_v2, NAN);
}

/* core and core_v2 are one measurement. */
static int run_core(struct rn_eval_run *r, struct rn_err *err)
{
    struct rn_core core;
    struct rn_core_result result = {0};
    struct rn_core_run how = {.tokenizer = r->tokenizer,
                              .scorer = r->scorer,
                              .max_per_task = r->max_items,
                              .max_len = r->max_len,
                              .each = core_item,
                              .progress = core_progress,
                              .ctx = r};
    RN_TRY(open_bundle(r, &core, err));
    int rc = rn_core_score(&core, &how, &result, err);
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

const struct rn_eval_task rn_eval_task_core = {
    .protocol = "nanochat", .version = 1, .inputs = RN_EVAL_IN(core), .run = run_core};
const struct rn_eval_task rn_eval_task_core_v2 = {.protocol = "nanochat, DCLM's baselines of 2025",
                                                  .version = 1,
                                                  .inputs = RN_EVAL_IN(core),
                                                  .run = run_core};
