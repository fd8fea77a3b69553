#include "bisect.h"
#include "corpus_kinds.h"
#include "mem.h"

#include <stdlib.h>

struct rn_corpus_reader {
    const struct rn_corpus_kind *kind;
    void *self;
};

/* --- building --- */

struct rn_corpus *rn_corpus_new(const struct rn_corpus_kind *kind, void *self)
{
    struct rn_corpus *c = rn_new(struct rn_corpus);
    c->kind = kind;
    c->self = self;
    c->n_tokens = -1;
    return c;
}

void rn_corpus_add_group(struct rn_corpus *c, int64_t n_docs, bool new_file)
{
    if (new_file || c->n_files == 0)
        RN_PUSH(c->groups, c->n_files, c->cap_groups, (int64_t)c->n_groups);
    RN_PUSH(c->docs, c->n_groups, c->cap_docs, c->n_docs);
    c->n_docs += n_docs;
}

void rn_corpus_seal(struct rn_corpus *c)
{
    size_t n_docs = c->n_groups, n_groups = c->n_files;
    RN_PUSH(c->docs, n_docs, c->cap_docs, c->n_docs);
    RN_PUSH(c->groups, n_groups, c->cap_groups, (int64_t)c->n_groups);
}

void rn_corpus_free(struct rn_corpus *c)
{
    if (!c)
        return;
    c->kind->free(c->self);
    free(c->docs);
    free(c->groups);
    free(c);
}

/* --- asking --- */

int64_t rn_corpus_docs(const struct rn_corpus *c)
{
    return c->n_docs;
}

int64_t rn_corpus_tokens(const struct rn_corpus *c)
{
    return c->n_tokens;
}

const char *rn_corpus_digest(const struct rn_corpus *c)
{
    return c->digest;
}

int64_t rn_corpus_files(const struct rn_corpus *c)
{
    return (int64_t)c->n_files;
}

int64_t rn_corpus_first_group(const struct rn_corpus *c, int64_t file)
{
    RN_ASSERT(file >= 0 && file <= (int64_t)c->n_files);
    return c->groups[file];
}

int64_t rn_corpus_first_doc(const struct rn_corpus *c, int64_t group)
{
    RN_ASSERT(group >= 0 && group <= (int64_t)c->n_groups);
    return c->docs[group];
}

int64_t rn_corpus_group_of(const struct rn_corpus *c, int64_t doc)
{
    RN_ASSERT(doc >= 0 && doc < c->n_docs);
    return rn_bisect(c->docs, (int64_t)c->n_groups, doc);
}

/* --- reading --- */

int rn_corpus_reader_new(struct rn_corpus_reader **out, const struct rn_corpus *c,
                         struct rn_err *err)
{
    struct rn_corpus_reader *r = rn_new(struct rn_corpus_reader);
    r->kind = c->kind;
    int rc = c->kind->reader_new(c->self, &r->self, err);
    if (rc != RN_OK) {
        rn_corpus_reader_free(r);
        r = NULL;
    }
    *out = r;
    return rc;
}

int rn_corpus_size(struct rn_corpus_reader *r, int64_t doc, int64_t *n, struct rn_err *err)
{
    return r->kind->size(r->self, doc, n, err);
}

int rn_corpus_read(struct rn_corpus_reader *r, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                   struct rn_err *err)
{
    return r->kind->read(r->self, doc, from, n, ids, err);
}

void rn_corpus_reader_free(struct rn_corpus_reader *r)
{
    if (!r)
        return;
    r->kind->reader_free(r->self);
    free(r);
}
