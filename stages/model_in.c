#include "model_in.h"

#include "file.h"

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
