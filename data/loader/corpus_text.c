/* corpus_text.c - parquet files as a corpus: a row group is decoded and a document encoded
 * when it is asked for, as nanochat does it. A null is an empty document. */
#include "corpus_kinds.h"
#include "encoder.h"
#include "map.h"
#include "mem.h"
#include "parquet_text.h"

#include <stdlib.h>
#include <string.h>

static const char column[] = "text";

struct place { /* where a group of the corpus is */
    size_t file, group;
};
struct text {
    const struct rn_corpus *corpus;
    const struct rn_tokenizer *tokenizer;
    char **paths;
    size_t n_paths, cap_paths;
    struct place *places; /* one for each group */
    size_t n_places, cap_places;
};

/* --- reading --- */

struct reader {
    const struct text *text;
    struct rn_parquet_text open;
    size_t file;   /* the one that is open */
    int64_t group; /* of the corpus: whose values are at hand; -1: none */
    int64_t doc;   /* whose ids are at hand; -1: none */
    struct rn_encoder *encoder;
    struct rn_ids ids;
};

static void reader_free(void *reader)
{
    struct reader *r = reader;
    rn_parquet_text_close(&r->open);
    rn_encoder_free(r->encoder);
    rn_ids_release(&r->ids);
    free(r);
}

static int reader_new(const void *self, void **reader, struct rn_err *err)
{
    struct reader *r = rn_new(struct reader);
    *reader = r;
    r->text = self;
    r->group = r->doc = -1;
    return rn_encoder_new(&r->encoder, r->text->tokenizer, err);
}

static int open_file(struct reader *r, size_t file, struct rn_err *err)
{
    if (r->open.file && r->file == file)
        return RN_OK;
    rn_parquet_text_close(&r->open);
    r->file = file;
    return rn_parquet_text_open(&r->open, r->text->paths[file], column, err);
}

static int load_group(struct reader *r, int64_t group, struct rn_err *err)
{
    const struct rn_corpus *c = r->text->corpus;
    struct place at = r->text->places[group];
    if (r->group == group)
        return RN_OK;
    r->group = -1;
    RN_TRY(open_file(r, at.file, err));
    RN_TRY(rn_parquet_text_read(&r->open, at.group, err));
    if ((int64_t)r->open.values.n != c->docs[group + 1] - c->docs[group])
        return rn_fail(err, RN_ECORRUPT, RN_PATH(r->open.path),
                       "row group %zu has %zu rows and not those it had before", at.group + 1,
                       r->open.values.n);
    r->group = group;
    return RN_OK;
}

static int load(struct reader *r, int64_t doc, struct rn_err *err)
{
    const struct rn_corpus *c = r->text->corpus;
    if (r->doc == doc)
        return RN_OK;
    int64_t group = rn_corpus_group_of(c, doc), row = doc - c->docs[group];
    r->doc = -1;
    RN_TRY(load_group(r, group, err));
    r->ids.n = 0;
    if (r->open.values.present[row]) {
        rn_ids_push(&r->ids, rn_tokenizer_bos(r->text->tokenizer));
        const struct rn_parquet_string *s = &r->open.values.strings[row];
        rn_encoder_encode(r->encoder, s->p, s->n, &r->ids);
    }
    r->doc = doc;
    return RN_OK;
}

static int size(void *reader, int64_t doc, int64_t *n, struct rn_err *err)
{
    struct reader *r = reader;
    RN_TRY(load(r, doc, err));
    *n = (int64_t)r->ids.n;
    return RN_OK;
}

static int read_ids(void *reader, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                    struct rn_err *err)
{
    struct reader *r = reader;
    RN_TRY(load(r, doc, err));
    RN_ASSERT(from >= 0 && n >= 0 && from <= (int64_t)r->ids.n - n);
    if (n > 0)
        memcpy(ids, r->ids.p + from, (size_t)n * sizeof *ids);
    return RN_OK;
}

static void free_text(void *self)
{
    struct text *t = self;
    for (size_t i = 0; i < t->n_paths; i++)
        free(t->paths[i]);
    free(t->paths);
    free(t->places);
    free(t);
}

static const struct rn_corpus_kind kind = {reader_new, size, read_ids, reader_free, free_text};

/* --- opening --- */

/* Size, beginning and end: the footer says how many bytes and rows each column has where. */
static int add_digest(struct rn_sha256 *sha, const char *path, struct rn_err *err)
{
    enum { END_BYTES = 1 << 16 };
    struct rn_map m;
    RN_TRY(rn_map_open(&m, path, err));
    size_t n = m.n < END_BYTES ? m.n : END_BYTES;
    rn_sha256_add(sha, &m.n, sizeof m.n);
    rn_sha256_add(sha, m.p, n);
    rn_sha256_add(sha, m.p + m.n - n, n);
    rn_map_close(&m);
    return RN_OK;
}

static void add_groups(struct rn_corpus *c, struct text *t, const struct rn_parquet *file)
{
    bool new_file = true;
    for (size_t g = 0; g < rn_parquet_groups(file); g++) {
        int64_t rows = rn_parquet_group_rows(file, g);
        if (rows == 0)
            continue;
        rn_corpus_add_group(c, rows, new_file);
        new_file = false;
        struct place at = {t->n_paths - 1, g};
        RN_PUSH(t->places, t->n_places, t->cap_places, at);
    }
}

static int add_file(struct rn_corpus *c, struct text *t, const char *path, struct rn_sha256 *sha,
                    struct rn_err *err)
{
    struct rn_parquet_text open;
    RN_PUSH(t->paths, t->n_paths, t->cap_paths, rn_xdup(path));
    RN_TRY(rn_parquet_text_open(&open, path, column, err));
    add_groups(c, t, open.file);
    rn_parquet_text_close(&open);
    return add_digest(sha, path, err);
}

static int open_all(struct rn_corpus *c, const char *const *paths, size_t n_paths,
                    struct rn_err *err)
{
    struct text *t = c->self;
    struct rn_sha256 sha;
    if (rn_tokenizer_bos(t->tokenizer) < 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "text cannot be encoded: the tokenizer has neither <|bos|> nor "
                       "<|endoftext|>");
    rn_sha256_init(&sha);
    rn_sha256_add(&sha, rn_tokenizer_digest(t->tokenizer), RN_HEX - 1);
    int rc = RN_OK;
    for (size_t i = 0; i < n_paths && rc == RN_OK; i++)
        rc = add_file(c, t, paths[i], &sha, err);
    rn_sha256_done(&sha, c->digest);
    if (rc == RN_OK)
        rn_corpus_seal(c);
    return rc;
}

int rn_corpus_of_text(struct rn_corpus **out, const char *const *paths, size_t n_paths,
                      const struct rn_tokenizer *tokenizer, struct rn_err *err)
{
    struct text *t = rn_new(struct text);
    struct rn_corpus *c = rn_corpus_new(&kind, t);
    t->corpus = c;
    t->tokenizer = tokenizer;
    int rc = open_all(c, paths, n_paths, err);
    if (rc != RN_OK) {
        rn_corpus_free(c);
        c = NULL;
    }
    *out = c;
    return rc;
}
