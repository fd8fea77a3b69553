/* tokenize: documents to token shards. Documents are read in order, encoded by all threads a batch
 * at a time, and written in order: the shards do not depend on the number of threads. */
#include "clock.h"
#include "docs.h"
#include "encoder.h"
#include "file.h"
#include "mem.h"
#include "parallel.h"
#include "path.h"
#include "stage.h"
#include "str.h"
#include "tokenizer.h"
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

enum {
    THREADS_MAX = 256,
    BATCH_DOCS = 1024,
    BATCH_BYTES = 16 << 20
}; /* a batch is closed by either */
enum { DTYPE_AUTO, DTYPE_UINT16, DTYPE_UINT32 };

struct cfg {
    struct rn_ref tokenizer, train, val;
    int dtype;
    bool bos;
    int64_t shard_tokens;
};

static const char *const tokenizer_kinds[] = {"tokenizer", NULL};
static const char *const text_kinds[] = {"files", NULL};
static const char *const dtypes[] = {"auto", "uint16", "uint32", NULL};

static const struct rn_key in_keys[] = {
    RN_KEY_REF(struct cfg, tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED, "what encodes"),
    RN_KEY_REF(struct cfg, train, "train", text_kinds, RN_REQUIRED, "documents to train on"),
    RN_KEY_REF(struct cfg, val, "val", text_kinds, "~", "documents to validate on"), RN_KEYS_END};
static const struct rn_key keys[] = {
    RN_KEY_TABLE("in", in_keys, "inputs"),
    RN_KEY_WORD(struct cfg, dtype, "dtype", RN_IDENTITY, "auto", dtypes,
                "of a token on disk; auto: uint16 where the vocabulary allows"),
    RN_KEY_BOOL(struct cfg, bos, "bos", RN_IDENTITY, "true", "each document begins with <|bos|>"),
    RN_KEY_COUNT(struct cfg, shard_tokens, "shard_tokens", RN_IDENTITY, "100M", 1000,
                 RN_TOKENS_SHARD_MAX, "most tokens of a shard"),
    RN_KEYS_END};

static const struct rn_output outputs[] = {{"tokens", "tokens"}, {NULL, NULL}};
static const struct rn_metric metrics[] = {{"train_tokens", "tokens", 0, "tokens to train on"},
                                           {"val_tokens", "tokens", 0, "tokens to validate on"},
                                           {"tok_per_sec", "tokens/s", +1, "encoding and writing"},
                                           {NULL, NULL, 0, NULL}};

/* --- one batch of documents --- */

struct doc {
    size_t at, n;   /* in the batch's text */
    unsigned marks; /* of tokens.h */
    struct rn_ids ids;
};
struct batch {
    struct rn_str text;
    struct doc docs[BATCH_DOCS];
    int n;
    size_t file; /* of the last document read */
    bool last;
};

struct work {
    struct rn_job *job;
    const struct rn_tokenizer *tokenizer;
    struct rn_encoder **encoders; /* one for each thread */
    int threads;
    int32_t bos; /* -1: none */
    int width;
    int64_t shard_tokens;
    struct batch batch;
    int64_t docs_done, docs_all; /* of both splits; docs_all -1: unknown */
    double started_s;
    int64_t tokens;
};

static int read_batch(struct batch *b, struct rn_docs *docs, struct rn_err *err)
{
    struct rn_doc doc;
    rn_str_clear(&b->text);
    for (b->n = 0; b->n < BATCH_DOCS && b->text.n < BATCH_BYTES;) {
        RN_TRY(rn_docs_next(docs, &doc, err));
        b->last = !doc.text;
        if (b->last)
            break;
        struct doc *d = &b->docs[b->n++];
        d->at = b->text.n;
        d->n = doc.n;
        d->marks = (doc.group_end ? RN_TOKENS_GROUP_END : 0) |
                   (doc.file != b->file ? RN_TOKENS_FILE_START : 0);
        b->file = doc.file;
        rn_str_add(&b->text, doc.text, doc.n);
    }
    return RN_OK;
}

static void encode_doc(const struct work *w, struct rn_encoder *encoder, struct doc *d)
{
    d->ids.n = 0;
    if (w->bos >= 0)
        rn_ids_push(&d->ids, w->bos);
    rn_encoder_encode(encoder, w->batch.text.p + d->at, d->n, &d->ids);
}

static void encode_docs(void *ctx, int64_t first, int64_t end, int worker)
{
    struct work *w = ctx;
    for (int64_t i = first; i < end; i++)
        encode_doc(w, w->encoders[worker], &w->batch.docs[i]);
}

static void encode_batch(struct work *w)
{
    enum { DOCS_AT_A_TIME = 4 };
    rn_parallel(w->threads, w->batch.n, DOCS_AT_A_TIME, encode_docs, w);
}

static int write_batch(struct work *w, struct rn_tokens_writer *out, struct rn_err *err)
{
    for (int i = 0; i < w->batch.n; i++) {
        const struct doc *d = &w->batch.docs[i];
        RN_TRY(rn_tokens_writer_add(out, d->ids.p, d->ids.n, d->marks, err));
        w->tokens += (int64_t)d->ids.n;
    }
    w->docs_done += w->batch.n;
    return RN_OK;
}

static void report(const struct work *w)
{
    char text[64], rate[32];
    double seconds = rn_clock_s() - w->started_s;
    rn_show_count(rate, seconds > 0 ? (double)w->tokens / seconds : 0);
    snprintf(text, sizeof text, "%s tok/s", rate);
    rn_job_progress(w->job, (double)w->docs_done, (double)w->docs_all, "documents", text);
}

static int encode_all(struct work *w, struct rn_docs *docs, struct rn_tokens_writer *out,
                      struct rn_err *err)
{
    do {
        if (rn_job_stopping(w->job))
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE,
                           "tokenize stopped; it starts from its beginning again");
        RN_TRY(read_batch(&w->batch, docs, err));
        encode_batch(w);
        RN_TRY(write_batch(w, out, err));
        report(w);
    } while (!w->batch.last);
    return RN_OK;
}

/* --- a split --- */

static int write_split(struct work *w, struct rn_docs *docs, const char *dir, const char *split,
                       int64_t *count, struct rn_err *err)
{
    struct rn_tokens_spec spec = {.tokenizer_digest = rn_tokenizer_digest(w->tokenizer),
                                  .vocab_size = rn_tokenizer_vocab_size(w->tokenizer),
                                  .width = w->width,
                                  .shard_tokens = w->shard_tokens};
    struct rn_tokens_writer *out;
    w->batch.file = 0;
    RN_TRY(rn_tokens_writer_new(&out, dir, split, &spec, err));
    int rc = encode_all(w, docs, out, err);
    if (rc == RN_OK && rn_tokens_writer_count(out) == 0)
        rc = rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "the '%s' files hold no text", split);
    if (rc == RN_OK)
        rc = rn_tokens_writer_finish(out, err);
    *count = rn_tokens_writer_count(out);
    rn_tokens_writer_free(out);
    return rc;
}

static int open_docs(const struct rn_artifact *a, struct rn_docs **out, struct rn_err *err)
{
    const char **paths = rn_artifact_paths(a);
    int rc = rn_docs_open(out, paths, a->n_files, "text", err);
    free(paths);
    return rc;
}

static void add_rows(int64_t *sum, const struct rn_docs *docs)
{
    int64_t rows = docs ? rn_docs_rows(docs) : 0;
    *sum = rows < 0 || *sum < 0 ? -1 : *sum + rows;
}

static int both_splits(struct work *w, struct rn_docs *train, struct rn_docs *val,
                       struct rn_err *err)
{
    int64_t n_train = 0, n_val = 0;
    char *dir = rn_join(w->job->out_dir, "tokens");
    int rc = rn_mkdirs(dir, err);
    add_rows(&w->docs_all, train);
    add_rows(&w->docs_all, val);
    if (rc == RN_OK)
        rc = write_split(w, train, dir, "train", &n_train, err);
    if (rc == RN_OK && val)
        rc = write_split(w, val, dir, "val", &n_val, err);
    free(dir);
    RN_TRY(rc);
    double seconds = rn_clock_s() - w->started_s;
    struct rn_metric_value values[] = {
        {"train_tokens", (double)n_train},
        {"val_tokens", (double)n_val},
        {"tok_per_sec", seconds > 0 ? (double)w->tokens / seconds : 0}};
    rn_job_metrics(w->job, 0, values, RN_COUNT(values));
    return RN_OK;
}

/* --- the stage --- */

/* A validation file that is also trained on makes its bits per byte worthless; nanochat's 'last
 * file that arrived' did just that. It may be meant (a trial with one file), so it is only said. */
static void warn_shared(const struct rn_job *job, const struct rn_artifact *train,
                        const struct rn_artifact *val)
{
    for (size_t v = 0; val && v < val->n_files; v++)
        for (size_t t = 0; t < train->n_files; t++)
            if (!strcmp(train->files[t].sha256, val->files[v].sha256))
                rn_log(job->log, RN_WARN, "%s is both trained on and validated on",
                       val->files[v].name);
}

static int choose_width(const struct cfg *c, int32_t vocab_size, int *width, struct rn_err *err)
{
    bool narrow = vocab_size <= 1 << 16;
    *width = c->dtype == DTYPE_UINT32 || !narrow ? 4 : 2;
    if (c->dtype == DTYPE_UINT16 && !narrow)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'dtype': uint16 cannot hold a vocabulary of %d tokens", vocab_size);
    return RN_OK;
}

static int new_encoders(struct work *w, struct rn_err *err)
{
    w->encoders = rn_xalloc((size_t)w->threads * sizeof *w->encoders);
    for (int i = 0; i < w->threads; i++)
        RN_TRY(rn_encoder_new(&w->encoders[i], w->tokenizer, err));
    return RN_OK;
}

static int prepare(struct work *w, const struct cfg *c, struct rn_err *err)
{
    w->shard_tokens = c->shard_tokens;
    w->started_s = rn_clock_s();
    w->bos = c->bos ? rn_tokenizer_bos(w->tokenizer) : -1;
    if (c->bos && w->bos < 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'bos': the tokenizer has neither <|bos|> nor <|endoftext|>");
    RN_TRY(new_encoders(w, err));
    return choose_width(c, rn_tokenizer_vocab_size(w->tokenizer), &w->width, err);
}

static void work_free(struct work *w)
{
    rn_str_release(&w->batch.text);
    for (int i = 0; w->encoders && i < w->threads; i++)
        rn_encoder_free(w->encoders[i]);
    free(w->encoders);
    for (int i = 0; i < BATCH_DOCS; i++)
        rn_ids_release(&w->batch.docs[i].ids);
    free(w);
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    const struct rn_artifact *train = rn_job_artifact(job, &c->train);
    const struct rn_artifact *val = rn_job_artifact(job, &c->val);
    struct rn_tokenizer *tokenizer = NULL;
    struct rn_docs *train_docs = NULL, *val_docs = NULL;
    struct work *w = rn_new(struct work);
    int rc;
    w->job = job;
    w->threads = job->threads < 1 ? 1 : job->threads > THREADS_MAX ? THREADS_MAX : job->threads;
    warn_shared(job, train, val);
    RN_CHECK(rc = rn_tokenizer_load(&tokenizer, rn_job_artifact(job, &c->tokenizer)->dir, err));
    w->tokenizer = tokenizer;
    RN_CHECK(rc = prepare(w, c, err));
    RN_CHECK(rc = open_docs(train, &train_docs, err));
    if (val)
        RN_CHECK(rc = open_docs(val, &val_docs, err));
    rc = both_splits(w, train_docs, val_docs, err);
done:
    rn_docs_free(train_docs);
    rn_docs_free(val_docs);
    rn_tokenizer_free(tokenizer);
    work_free(w);
    return rc;
}

/* English text takes about 4.5 bytes a token, and zstd shrinks it to 0.38 of its size. */
static void add_estimate(const struct rn_artifact *a, double width, struct rn_estimate *e)
{
    for (size_t i = 0; a && i < a->n_files; i++) {
        double packed = rn_ends_with(a->files[i].name, ".parquet") ? 0.38 : 1.0;
        double tokens = (double)a->files[i].size_bytes / packed / 4.5;
        e->tokens += tokens;
        e->disk_bytes += tokens * width;
    }
}

static int estimate(const struct rn_job *job, const void *cfg, struct rn_estimate *e,
                    struct rn_err *err)
{
    const struct cfg *c = cfg;
    double width = c->dtype == DTYPE_UINT32 ? 4 : 2;
    (void)err;
    add_estimate(rn_job_artifact(job, &c->train), width, e);
    add_estimate(rn_job_artifact(job, &c->val), width, e);
    e->memory_bytes = 4.0 * BATCH_BYTES + width * (double)c->shard_tokens;
    e->resume_step = -1;
    return RN_OK;
}

const struct rn_stage rn_stage_tokenize = {.kind = "tokenize",
                                           .doc = "documents to token shards",
                                           .version = 2,
                                           .keys = keys,
                                           .cfg_bytes = sizeof(struct cfg),
                                           .outputs = outputs,
                                           .metrics = metrics,
                                           .estimate = estimate,
                                           .run = run};
