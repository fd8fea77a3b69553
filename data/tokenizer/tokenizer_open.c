/* Which reader or writer a path asks for: by the ending of a file's name, and for a directory by
 * what is in it. */
#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"
#include "pickle.h"
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct asked {
    const char *path, *pattern;
    const char *const *specials;
};

static int open_tiktoken(struct rn_tokenizer **t, const struct asked *a, struct rn_err *err)
{
    return rn_tokenizer_load_tiktoken(t, a->path, a->pattern, a->specials, err);
}

static int open_gpt2(struct rn_tokenizer **t, const struct asked *a, struct rn_err *err)
{
    char *dir = rn_dirname(a->path), *encoder = rn_join(dir, "encoder.json");
    int rc = rn_tokenizer_load_gpt2(t, a->path, rn_exists(encoder) ? encoder : NULL, err);
    free(encoder);
    free(dir);
    return rc;
}

/* Our sidecar has the same name, and ranks beside it. */
static int open_json(struct rn_tokenizer **t, const struct asked *a, struct rn_err *err)
{
    char *dir = rn_dirname(a->path), *ranks = rn_join(dir, "tokenizer.tiktoken");
    bool ours = rn_exists(ranks) && strcmp(rn_basename(a->path), "tokenizer.json") == 0;
    int rc = ours ? rn_tokenizer_load(t, dir, err) : rn_tokenizer_load_hf(t, a->path, err);
    free(ranks);
    free(dir);
    return rc;
}

static int open_pickle(struct rn_tokenizer **t, const struct asked *a, struct rn_err *err)
{
    return rn_tokenizer_load_pickle(t, a->path, err);
}

static int save_pickle(const struct rn_tokenizer *t, const char *path, struct rn_err *err)
{
    (void)t;
    return rn_fail(err, RN_EUSAGE, RN_PATH(path), "pickles are read, never written");
}

static const struct kind {
    const char *ending, *in_dir; /* in_dir: the file that makes a directory one of these */
    int (*open)(struct rn_tokenizer **, const struct asked *, struct rn_err *);
    int (*save)(const struct rn_tokenizer *, const char *path, struct rn_err *);
} kinds[] = {
    {".json", "tokenizer.json", open_json, rn_tokenizer_save_hf},
    {".bpe", "vocab.bpe", open_gpt2, rn_tokenizer_save_gpt2},
    {".pkl", "tokenizer.pkl", open_pickle, save_pickle},
    {".tiktoken", "tokenizer.tiktoken", open_tiktoken, rn_tokenizer_save_tiktoken},
};

int rn_tokenizer_write(const struct rn_tokenizer *t, const char *path, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (rn_ends_with(path, kinds[i].ending))
            return kinds[i].save(t, path, err);
    return rn_tokenizer_save(t, path, err);
}

static int open_file(struct rn_tokenizer **t, const struct asked *a, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (rn_ends_with(a->path, kinds[i].ending))
            return kinds[i].open(t, a, err);
    return rn_fail(err, RN_ECORRUPT, RN_PATH(a->path),
                   "no tokenizer that is known: expected a directory, .tiktoken, vocab.bpe, "
                   "tokenizer.json or tokenizer.pkl");
}

static int open_dir(struct rn_tokenizer **t, const struct asked *a, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(kinds); i++) {
        char *path = rn_join(a->path, kinds[i].in_dir);
        bool there = rn_exists(path);
        struct asked file = {path, a->pattern, a->specials};
        int rc = there ? kinds[i].open(t, &file, err) : RN_OK;
        free(path);
        if (there)
            return rc;
    }
    return rn_tokenizer_load(t, a->path, err); /* says what is missing */
}

int rn_tokenizer_open(struct rn_tokenizer **out, const char *path, const char *pattern,
                      const char *const *specials, struct rn_err *err)
{
    struct asked a = {path, pattern, specials};
    struct stat st;
    *out = NULL;
    if (stat(path, &st))
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    return S_ISDIR(st.st_mode) ? open_dir(out, &a, err) : open_file(out, &a, err);
}
