/* corpus_kinds.h - what a kind of corpus implements. Inside of data/corpus*.c only. */
#ifndef RN_CORPUS_KINDS_H
#define RN_CORPUS_KINDS_H

#include "corpus.h"

/* `self` is the kind's own struct of the corpus, `reader` that of a reader. */
struct rn_corpus_kind {
    int (*reader_new)(const void *self, void **reader, struct rn_err *);
    int (*size)(void *reader, int64_t doc, int64_t *n, struct rn_err *);
    int (*read)(void *reader, int64_t doc, int64_t from, int64_t n, int32_t *ids, struct rn_err *);
    void (*reader_free)(void *reader); /* takes NULL */
    void (*free)(void *self);
};

struct rn_corpus {
    const struct rn_corpus_kind *kind;
    void *self;
    int64_t n_docs, n_tokens; /* n_tokens -1: not known */
    char digest[RN_HEX];
    int64_t *docs;   /* first document of each group, and n_docs behind the last */
    int64_t *groups; /* first group of each file, and n_groups behind the last */
    size_t n_groups, cap_docs, n_files, cap_groups;
};

/* Building: groups in order; new_file: it is the first one of its file. Then seal. */
struct rn_corpus *rn_corpus_new(const struct rn_corpus_kind *, void *self);
void rn_corpus_add_group(struct rn_corpus *, int64_t n_docs, bool new_file);
void rn_corpus_seal(struct rn_corpus *);
/* The group of a document, which must exist. */
int64_t rn_corpus_group_of(const struct rn_corpus *, int64_t doc);

#endif
