/* corpus.h - documents as token ids, by number: what loaders make rows of.
 *
 *     struct rn_corpus *c = rn_corpus_of_tokens(tokens);                    made by `tokenize`, or
 *     RN_TRY(rn_corpus_of_text(&c, paths, n_paths, tokenizer, err));        encoded when it is read
 *     struct rn_corpus_reader *r;
 *     RN_TRY(rn_corpus_reader_new(&r, c, err));                             one for each stream
 *     RN_TRY(rn_corpus_size(r, doc, &n, err));
 *     RN_TRY(rn_corpus_read(r, doc, 0, n, ids, err));
 *     rn_corpus_reader_free(r);
 *     rn_corpus_free(c);
 *
 * Documents are numbered as their sources have them: files of row groups of documents. A text
 * without nulls gives the same documents from token shards and from parquet. A corpus is constant:
 * any thread may read it, each with readers of its own. */
#ifndef RN_CORPUS_H
#define RN_CORPUS_H

#include "tokenizer.h"
#include "tokens.h"

struct rn_corpus;
/* The tokens are the corpus's from now on. */
struct rn_corpus *rn_corpus_of_tokens(struct rn_tokens *);
/* Parquet files with a column `text`; each document gets bos, as nanochat does it. The tokenizer is
 * borrowed. RN_ECORRUPT as parquet.h says, RN_ECONFIG if the tokenizer has no bos. */
int rn_corpus_of_text(struct rn_corpus **, const char *const *paths, size_t n_paths,
                      const struct rn_tokenizer *, struct rn_err *);
void rn_corpus_free(struct rn_corpus *); /* takes NULL */

int64_t rn_corpus_docs(const struct rn_corpus *);
int64_t rn_corpus_tokens(const struct rn_corpus *);     /* -1: not known before it is encoded */
const char *rn_corpus_digest(const struct rn_corpus *); /* hex; of ids, or of text and tokenizer */
int64_t rn_corpus_files(const struct rn_corpus *);
/* The row groups of file f are [first_group(f), first_group(f + 1)), the documents of group g
 * [first_doc(g), first_doc(g + 1)). Files and groups without documents are not among them. */
int64_t rn_corpus_first_group(const struct rn_corpus *, int64_t file);
int64_t rn_corpus_first_doc(const struct rn_corpus *, int64_t group);

/* --- reading: a reader belongs to one thread, and is quick where documents come in order --- */

struct rn_corpus_reader;
int rn_corpus_reader_new(struct rn_corpus_reader **, const struct rn_corpus *, struct rn_err *);
/* Ids of a document that exists; 0: an empty one. RN_ECORRUPT as its source says. */
int rn_corpus_size(struct rn_corpus_reader *, int64_t doc, int64_t *n, struct rn_err *);
/* Copies n ids from the document's `from`th on; they must exist. RN_ECORRUPT likewise. */
int rn_corpus_read(struct rn_corpus_reader *, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                   struct rn_err *);
void rn_corpus_reader_free(struct rn_corpus_reader *); /* takes NULL */

#endif
