#include "tokens_in.h"

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

static bool is_ours(const struct rn_artifact *a)
{
    return strcmp(a->kind, "tokens") == 0 || (a->n_files && rn_tokens_is_ours(a->files[0].path));
}

int rn_tokens_in_open(struct rn_tokens **out, const struct rn_artifact *a, const char *split,
                      const struct rn_tokenizer *tokenizer, const struct rn_log *log,
                      struct rn_err *err)
{
    const char **paths = rn_artifact_paths(a);
    int32_t vocab = rn_tokenizer_vocab_size(tokenizer);
    bool ours = is_ours(a);
    int rc =
        ours ? rn_tokens_open(out, paths, a->n_files, split, rn_tokenizer_digest(tokenizer), err)
             : rn_tokens_open_foreign(out, paths, a->n_files, vocab, rn_tokenizer_bos(tokenizer),
                                      err);
    free(paths);
    if (rc == RN_OK && !ours)
        rn_log(log, RN_INFO,
               "%s: %lld tokens in %lld documents; they name no tokenizer: all are below %d",
               a->name, (long long)rn_tokens_count(*out), (long long)rn_tokens_docs(*out), vocab);
    return rc;
}
