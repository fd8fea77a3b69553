/* Tokenizers on disk: our directory and .tiktoken. All of it is outside input: files are capped,
 * and a refusal names the place. */
#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"
#include "split.h"
#include "tokenizer_parts.h"
#include "vocab_tiktoken.h"

#include <stdlib.h>
#include <string.h>

enum { SIDECAR_MAX_BYTES = 1 << 20 };
static const char ranks_name[] = "tokenizer.tiktoken", sidecar_name[] = "tokenizer.json";

/* Takes the split over, success or not. */
static int load_ranks(struct rn_tokenizer **out, const char *path, struct rn_split *split,
                      const char *const *specials, struct rn_err *err)
{
    struct rn_vocab v = {0};
    int rc = rn_vocab_read(&v, path, err);
    if (rc == RN_OK)
        rc = rn_tokenizer_make(out, &v, split, specials, RN_PATH(path), err);
    else
        rn_split_free(split);
    rn_vocab_release(&v);
    return rc;
}

int rn_tokenizer_load_tiktoken(struct rn_tokenizer **out, const char *path, const char *pattern,
                               const char *const *specials, struct rn_err *err)
{
    struct rn_split *split;
    *out = NULL;
    RN_TRY(rn_split_open(&split, pattern, RN_NOWHERE, err));
    return load_ranks(out, path, split, specials, err);
}

/* --- our directory --- */

/* The strings of the sidecar's "special", NULL-ended: borrowed from doc, the array is owned. */
static int read_specials(const json_t *doc, const char *path, const char ***out, struct rn_err *err)
{
    const json_t *list = json_object_get(doc, "special");
    if (!json_is_array(list))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "no list 'special'");
    const char **names = rn_xrealloc(NULL, json_array_size(list) + 1, sizeof *names);
    *out = names;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *name = json_array_get(list, i);
        names[i] = json_string_value(name);
        if (!names[i] || strlen(names[i]) != json_string_length(name))
            return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "special[%zu] is not a plain string",
                           i);
    }
    names[json_array_size(list)] = NULL;
    return RN_OK;
}

/* What the sidecar says about the whole must be what the loaded tokenizer is. */
static int check_sidecar(const struct rn_tokenizer *t, const json_t *doc, const char *path,
                         struct rn_err *err)
{
    int64_t size = rn_json_int(doc, "vocab_size", -1);
    if (size != rn_tokenizer_vocab_size(t))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "vocab_size %lld, but the files hold %d tokens", (long long)size,
                       rn_tokenizer_vocab_size(t));
    const char *digest = rn_json_str(doc, "digest", "");
    if (strcmp(digest, rn_tokenizer_digest(t)) != 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "digest %.16s.., but the files give %.16s..", digest,
                       rn_tokenizer_digest(t));
    return RN_OK;
}

static int load_with_sidecar(struct rn_tokenizer **out, const char *ranks, const char *sidecar,
                             const json_t *doc, struct rn_err *err)
{
    const char **specials = NULL;
    struct rn_split *split;
    RN_TRY(rn_split_open(&split, rn_json_str(doc, "pattern", ""), RN_PATH(sidecar), err));
    int rc = read_specials(doc, sidecar, &specials, err);
    if (rc == RN_OK)
        rc = load_ranks(out, ranks, split, specials, err);
    else
        rn_split_free(split);
    if (rc == RN_OK)
        rc = check_sidecar(*out, doc, sidecar, err);
    free(specials);
    return rc;
}

int rn_tokenizer_load(struct rn_tokenizer **out, const char *dir, struct rn_err *err)
{
    char *ranks = rn_join(dir, ranks_name), *sidecar = rn_join(dir, sidecar_name);
    json_t *doc = NULL;
    *out = NULL;
    int rc = rn_json_read(sidecar, SIDECAR_MAX_BYTES, &doc, err);
    if (rc == RN_OK)
        rc = load_with_sidecar(out, ranks, sidecar, doc, err);
    if (rc != RN_OK) {
        rn_tokenizer_free(*out);
        *out = NULL;
    }
    json_decref(doc);
    free(ranks);
    free(sidecar);
    return rc;
}

static json_t *sidecar_of(const struct rn_tokenizer *t, int32_t ranks_n)
{
    json_t *special = json_array();
    struct rn_str name = {0};
    for (int32_t id = ranks_n; id < rn_tokenizer_vocab_size(t); id++) {
        rn_str_clear(&name);
        RN_ASSERT(rn_tokenizer_decode(t, &id, 1, &name, NULL) == RN_OK);
        json_array_append_new(special, json_string(name.p));
    }
    rn_str_release(&name);
    return json_pack("{s:s, s:o, s:i, s:s}", "pattern", rn_tokenizer_pattern(t), "special", special,
                     "vocab_size", (int)rn_tokenizer_vocab_size(t), "digest",
                     rn_tokenizer_digest(t));
}

int rn_tokenizer_save_tiktoken(const struct rn_tokenizer *t, const char *path, struct rn_err *err)
{
    struct rn_str text = {0};
    rn_vocab_print(rn_tokenizer_vocab(t), &text);
    int rc = rn_file_write(path, text.p, text.n, err);
    rn_str_release(&text);
    return rc;
}

int rn_tokenizer_save(const struct rn_tokenizer *t, const char *dir, struct rn_err *err)
{
    char *ranks = rn_join(dir, ranks_name), *sidecar = rn_join(dir, sidecar_name);
    json_t *doc = sidecar_of(t, (int32_t)rn_tokenizer_vocab(t)->n);
    int rc;
    RN_CHECK(rc = rn_mkdirs(dir, err));
    RN_CHECK(rc = rn_tokenizer_save_tiktoken(t, ranks, err));
    rc = rn_json_write(sidecar, doc, err);
done:
    json_decref(doc);
    free(ranks);
    free(sidecar);
    return rc;
}
