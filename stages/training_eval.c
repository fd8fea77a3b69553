#include "training_eval.h"

#include "eval_bpb.h"
#include "file.h"
#include "generate.h"
#include "scorer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int rn_training_eval_init(struct rn_training_eval *e, const struct rn_training_eval_setup *s,
                          struct rn_err *err)
{
    (void)err;
    *e = (struct rn_training_eval){.s = *s};
    int32_t vocab = rn_tokenizer_vocab_size(s->tokenizer);
    bool old_rule = strcmp(rn_model_config(s->model)->arch, "nanochat-2025") == 0;
    e->byte_counts = rn_xalloc((size_t)vocab * sizeof *e->byte_counts);
    rn_tokenizer_byte_counts(s->tokenizer, old_rule, e->byte_counts);
    return RN_OK;
}

void rn_training_eval_release(struct rn_training_eval *e)
{
    rn_scorer_free(e->scorer);
    free(e->byte_counts);
}

static int scorer_of(struct rn_training_eval *e, struct rn_err *err)
{
    return e->scorer ? RN_OK : rn_scorer_model(&e->scorer, e->s.model, err);
}

/* --- bits per byte --- */

static int measure_bpb(struct rn_training_eval *e, struct rn_loader *loader, double *bpb,
                       struct rn_err *err)
{
    int64_t T = rn_model_config(e->s.model)->sequence_len;
    int64_t batches = e->s.cfg->bpb_tokens / (e->s.B * T);
    struct rn_bpb sum;
    RN_TRY(scorer_of(e, err));
    RN_TRY(rn_eval_bpb(e->scorer, loader, e->s.B, T, batches > 0 ? batches : 1, e->byte_counts,
                       rn_tokenizer_vocab_size(e->s.tokenizer), &sum, err));
    *bpb = rn_bpb_value(&sum);
    return RN_OK;
}

static int evaluate_bpb(struct rn_training_eval *e, int64_t step, double *bpb, struct rn_err *err)
{
    int64_t T = rn_model_config(e->s.model)->sequence_len;
    struct rn_loader *loader;
    RN_TRY(e->s.kind->val_loader(e->s.data, e->s.B, T, &loader, err));
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

static int sample_one(struct rn_training_eval *e, struct rn_generator *g, const char *prompt,
                      struct rn_err *err)
{
    enum { SAMPLE_TOKENS = 16 };
    struct sample s = {.e = e};
    struct rn_ids ids = {0};
    int32_t bos = rn_tokenizer_bos(e->s.tokenizer);
    struct rn_sampling how = {.max_tokens = SAMPLE_TOKENS, .stop = &bos, .n_stop = 1};
    rn_ids_push(&ids, bos);
    rn_tokenizer_encode(e->s.tokenizer, prompt, strlen(prompt), &ids);
    int rc = rn_generate(g, ids.p, ids.n, &how, add_token, &s, err);
    if (rc == RN_OK)
        rn_log(e->s.job->log, RN_INFO, "sample: %s|%s", prompt, s.text.p ? s.text.p : "");
    rn_str_release(&s.text);
    rn_ids_release(&ids);
    return rc;
}

static int evaluate_samples(struct rn_training_eval *e, struct rn_err *err)
{
    const char *const *prompts = e->s.cfg->sample_prompts.items;
    struct rn_generator *g;
    RN_TRY(rn_generator_new(&g, e->s.model, rn_model_config(e->s.model)->sequence_len, err));
    int rc = RN_OK;
    for (size_t i = 0; i < e->s.cfg->sample_prompts.n && rc == RN_OK; i++)
        rc = sample_one(e, g, prompts[i], err);
    rn_generator_free(g);
    return rc;
}

/* --- all of them --- */

static void warn(const struct rn_training_eval *e, const char *what, int64_t step,
                 const struct rn_err *err)
{
    rn_log(e->s.job->log, RN_WARN, "step %05" PRId64 ": %s failed, training goes on: %s", step,
           what, err->msg);
}

double rn_training_evaluate(struct rn_training_eval *e, int64_t step,
                            const struct rn_training_due *due)
{
    double bpb = NAN;
    struct rn_err why = {0};
    if (due->bpb && evaluate_bpb(e, step, &bpb, &why) != RN_OK)
        warn(e, "bits per byte", step, &why);
    why = (struct rn_err){0};
    if (due->sample && evaluate_samples(e, &why) != RN_OK)
        warn(e, "sampling", step, &why);
    return bpb;
}
