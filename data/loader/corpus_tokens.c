/* corpus_tokens.c - token shards as a corpus: sizes stand in their tables, ids are copied. */
#include "corpus_kinds.h"

#include <string.h>

/* Corpus and reader are the tokens themselves, which keep no position. */
static int reader_new(const void *self, void **reader, struct rn_err *err)
{
    (void)err;
    *reader = (void *)self;
    return RN_OK;
}

static int size(void *reader, int64_t doc, int64_t *n, struct rn_err *err)
{
    (void)err;
    *n = rn_tokens_doc(reader, doc).n;
    return RN_OK;
}

static int read_ids(void *reader, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                    struct rn_err *err)
{
    struct rn_tokens_doc d = rn_tokens_doc(reader, doc);
    RN_ASSERT(from >= 0 && n >= 0 && from <= d.n - n);
    return rn_tokens_get(reader, d.start + from, n, ids, err);
}

static void reader_free(void *reader)
{
    (void)reader;
}

static void free_tokens(void *self)
{
    rn_tokens_free(self);
}

static const struct rn_corpus_kind kind = {reader_new, size, read_ids, reader_free, free_tokens};

static void add_groups(struct rn_corpus *c, const struct rn_tokens *t)
{
    int64_t n = rn_tokens_docs(t), first = 0;
    bool new_file = true;
    for (int64_t d = 0; d < n; d++) {
        struct rn_tokens_doc doc = rn_tokens_doc(t, d);
        if (doc.file_start && d > first) { /* a group that nobody marked */
            rn_corpus_add_group(c, d - first, new_file);
            first = d;
        }
        new_file |= doc.file_start;
        if (doc.group_end || d + 1 == n) {
            rn_corpus_add_group(c, d + 1 - first, new_file);
            new_file = false;
            first = d + 1;
        }
    }
}

struct rn_corpus *rn_corpus_of_tokens(struct rn_tokens *t)
{
    struct rn_corpus *c = rn_corpus_new(&kind, t);
    add_groups(c, t);
    rn_corpus_seal(c);
    c->n_tokens = rn_tokens_count(t);
    memcpy(c->digest, rn_tokens_digest(t), sizeof c->digest);
    return c;
}
