/* tokenizer_train.h - a tokenizer out of a stream of documents, by nanochat's rules.
 *
 *     struct rn_train_plan plan = {.pattern = "nanochat", .vocab_size = 65536, .threads = 4,
 *                                  .specials = rn_special_nanochat,
 *                                  .max_chars = 2000000000, .doc_chars = 10000};
 *     struct rn_train_seen seen;
 *     RN_TRY(rn_tokenizer_train(&t, docs, &plan, watch, &seen, err));
 *
 * Documents are taken in order, each cut to its first doc_chars characters, until more than
 * max_chars characters were taken; the document that passes the bound still counts. */
#ifndef RN_TOKENIZER_TRAIN_H
#define RN_TOKENIZER_TRAIN_H

#include "docs.h"
#include "tokenizer.h"

struct rn_train_plan {
    const char *pattern;
    int64_t vocab_size;           /* 256 bytes, merges and specials */
    const char *const *specials;  /* NULL-ended */
    int64_t max_chars, doc_chars; /* code points */
    int threads;
    size_t memory_bytes; /* that may be used; 0: what the machine has left */
};
struct rn_train_seen {
    int64_t docs, chars; /* taken */
    int64_t cut;         /* of these documents: longer than doc_chars */
    double left_out;     /* share of the bytes of all documents taken, behind doc_chars */
    int64_t words;       /* distinct pieces among them */
    int32_t merges;      /* learned: fewer than planned if the text has no more pairs */
    double seconds;
};
/* NULL, or what somebody should know who has few, long documents; caller frees. */
char *rn_train_left_out(const struct rn_train_plan *, const struct rn_train_seen *);
/* Asked between documents and merges; false stops (RN_ESTOPPED). total -1: unknown. */
struct rn_train_watch {
    bool (*go_on)(void *ctx, int64_t done, int64_t total, const char *unit);
    void *ctx;
};

/* Merges that the plan leaves room for; negative: the specials and bytes do not fit. */
int64_t rn_train_merges(const struct rn_train_plan *);
/* The plan's pattern opens (rn_split_open) and rn_train_merges >= 0. watch.go_on may be NULL. */
int rn_tokenizer_train(struct rn_tokenizer **, struct rn_docs *, const struct rn_train_plan *,
                       struct rn_train_watch watch, struct rn_train_seen *, struct rn_err *);

#endif
