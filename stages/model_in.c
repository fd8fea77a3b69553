#include "model_in.h"

#include "file.h"
#include "path.h"
#include "str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int check(const json_t *config, const char *path, const struct rn_tokenizer *tokenizer,
                 struct rn_err *err)
{
    const char *was = rn_json_str(config, "tokenizer", ""), *is = rn_tokenizer_digest(tokenizer);
    int64_t tokens = rn_json_int(config, "vocab_size", -1);
    if (*was && strcmp(was, is) != 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "this model was trained with another tokenizer (%.12s.., given %.12s..)",
                       was, is);
    if (tokens != rn_tokenizer_vocab_size(tokenizer))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "this model has %" PRId64 " tokens and the tokenizer %" PRId32, tokens,
                       rn_tokenizer_vocab_size(tokenizer));
    return RN_OK;
}

static char *config_path(const struct rn_artifact *model)
{
    return rn_join(model->dir, "config.json");
}

enum { CONFIG_CAP = 1 << 20 };

int rn_model_in_check(const struct rn_artifact *model, const struct rn_tokenizer *tokenizer,
                      struct rn_err *err)
{
    char *path = config_path(model);
    json_t *config = NULL;
    int rc = rn_json_read(path, CONFIG_CAP, &config, err);
    if (rc == RN_OK)
        rc = check(config, path, tokenizer, err);
    json_decref(config);
    free(path);
    return rc;
}

static const char *weights_among(const struct rn_artifact *a)
{
    for (size_t i = 0; i < a->n_files; i++)
        if (rn_ends_with(a->files[i].name, ".safetensors"))
            return a->files[i].path;
    return NULL;
}

static char *users_path(const struct rn_job *job, const char *text)
{
    char *path = text[0] == '/' ? rn_xdup(text) : rn_join(job->pipeline_dir, text);
    char *inside = rn_join(path, "model.safetensors");
    if (rn_exists(inside)) {
        free(path);
        return inside;
    }
    free(inside);
    return path;
}

int rn_model_in_weights(const struct rn_job *job, const struct rn_ref *ref, char **path,
                        struct rn_err *err)
{
    const struct rn_artifact *a = ref->stage ? rn_job_artifact(job, ref) : NULL;
    const char *found = a ? weights_among(a) : NULL;
    *path = !ref->stage ? users_path(job, ref->text) : found ? rn_xdup(found) : NULL;
    if (*path && rn_exists(*path))
        return RN_OK;
    free(*path);
    *path = NULL;
    return rn_fail(err, RN_ECONFIG, ref->at, "%s has no .safetensors file", ref->text);
}

int64_t rn_model_in_batch(const struct rn_artifact *model)
{
    char *path = config_path(model);
    json_t *config = NULL;
    rn_json_read(path, CONFIG_CAP, &config, NULL);
    int64_t tokens = rn_json_int(config, "batch_tokens", 0);
    json_decref(config);
    free(path);
    return tokens;
}
