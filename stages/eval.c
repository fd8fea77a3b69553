/* eval: what finished models know. Each task of evals.def measures each model; a number is
 * the metric `<model>.<task>`, a line of the table in the log, and an entry of scores.json. */
#include "evals.h"

#include "file.h"
#include "model_in.h"
#include "path.h"
#include "precision.h"
#include "stage.h"
#include "tokens_in.h"

#include <stdlib.h>
#include <string.h>

struct cfg {
    struct rn_list models, tasks, prompts;
    struct rn_ref tokenizer, data[RN_EVAL_INPUTS];
    int64_t max_per_task, max_len, bpb_tokens;
    int protocol, precision;
    bool run_code;
};

static const char *const model_kinds[] = {"model", NULL};
static const char *const tokenizer_kinds[] = {"tokenizer", NULL};
static const char *const file_kinds[] = {"files", NULL};
static const char *const protocols[] = {"nanochat", NULL};

static const struct rn_key in_keys[] = {
    RN_KEY_REFS(struct cfg, models, "models", model_kinds, RN_REQUIRED, "what is measured"),
    RN_KEY_REF(struct cfg, tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED, "of all models"),
    RN_KEY_REF(struct cfg, data[RN_EVAL_IN_tokens], "tokens", rn_tokens_in_kinds, "~",
               "its val split is for bpb"),
#define INPUT(id, doc) RN_KEY_REF(struct cfg, data[RN_EVAL_IN_##id], #id, file_kinds, "~", doc),
#include "evals.def"
    RN_KEYS_END};
static const char tasks_doc[] = "each reads the input of its name:"
#define EVAL(id, name, unit, better, doc) " " name
#include "evals.def"
    ;
static const struct rn_key keys[] = {
    RN_KEY_TABLE("in", in_keys, "inputs"),
    RN_KEY_LIST_OF(struct cfg, tasks, "tasks", RN_IDENTITY, RN_REQUIRED, RN_T_STR, tasks_doc),
    RN_KEY_INT(struct cfg, max_per_task, "max_per_task", RN_IDENTITY, "-1", -1, 1e9, "questions",
               "of each task, -1: all; CORE's examples change with it"),
    RN_KEY_COUNT(struct cfg, max_len, "max_len", RN_IDENTITY, "4096", 16, 1 << 20,
                 "prompts keep their last max_len tokens"),
    RN_KEY_COUNT(struct cfg, bpb_tokens, "bpb_tokens", RN_IDENTITY, "10485760", 1, 1e12,
                 "validation tokens for bpb, at most one pass"),
    RN_KEY_WORD(struct cfg, protocol, "protocol", RN_IDENTITY, "nanochat", protocols,
                "whose rules CORE follows"),
    RN_KEY_WORD(struct cfg, precision, "precision", RN_IDENTITY, "fp32", rn_precision_scoring_words,
                "of the products that score; auto: as this processor is best at"),
    RN_KEY_BOOL(struct cfg, run_code, "run_code", RN_NEUTRAL, "false",
                "let humaneval and chatcore run what models write, in a sandbox"),
    RN_KEY_LIST_OF(struct cfg, prompts, "prompts", RN_IDENTITY, "~", RN_T_STR,
                   "questions that sample answers; by default the first of tiny-world or choices"),
    RN_KEYS_END};

static const struct rn_output outputs[] = {{"scores", "scores"}, {NULL, NULL}};
static const struct rn_metric metrics[] = {
#define EVAL(id, name, unit, better, doc) {#id, unit, better, doc},
#define ALSO(id, unit, better, doc)       {#id, unit, better, doc},
#include "evals.def"
    {NULL, NULL, 0, NULL}};

/* --- what is asked --- */

static int check_inputs(const struct cfg *c, const struct rn_eval *e, struct rn_err *err)
{
    for (int in = 0; in < RN_EVAL_INPUTS; in++)
        if ((e->task->inputs >> in & 1) && !c->data[in].text)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'tasks' has %s, which needs 'in.%s'",
                           e->name, rn_eval_input_names[in]);
    return RN_OK;
}

static void settle(void *cfg, const char *device)
{
    struct cfg *c = cfg;
    if (c->precision == RN_PRECISION_AUTO)
        c->precision = (int)rn_precision_best(device, NULL);
}

static int check(const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    const char *const *names = c->tasks.items;
    for (size_t i = 0; i < c->tasks.n; i++) {
        const struct rn_eval *e = names[i] ? rn_eval_find(names[i]) : NULL;
        if (!e)
            return rn_eval_unknown(names[i] ? names[i] : "", err);
        if (e->task->runs_code && !c->run_code)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                           "'tasks' has %s, which runs what models write: allow it with 'run_code'",
                           e->name);
        RN_TRY(check_inputs(c, e, err));
    }
    return RN_OK;
}

/* --- measuring --- */

struct eval {
    struct rn_job *job;
    const struct cfg *cfg;
    struct rn_device *device;
    struct rn_tokenizer *tokenizer;
    struct rn_corpus *val;
    struct rn_eval_data data[RN_EVAL_INPUTS];
    struct rn_eval_report **reports; /* of each model */
    char *dir;
};

struct recording {
    const struct rn_job *job;
    const char *model;
};

static void record(void *ctx, const char *id, double value)
{
    const struct recording *r = ctx;
    char *name = rn_xprintf("%s.%s", r->model, id);
    rn_job_metrics(r->job, 0, &(struct rn_metric_value){name, value}, 1);
    rn_log(r->job->log, RN_INFO, "%s: %.6f", name, value);
    free(name);
}

static bool progress(void *ctx, const char *what, size_t done, size_t all)
{
    struct eval *e = ctx;
    rn_job_progress(e->job, (double)done, (double)all, "questions", what);
    return !rn_job_stopping(e->job);
}

static int run_tasks(struct eval *e, struct rn_eval_run *run, struct rn_err *err)
{
    const char *const *names = e->cfg->tasks.items;
    for (size_t i = 0; i < e->cfg->tasks.n; i++) {
        RN_TRY(rn_eval_goes_on(run, names[i], 0, 0, err));
        RN_TRY(rn_eval_measure(run, rn_eval_find(names[i]), err));
    }
    struct recording r = {e->job, rn_eval_model(run->report)};
    rn_eval_each(run->report, record, &r);
    return RN_OK;
}

static int run_model(struct eval *e, const struct rn_ref *ref, struct rn_eval_report *report,
                     struct rn_err *err)
{
    struct rn_eval_run run = {.tokenizer = e->tokenizer,
                              .data = e->data,
                              .val = e->val,
                              .report = report,
                              .max_items = e->cfg->max_per_task,
                              .max_len = e->cfg->max_len,
                              .bpb_tokens = e->cfg->bpb_tokens,
                              .prompts = e->cfg->prompts.items,
                              .n_prompts = e->cfg->prompts.n,
                              .log = e->job->log,
                              .progress = progress,
                              .ctx = e};
    const struct rn_artifact *a = rn_job_artifact(e->job, ref);
    RN_TRY(rn_model_in_check(a, e->tokenizer, err));
    RN_TRY(rn_model_load(&run.model, a->dir, e->device, false, err));
    rn_model_compute_in(run.model, rn_precision_dtype((enum rn_precision)e->cfg->precision));
    run.scorer = rn_scorer_model(run.model);
    int rc = run_tasks(e, &run, err);
    rn_scorer_free(run.scorer);
    rn_model_free(run.model);
    return rc;
}

/* --- inputs and outputs --- */

static int open_inputs(struct eval *e, struct rn_err *err)
{
    const struct cfg *c = e->cfg;
    RN_TRY(rn_tokenizer_load(&e->tokenizer, rn_job_artifact(e->job, &c->tokenizer)->dir, err));
    for (int in = 0; in < RN_EVAL_INPUTS; in++) {
        const struct rn_artifact *a = rn_job_artifact(e->job, &c->data[in]);
        if (a)
            e->data[in] = (struct rn_eval_data){rn_artifact_paths(a), a->n_files};
    }
    const struct rn_artifact *tokens = rn_job_artifact(e->job, &c->data[RN_EVAL_IN_tokens]);
    return tokens ? rn_tokens_in_open(&e->val, tokens, "val", e->tokenizer, e->job->log, err)
                  : RN_OK;
}

static void show_table(const struct eval *e)
{
    struct rn_str table = {0};
    rn_eval_table(e->reports, e->cfg->models.n, &table);
    for (char *rest = table.p, *line; (line = strsep(&rest, "\n")) && *line;)
        rn_log(e->job->log, RN_INFO, "%s", line);
    rn_str_release(&table);
}

static int write_scores(const struct eval *e, struct rn_err *err)
{
    char *path = rn_join(e->dir, "scores.json");
    json_t *models = json_object();
    for (size_t i = 0; i < e->cfg->models.n; i++)
        json_object_set_new(models, rn_eval_model(e->reports[i]),
                            rn_eval_report_json(e->reports[i]));
    json_t *doc =
        json_pack("{s:o, s:s, s:s, s:I}", "models", models, "protocol", protocols[e->cfg->protocol],
                  "precision", rn_precision_words[e->cfg->precision], "max_per_task",
                  (json_int_t)e->cfg->max_per_task);
    int rc = rn_json_write(path, doc, err);
    json_decref(doc);
    free(path);
    return rc;
}

static int measure(struct eval *e, struct rn_err *err)
{
    const struct rn_ref *refs = e->cfg->models.items;
    RN_TRY(rn_mkdirs(e->dir, err));
    RN_TRY(open_inputs(e, err));
    RN_TRY(rn_device_open(&e->device, e->job->device, e->job->threads, e->job->log, err));
    for (size_t i = 0; i < e->cfg->models.n; i++)
        RN_TRY(run_model(e, &refs[i], e->reports[i], err));
    show_table(e);
    return write_scores(e, err);
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    const struct rn_ref *refs = c->models.items;
    struct eval e = {.job = job, .cfg = c, .dir = rn_join(job->out_dir, "scores")};
    e.reports = rn_xalloc((c->models.n + 1) * sizeof *e.reports);
    for (size_t i = 0; i < c->models.n; i++)
        e.reports[i] = rn_eval_report_new(refs[i].text, e.dir);
    int rc = measure(&e, err);
    for (size_t i = 0; i < c->models.n; i++)
        rn_eval_report_free(e.reports[i]);
    for (int in = 0; in < RN_EVAL_INPUTS; in++)
        free((void *)e.data[in].paths);
    rn_corpus_free(e.val);
    rn_tokenizer_free(e.tokenizer);
    rn_device_close(e.device);
    free(e.reports);
    free(e.dir);
    return rc;
}

const struct rn_stage rn_stage_eval = {.kind = "eval",
                                       .doc = "measure models",
                                       .version = 4,
                                       .keys = keys,
                                       .cfg_bytes = sizeof(struct cfg),
                                       .outputs = outputs,
                                       .metrics = metrics,
                                       .metrics_of_inputs = true,
                                       .settle = settle,
                                       .check = check,
                                       .run = run};
