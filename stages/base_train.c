/* base-train: a new model from token shards. */
#include "artifact.h"
#include "tokens.h"
#include "training.h"

#include <stdlib.h>
#include <string.h>

#define CFG struct rn_training_cfg

static const char *const tokenizer_kinds[] = {"tokenizer", NULL};
static const char *const tokens_kinds[] = {"tokens", NULL};

static const struct rn_key in_keys[] = {
    RN_KEY_REF(CFG, in_tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED,
               "the one the tokens were made with"),
    RN_KEY_REF(CFG, in_tokens, "tokens", tokens_kinds, RN_REQUIRED, "train and val tokens"),
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

static int open_split(struct rn_job *job, const CFG *c, const struct rn_tokenizer *tokenizer,
                      const struct rn_model_cfg *mc, int64_t B, const char *split,
                      struct rn_loader **out, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(job, &c->in_tokens);
    const char **paths = rn_artifact_paths(a);
    struct rn_tokens *tokens;
    int rc = rn_tokens_open(&tokens, paths, a->n_files, split, rn_tokenizer_digest(tokenizer), err);
    free(paths);
    RN_TRY(rc);
    return wants_bestfit(c, mc) ? rn_loader_bestfit(out, tokens, B, mc->sequence_len, err)
                                : rn_loader_stream(out, tokens, B, mc->sequence_len, err);
}

static int train_loader(struct rn_job *job, const CFG *c, const struct rn_tokenizer *tokenizer,
                        const struct rn_model_cfg *mc, int64_t B, int64_t batch_tokens,
                        struct rn_loader **out, int64_t *one_pass_steps, struct rn_err *err)
{
    (void)batch_tokens;
    *one_pass_steps = 0;
    return open_split(job, c, tokenizer, mc, B, "train", out, err);
}

static int val_loader(struct rn_job *job, const CFG *c, const struct rn_tokenizer *tokenizer,
                      const struct rn_model_cfg *mc, int64_t B, struct rn_loader **out,
                      struct rn_err *err)
{
    return open_split(job, c, tokenizer, mc, B, "val", out, err);
}

static const struct rn_training_kind kind = {
    .name = "base-train", .lr_frac = 1, .train_loader = train_loader, .val_loader = val_loader};

static int check(const void *cfg, struct rn_err *err)
{
    return rn_training_check(cfg, err);
}

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
                                             .version = 1,
                                             .keys = keys,
                                             .cfg_bytes = sizeof(CFG),
                                             .outputs = rn_training_outputs,
                                             .metrics = rn_training_metrics,
                                             .trains = true,
                                             .check = check,
                                             .fingerprint = rn_training_fingerprint,
                                             .estimate = estimate,
                                             .run = run};
