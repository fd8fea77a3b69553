#include "tokens_in.h"

#include "parquet.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

const char *const rn_tokens_in_kinds[] = {"tokens", "files", NULL};

bool rn_tokens_in_has(const struct rn_artifact *a, const char *split)
{
    for (size_t i = 0; i < a->n_files; i++)
        if (rn_starts_with(a->files[i].name, split))
            return true;
    return false;
}

/* --- what the files may be --- */

struct opening {
    const struct rn_artifact *artifact;
    const char **paths;
    const char *split;
    const struct rn_tokenizer *tokenizer;
    const struct rn_log *log;
};

static bool is_ours(const struct rn_artifact *a)
{
    return strcmp(a->kind, "tokens") == 0 || (a->n_files && rn_tokens_is_ours(a->files[0].path));
}

static int open_ours(struct rn_corpus **out, const struct opening *o, struct rn_err *err)
{
    struct rn_tokens *t;
    RN_TRY(rn_tokens_open(&t, o->paths, o->artifact->n_files, o->split,
                          rn_tokenizer_digest(o->tokenizer), err));
    *out = rn_corpus_of_tokens(t);
    return RN_OK;
}

static bool is_text(const struct rn_artifact *a)
{
    return a->n_files && rn_parquet_is(a->files[0].path);
}

static int open_text(struct rn_corpus **out, const struct opening *o, struct rn_err *err)
{
    RN_TRY(rn_corpus_of_text(out, o->paths, o->artifact->n_files, o->tokenizer, err));
    rn_log(o->log, RN_INFO, "%s: %lld documents of text, encoded as they are read",
           o->artifact->name, (long long)rn_corpus_docs(*out));
    return RN_OK;
}

static bool is_any(const struct rn_artifact *a)
{
    (void)a;
    return true;
}

static int open_foreign(struct rn_corpus **out, const struct opening *o, struct rn_err *err)
{
    int32_t vocab = rn_tokenizer_vocab_size(o->tokenizer);
    struct rn_tokens *t;
    RN_TRY(rn_tokens_open_foreign(&t, o->paths, o->artifact->n_files, vocab,
                                  rn_tokenizer_bos(o->tokenizer), err));
    rn_log(o->log, RN_INFO,
           "%s: %lld tokens in %lld documents; they name no tokenizer: all are below %d",
           o->artifact->name, (long long)rn_tokens_count(t), (long long)rn_tokens_docs(t), vocab);
    *out = rn_corpus_of_tokens(t);
    return RN_OK;
}

/* The first that says yes. */
static const struct {
    bool (*is)(const struct rn_artifact *);
    int (*open)(struct rn_corpus **, const struct opening *, struct rn_err *);
} kinds[] = {{is_ours, open_ours}, {is_text, open_text}, {is_any, open_foreign}};

int rn_tokens_in_open(struct rn_corpus **out, const struct rn_artifact *a, const char *split,
                      const struct rn_tokenizer *tokenizer, const struct rn_log *log,
                      struct rn_err *err)
{
    struct opening o = {a, rn_artifact_paths(a), split, tokenizer, log};
    size_t i = 0;
    *out = NULL;
    while (!kinds[i].is(a))
        i++;
    int rc = kinds[i].open(out, &o, err);
    free(o.paths);
    return rc;
}

void rn_tokens_in_note(const struct rn_artifact *a, char note[160])
{
    if (a && !is_ours(a) && !is_text(a))
        snprintf(note, 160,
                 "%.60s names no tokenizer: all that can be checked is that its ids are below the "
                 "vocabulary",
                 a->name);
}
