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
static const char *const weights_kinds[] = {"model", "files", "path", NULL};

static const struct rn_key in_keys[] = {
    RN_KEY_REF(CFG, in_tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED,
               "the one the tokens were made with"),
    RN_KEY_REF(CFG, in_tokens, "tokens", rn_tokens_in_kinds, RN_REQUIRED,
               "train and val tokens; or fetched: token shards, parquet text"),
    RN_KEY_REF(CFG, in_val, "val", files_kinds, "~",
               "fetched token shards or parquet text to validate on"),
    RN_KEYS_END};

static const struct rn_key keys[] = {
    RN_KEY_TABLE("in", in_keys, "inputs"),
    RN_KEY_TABLE("model", rn_training_model_keys, "what to build"),
    RN_KEY_REF(CFG, init, "init", weights_kinds, "~",
               "weights to start from instead of new ones: a model, fetched files, or a path"),
    RN_KEY_WORD(
        CFG, shape.embeddings, "embeddings", RN_IDENTITY, "~", rn_embedding_words,
        "what embeddings are kept in, with their moments: fp32; bf16: as nanochat, nanochat only"),
    RN_TRAINING_KEYS,
    RN_KEY_TABLE("loader", rn_training_loader_keys, "how documents become rows"),
    RN_KEYS_END};

static enum rn_rows rows_of(const CFG *c, const struct rn_model_cfg *mc)
{
    bool bestfit = c->loader == RN_LOADER_BESTFIT ||
                   (c->loader == RN_LOADER_AUTO && strcmp(mc->arch, "nanochat-2026") == 0);
    return bestfit ? RN_ROWS_BESTFIT : RN_ROWS_STREAM;
}

struct data {
    const CFG *cfg;
    struct rn_corpus *train, *val; /* val NULL: none */
    enum rn_rows rows;
};

static void close_data(void *data)
{
    struct data *d = data;
    if (!d)
        return;
    rn_corpus_free(d->train);
    rn_corpus_free(d->val);
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

/* A shard's rows in any order are a look each at tokens, but a row group decoded each of text. */
static int check_shuffle(const CFG *c, const struct rn_corpus *train, struct rn_err *err)
{
    if (c->shuffle != RN_SHUFFLE_ROWS || rn_corpus_tokens(train) >= 0)
        return RN_OK;
    rn_hint(err, "shuffle shards, or put a tokenize stage between");
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                   "'loader.shuffle': rows needs token shards; text is encoded in its order");
}

/* Of a few long documents, such as books, rows that begin with one would hold their beginnings. */
static void tell_dropped(const struct rn_job *job, const struct data *d, int64_t T)
{
    const double FEW = 0.1;
    double docs = (double)rn_corpus_docs(d->train), tokens = (double)rn_corpus_tokens(d->train);
    double used = docs * (double)(T + 1) / tokens;
    if (d->rows == RN_ROWS_BESTFIT && tokens > 0 && used < FEW)
        rn_log(
            job->log, RN_WARN,
            "at most %.2g %% of the training tokens are ever seen: rows of best fit begin with a "
            "document and drop what of it is longer, and documents have %.0f tokens on average; "
            "'loader: {kind: stream}' sees all",
            100 * used, tokens / docs);
}

static int open_data(struct rn_job *job, const CFG *c, const struct rn_tokenizer *tokenizer,
                     const struct rn_model_cfg *mc, void **out, struct rn_err *err)
{
    const struct rn_artifact *train = rn_job_artifact(job, &c->in_tokens), *val = val_of(job, c);
    struct data *d = rn_new(struct data);
    *out = d;
    d->cfg = c;
    d->rows = rows_of(c, mc);
    RN_TRY(rn_tokens_in_open(&d->train, train, "train", tokenizer, job->log, err));
    RN_TRY(check_shuffle(c, d->train, err));
    tell_dropped(job, d, mc->sequence_len);
    return val ? rn_tokens_in_open(&d->val, val, "val", tokenizer, job->log, err) : RN_OK;
}

static int train_loader(void *data, int64_t B, int64_t T, struct rn_loader **out,
                        struct rn_err *err)
{
    const struct data *d = data;
    struct rn_loader_cfg cfg = {.rows = d->rows,
                                .B = B,
                                .T = T,
                                .shuffle = (enum rn_shuffle)d->cfg->shuffle,
                                .seed = (uint64_t)d->cfg->seed,
                                .streams = d->cfg->streams};
    return rn_loader_open(out, d->train, &cfg, err);
}

static int val_loader(void *data, int64_t B, int64_t T, struct rn_loader **out, struct rn_err *err)
{
    const struct data *d = data;
    struct rn_loader_cfg cfg = {.rows = d->rows, .B = B, .T = T, .streams = 1};
    *out = NULL;
    return d->val ? rn_loader_open(out, d->val, &cfg, err) : RN_OK;
}

static struct rn_training_defaults defaults(const struct rn_model_cfg *mc)
{
    (void)mc;
    return (struct rn_training_defaults){.lr_frac = 1, .clip = NAN};
}

/* Windows of the stream hold one token more than they train on; rows of best fit drop what was cut,
 * so their pass is shorter than this says. 0: not known before the text is encoded. */
static int one_pass_steps(void *data, int64_t batch_tokens, int64_t T, int64_t *steps,
                          struct rn_err *err)
{
    const struct data *d = data;
    (void)T;
    (void)err;
    int64_t tokens = rn_corpus_tokens(d->train);
    *steps = tokens < 0 ? 0 : (tokens + batch_tokens) / (batch_tokens + 1);
    return RN_OK;
}

static const struct rn_training_kind kind = {.defaults = defaults,
                                             .open = open_data,
                                             .close = close_data,
                                             .train_loader = train_loader,
                                             .val_loader = val_loader,
                                             .one_pass_steps = one_pass_steps};

const struct rn_stage rn_stage_base_train = {.kind = "base-train",
                                             .doc = "pretrain a new model from token shards",
                                             .keys = keys,
                                             .own = &kind,
                                             RN_TRAINING_STAGE};
