#include "training_eval.h"

#include "eval_bpb.h"
#include "evals.h"
#include "generate.h"
#include "scorer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void rn_training_eval_init(struct rn_training_eval *e, const struct rn_training_eval_setup *s)
{
    *e = (struct rn_training_eval){.s = *s,
                                   .scorer = rn_scorer_model(s->model),
                                   .byte_counts =
                                       rn_bpb_byte_counts(s->tokenizer, rn_model_config(s->model))};
}

void rn_training_eval_release(struct rn_training_eval *e)
{
    rn_scorer_free(e->scorer);
    free(e->byte_counts);
}

/* --- bits per byte --- */

static int measure_bpb(struct rn_training_eval *e, struct rn_loader *loader, double *bpb,
                       struct rn_err *err)
{
    struct rn_bpb_of of = {.scorer = e->scorer,
                           .loader = loader,
                           .T = rn_model_config(e->s.model)->sequence_len,
                           .tokens = e->s.cfg->bpb_tokens,
                           .byte_counts = e->byte_counts,
                           .vocab = rn_tokenizer_vocab_size(e->s.tokenizer)};
    struct rn_bpb sum;
    RN_TRY(rn_eval_bpb(&of, &sum, err));
    *bpb = rn_bpb_value(&sum);
    return RN_OK;
}

static int evaluate_bpb(struct rn_training_eval *e, int64_t step, double *bpb, struct rn_err *err)
{
    int64_t T = rn_model_config(e->s.model)->sequence_len;
    struct rn_loader *loader;
    RN_TRY(e->s.kind->val_loader(e->s.data, rn_bpb_rows(T, e->s.cfg->bpb_tokens), T, &loader, err));
    if (!loader)
        return RN_OK;
    int rc = measure_bpb(e, loader, bpb, err);
    rn_loader_free(loader);
    RN_TRY(rc);
    rn_log(e->s.job->log, RN_INFO, "step %05" PRId64 ": val_bpb %.6f", step, *bpb);
    rn_job_metrics(e->s.job, step, &(struct rn_metric_value){"val_bpb", *bpb}, 1);
    return RN_OK;
}

/* --- samples --- */

struct sample {
    struct rn_training_eval *e;
    struct rn_str text;
};

static int add_token(void *ctx, int32_t id)
{
    struct sample *s = ctx;
    if (id == rn_tokenizer_bos(s->e->s.tokenizer))
        return 1;
    return rn_tokenizer_decode(s->e->s.tokenizer, &id, 1, &s->text, NULL);
}

static void tell_sample(struct rn_training_eval *e, int64_t step, size_t index, const char *prompt,
                        const char *said)
{
    char *name = rn_xprintf("sample/%zu", index), *text = rn_xprintf("%s%s", prompt, said);
    rn_log(e->s.job->log, RN_INFO, "sample: %s|%s", prompt, said);
    rn_job_said(e->s.job, step, name, text);
    free(text);
    free(name);
}

static int sample_one(struct rn_training_eval *e, struct rn_generator *g, int64_t step,
                      size_t index, struct rn_err *err)
{
    enum { SAMPLE_TOKENS = 16 };
    const char *prompt = ((const char *const *)e->s.cfg->sample_prompts.items)[index];
    struct sample s = {.e = e};
    struct rn_ids ids = {0};
    int32_t bos = rn_tokenizer_bos(e->s.tokenizer);
    struct rn_sampling how = {.max_tokens = SAMPLE_TOKENS, .stop = &bos, .n_stop = 1};
    rn_ids_push(&ids, bos);
    rn_tokenizer_encode(e->s.tokenizer, prompt, strlen(prompt), &ids);
    struct rn_text text = {.prompt = ids.p, .n = ids.n, .each = add_token, .ctx = &s};
    int rc = rn_generate(g, &text, 1, &how, err);
    if (rc == RN_OK)
        tell_sample(e, step, index, prompt, s.text.p ? s.text.p : "");
    rn_str_release(&s.text);
    rn_ids_release(&ids);
    return rc;
}

static int evaluate_samples(struct rn_training_eval *e, int64_t step, struct rn_err *err)
{
    struct rn_generator *g;
    RN_TRY(rn_generator_new(&g, e->s.model, 1, rn_model_config(e->s.model)->sequence_len, err));
    int rc = RN_OK;
    for (size_t i = 0; i < e->s.cfg->sample_prompts.n && rc == RN_OK; i++)
        rc = sample_one(e, g, step, i, err);
    rn_generator_free(g);
    return rc;
}

/* --- tasks of evals.def, on what `watch_in` names --- */

static bool goes_on(void *ctx, const char *what, size_t done, size_t all)
{
    const struct rn_training_eval *e = ctx;
    rn_job_progress(e->s.job, (double)done, (double)all, "items", what);
    return !rn_job_stopping(e->s.job);
}

static int measure_task(struct rn_training_eval *e, const char *name, enum rn_eval_input input,
                        int64_t max_items, struct rn_eval_report *report, struct rn_err *err)
{
    struct rn_eval_data data[RN_EVAL_INPUTS] = {0};
    const struct rn_artifact *a = rn_job_watched(e->s.job, name);
    if (!a)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "eval.%s needs its data: watch_in: {%s: <reference>}", name, name);
    const char **paths = rn_artifact_paths(a);
    data[input] = (struct rn_eval_data){paths, a->n_files};
    struct rn_eval_run run = {.model = e->s.model,
                              .tokenizer = e->s.tokenizer,
                              .scorer = e->scorer,
                              .data = data,
                              .report = report,
                              .max_items = max_items,
                              .log = e->s.job->log,
                              .progress = goes_on,
                              .ctx = e};
    int rc = rn_eval_measure(&run, rn_eval_find(name), err);
    free(paths);
    return rc;
}

static int evaluate_task(struct rn_training_eval *e, const char *name, enum rn_eval_input input,
                         int64_t max_items, int64_t step, struct rn_err *err)
{
    struct rn_eval_report *report = rn_eval_report_new(e->s.job->stage, NULL);
    int rc = measure_task(e, name, input, max_items, report, err);
    if (rc == RN_OK) {
        struct rn_metric_value v = {name, rn_eval_value(report, name)};
        rn_log(e->s.job->log, RN_INFO, "step %05" PRId64 ": %s %.4f", step, name, v.value);
        rn_job_metrics(e->s.job, step, &v, 1);
    }
    rn_eval_report_free(report);
    return rc;
}

/* --- all of them --- */

const char *const rn_training_look_names[RN_LOOKS] = {"bpb", "core", "hellaswag", "sample"};

static int look(struct rn_training_eval *e, enum rn_training_look what, int64_t step, double *bpb,
                struct rn_err *err)
{
    const struct rn_training_cfg *c = e->s.cfg;
    switch (what) {
    case RN_LOOK_BPB:
        return evaluate_bpb(e, step, bpb, err);
    case RN_LOOK_CORE:
        return evaluate_task(e, "core", RN_EVAL_IN_core, c->core_max_per_task, step, err);
    case RN_LOOK_HELLASWAG:
        return evaluate_task(e, "hellaswag", RN_EVAL_IN_hellaswag, c->hellaswag_max, step, err);
    case RN_LOOK_SAMPLE:
    case RN_LOOKS:
        break;
    }
    return evaluate_samples(e, step, err);
}

/* Done, or failed with a warning; an interrupted one stays due. */
double rn_training_evaluate(struct rn_training_eval *e, int64_t step, struct rn_training_due *due)
{
    double bpb = NAN;
    for (int i = 0; i < RN_LOOKS; i++) {
        struct rn_err err = {0};
        if (!due->is[i] || (i > 0 && rn_job_stopping(e->s.job)))
            continue;
        int rc = look(e, (enum rn_training_look)i, step, &bpb, &err);
        due->is[i] = rc == RN_ESTOPPED;
        if (rc != RN_OK && rc != RN_ESTOPPED)
            rn_log(e->s.job->log, RN_WARN, "step %05" PRId64 ": %s failed, training goes on: %s",
                   step, rn_training_look_names[i], err.msg);
    }
    return bpb;
}
