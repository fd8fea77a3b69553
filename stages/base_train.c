/* base-train: a new model from token shards. */
#include "str.h"
#include "tokens_in.h"
#include "training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CFG struct rn_training_cfg

static const char *const tokenizer_kinds[] = {"tokenizer", NULL};
static const char *const files_kinds[] = {"files", NULL};

static const struct rn_key in_keys[] = {
    RN_KEY_REF(CFG, in_tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED,
               "the one the tokens were made with"),
    RN_KEY_REF(CFG, in_tokens, "tokens", rn_tokens_in_kinds, RN_REQUIRED,
               "train and val tokens, or fetched token shards to train on"),
    RN_KEY_REF(CFG, in_val, "val", files_kinds, "~", "fetched token shards to validate on"),
    RN_KEYS_END};

static const struct rn_key keys[] = {
    RN_KEY_TABLE("in", in_keys, "inputs"),
    RN_KEY_TABLE("model", rn_training_model_keys, "what to build"), RN_TRAINING_KEYS,
    RN_KEY_TABLE("loader", rn_training_loader_keys, "how documents become rows"), RN_KEYS_END};

static bool wants_bestfit(const CFG *c, const struct rn_model_cfg *mc)
{
    if (c->loader != RN_LOADER_AUTO)
        return c->loader == RN_LOADER_BESTFIT;
    return strcmp(mc->arch, "nanochat-2026") == 0;
}

struct data {
    struct rn_tokens *train, *val; /* val NULL: none */
    bool bestfit;
};

static void close_data(void *data)
{
    struct data *d = data;
    if (!d)
        return;
    rn_tokens_free(d->train);
    rn_tokens_free(d->val);
    free(d);
}

/* The tokenize stage writes val_*.bin only where the pipeline gives it documents for it. */
static const struct rn_artifact *val_of(const struct rn_job *job, const CFG *c)
{
    const struct rn_artifact *a = rn_job_artifact(job, &c->in_tokens);
    return c->in_val.text ? rn_job_artifact(job, &c->in_val)
           : rn_tokens_in_has(a, "val") && strcmp(a->kind, "tokens") == 0 ? a
                                                                          : NULL;
}

static int open_data(struct rn_job *job, const CFG *c, const struct rn_tokenizer *tokenizer,
                     const struct rn_model_cfg *mc, void **out, struct rn_err *err)
{
    const struct rn_artifact *train = rn_job_artifact(job, &c->in_tokens), *val = val_of(job, c);
    struct data *d = rn_new(struct data);
    *out = d;
    d->bestfit = wants_bestfit(c, mc);
    RN_TRY(rn_tokens_in_open(&d->train, train, "train", tokenizer, job->log, err));
    return val ? rn_tokens_in_open(&d->val, val, "val", tokenizer, job->log, err) : RN_OK;
}

static int loader(const struct data *d, struct rn_tokens *tokens, int64_t B, int64_t T,
                  struct rn_loader **out, struct rn_err *err)
{
    return d->bestfit ? rn_loader_bestfit(out, tokens, B, T, err)
                      : rn_loader_stream(out, tokens, B, T, err);
}

static int train_loader(void *data, int64_t B, int64_t T, struct rn_loader **out,
                        struct rn_err *err)
{
    const struct data *d = data;
    return loader(d, d->train, B, T, out, err);
}

static int val_loader(void *data, int64_t B, int64_t T, struct rn_loader **out, struct rn_err *err)
{
    const struct data *d = data;
    *out = NULL;
    return d->val ? loader(d, d->val, B, T, out, err) : RN_OK;
}

static struct rn_training_defaults defaults(const struct rn_model_cfg *mc)
{
    (void)mc;
    return (struct rn_training_defaults){.lr_frac = 1, .clip = NAN};
}

/* Windows of the stream hold one token more than they train on; rows of best fit drop what was cut,
 * so their pass is shorter than this says. */
static int one_pass_steps(void *data, int64_t batch_tokens, int64_t T, int64_t *steps,
                          struct rn_err *err)
{
    const struct data *d = data;
    (void)T;
    (void)err;
    *steps = (rn_tokens_count(d->train) + batch_tokens) / (batch_tokens + 1);
    return RN_OK;
}

static const struct rn_training_kind kind = {.name = "base-train",
                                             .defaults = defaults,
                                             .open = open_data,
                                             .close = close_data,
                                             .train_loader = train_loader,
                                             .val_loader = val_loader,
                                             .one_pass_steps = one_pass_steps};

static int estimate(const struct rn_job *job, const void *cfg, struct rn_estimate *e,
                    struct rn_err *err)
{
    return rn_training_estimate(job, cfg, &kind, e, err);
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    return rn_training_run(job, cfg, &kind, err);
}

const struct rn_stage rn_stage_base_train = {.kind = "base-train",
                                             .doc = "pretrain a new model from token shards",
                                             .version = 2,
                                             .keys = keys,
                                             .cfg_bytes = sizeof(CFG),
                                             .outputs = rn_training_outputs,
                                             .metrics = rn_training_metrics,
                                             .trains = true,
                                             .settle = rn_training_settle,
                                             .check = rn_training_check,
                                             .fingerprint = rn_training_fingerprint,
                                             .estimate = estimate,
                                             .run = run};
