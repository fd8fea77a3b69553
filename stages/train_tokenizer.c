/* train-tokenizer: byte-level BPE learned from documents, or taken over from known files. */
#include "machine.h"
#include "mem.h"
#include "path.h"
#include "split.h"
#include "stage.h"
#include "str.h"
#include "tokenizer_train.h"

#include <stdlib.h>
#include <string.h>

struct cfg {
    struct rn_ref text, import;
    int64_t vocab_size, max_chars, doc_chars;
    const char *pattern;
    struct rn_list special;
};
static const char *const text_kinds[] = {"files", NULL};
static const char *const import_kinds[] = {"files", "tokenizer", NULL};
static const struct rn_key in_keys[] = {
    RN_KEY_REF(struct cfg, text, "text", text_kinds, "~",
               "documents to learn from, in order; a row of parquet, a line of .jsonl or a "
               ".txt file is one"),
    RN_KEYS_END};
static const struct rn_key keys[] = {
    RN_KEY_TABLE("in", in_keys, "inputs"),
    RN_KEY_COUNT(struct cfg, vocab_size, "vocab_size", RN_IDENTITY, "~", 256, 2e6,
                 "tokens, specials included"),
    RN_KEY_STR(struct cfg, pattern, "pattern", RN_IDENTITY, "nanochat",
               "how text is cut before merging: nanochat, gpt2, cl100k, or regex: and a regular "
               "expression of PCRE2"),
    RN_KEY_COUNT(struct cfg, max_chars, "max_chars", RN_IDENTITY, "2B", 1, 1e15,
                 "stop after the document that passes this many characters"),
    RN_KEY_COUNT(struct cfg, doc_chars, "doc_chars", RN_IDENTITY, "10000", 1, 1e9,
                 "characters taken of each document"),
    RN_KEY_LIST_OF(struct cfg, special, "special", RN_IDENTITY, "~", RN_T_STR,
                   "special tokens in id order; default: nanochat's nine"),
    RN_KEY_REF(struct cfg, import, "import", import_kinds, "~",
               "instead of training: tokenizer.json, .tiktoken, vocab.bpe (with encoder.json), a "
               "tokenizer"),
    RN_KEYS_END};
static const struct rn_output outputs[] = {{"tokenizer", "tokenizer"}, {NULL, NULL}};
static const struct rn_metric metrics[] = {
    {"vocab_size", "tokens", 0, "size of the vocabulary, specials included"},
    {"documents", "documents", 0, "documents learned from"},
    {"chars", "characters", 0, "characters learned from"},
    {"train_seconds", "s", -1, "time to read, count and merge"},
    {NULL, NULL, 0, NULL}};

/* NULL-ended copy of the list, NULL if there is none; the array is the caller's. */
static const char **given_specials(const struct cfg *c)
{
    if (!c->special.items)
        return NULL;
    const char **names = rn_xalloc((c->special.n + 1) * sizeof *names);
    if (c->special.n)
        memcpy(names, c->special.items, c->special.n * sizeof *names);
    return names;
}

static const char *const *specials_of(const char **given)
{
    return given ? (const char *const *)given : rn_special_nanochat;
}

static struct rn_train_plan plan_of(const struct cfg *c, const char **given, int threads)
{
    return (struct rn_train_plan){.pattern = c->pattern,
                                  .vocab_size = c->vocab_size,
                                  .specials = specials_of(given),
                                  .max_chars = c->max_chars,
                                  .doc_chars = c->doc_chars,
                                  .threads = threads};
}

static int check_pattern(const char *pattern, struct rn_err *err)
{
    struct rn_split *split;
    struct rn_err why = {0};
    if (rn_split_open(&split, pattern, RN_NOWHERE, &why) != RN_OK) {
        rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'pattern': %s", why.msg);
        rn_hint(err, "%s", why.hint);
        return RN_ECONFIG;
    }
    rn_split_free(split);
    return RN_OK;
}

static int check(const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    if (!c->text.text == !c->import.text)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'import' or 'in.text' is needed, and not both");
    RN_TRY(check_pattern(c->pattern, err));
    if (c->import.text)
        return RN_OK;
    if (c->vocab_size <= 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'vocab_size' is needed to train");
    const char **given = given_specials(c);
    struct rn_train_plan plan = plan_of(c, given, 1);
    int64_t merges = rn_train_merges(&plan);
    free(given);
    if (merges < 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'vocab_size' %lld leaves no room for 256 bytes and the special tokens",
                       (long long)c->vocab_size);
    return RN_OK;
}

static int estimate(const struct rn_job *job, const void *cfg, struct rn_estimate *e,
                    struct rn_err *err)
{
    const struct cfg *c = cfg;
    (void)job;
    (void)err;
    e->vocab_size = c->vocab_size > 0 ? c->vocab_size : 0;
    return RN_OK;
}

/* --- training --- */

static bool go_on(void *ctx, int64_t done, int64_t total, const char *unit)
{
    struct rn_job *job = ctx;
    rn_job_progress(job, (double)done, (double)(total > 0 ? total : 0), unit, "");
    return !rn_job_stopping(job);
}

static void report(struct rn_job *job, const struct rn_train_seen *seen, int32_t vocab_size)
{
    struct rn_metric_value values[] = {{"vocab_size", vocab_size},
                                       {"documents", (double)seen->docs},
                                       {"chars", (double)seen->chars},
                                       {"train_seconds", seen->seconds}};
    rn_job_metrics(job, 0, values, RN_COUNT(values));
    char peak[32];
    rn_show_bytes(peak, (double)rn_memory_peak());
    rn_log(job->log, RN_INFO,
           "%d merges from %lld characters in %lld documents, %lld distinct words, %.1f s, peak "
           "memory %s",
           seen->merges, (long long)seen->chars, (long long)seen->docs, (long long)seen->words,
           seen->seconds, peak);
}

static int train(struct rn_tokenizer **t, struct rn_job *job, const struct cfg *c,
                 const char **given, struct rn_err *err)
{
    const struct rn_artifact *text = rn_job_artifact(job, &c->text);
    const char **paths = rn_xalloc((text->n_files + 1) * sizeof *paths);
    for (size_t i = 0; i < text->n_files; i++)
        paths[i] = text->files[i].path;
    struct rn_train_plan plan = plan_of(c, given, job->threads);
    struct rn_train_seen seen;
    struct rn_docs *docs = NULL;
    char *left_out = NULL;
    int rc;
    RN_CHECK(rc = rn_docs_open(&docs, paths, text->n_files, "text", err));
    RN_CHECK(
        rc = rn_tokenizer_train(t, docs, &plan, (struct rn_train_watch){go_on, job}, &seen, err));
    report(job, &seen, rn_tokenizer_vocab_size(*t));
    left_out = rn_train_left_out(&plan, &seen);
    if (left_out)
        rn_log(job->log, RN_WARN, "%s", left_out);
    if (seen.merges < rn_train_merges(&plan))
        rn_log(job->log, RN_WARN, "the text has no more pairs: %d tokens instead of %lld",
               rn_tokenizer_vocab_size(*t), (long long)c->vocab_size);
done:
    free(left_out);
    rn_docs_free(docs);
    free(paths);
    return rc;
}

/* --- taking over --- */

static const char *file_named(const struct rn_artifact *a, const char *ending)
{
    for (size_t i = 0; i < a->n_files; i++)
        if (rn_ends_with(a->files[i].name, ending))
            return a->files[i].path;
    return NULL;
}

/* The file that speaks for the others. */
static int import_files(struct rn_tokenizer **t, const struct rn_artifact *a, const struct cfg *c,
                        const char **given, struct rn_err *err)
{
    static const char *const endings[] = {"tokenizer.json", ".pkl", ".tiktoken"};
    const char *merges = file_named(a, "vocab.bpe"), *pattern = c->pattern;
    if (strcmp(a->kind, "tokenizer") == 0)
        return rn_tokenizer_load(t, a->dir, err);
    if (merges)
        return rn_tokenizer_load_gpt2(t, merges, file_named(a, "encoder.json"), err);
    for (size_t i = 0; i < RN_COUNT(endings); i++)
        if (file_named(a, endings[i]))
            return rn_tokenizer_open(t, file_named(a, endings[i]), pattern, specials_of(given),
                                     err);
    return rn_fail(err, RN_ECONFIG, c->import.at,
                   "'import' %s has no tokenizer.json, vocab.bpe, .pkl or .tiktoken file", a->name);
}

static int import_tokenizer(struct rn_tokenizer **t, struct rn_job *job, const struct cfg *c,
                            const char **given, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(job, &c->import);
    RN_TRY(import_files(t, a, c, given, err));
    int32_t size = rn_tokenizer_vocab_size(*t);
    if (c->vocab_size > 0 && c->vocab_size != size)
        return rn_fail(err, RN_ECORRUPT, c->import.at, "%s has %d tokens, 'vocab_size' says %lld",
                       a->name, size, (long long)c->vocab_size);
    rn_job_metrics(job, 0, &(struct rn_metric_value){"vocab_size", size}, 1);
    rn_log(job->log, RN_INFO, "took over %d tokens from %s", size, a->name);
    return RN_OK;
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    const char **given = given_specials(c);
    struct rn_tokenizer *t = NULL;
    char *dir = rn_join(job->out_dir, outputs[0].name);
    int rc =
        c->import.text ? import_tokenizer(&t, job, c, given, err) : train(&t, job, c, given, err);
    if (rc == RN_OK)
        rc = rn_tokenizer_save(t, dir, err);
    rn_tokenizer_free(t);
    free(dir);
    free(given);
    return rc;
}

const struct rn_stage rn_stage_train_tokenizer = {.kind = "train-tokenizer",
                                                  .doc = "learn or import a tokenizer",
                                                  .version = 1,
                                                  .keys = keys,
                                                  .cfg_bytes = sizeof(struct cfg),
                                                  .outputs = outputs,
                                                  .metrics = metrics,
                                                  .check = check,
                                                  .estimate = estimate,
                                                  .run = run};
