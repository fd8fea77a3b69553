/* docs.h - text documents, one after another, from a list of files.
 *
 *     struct rn_docs *d;
 *     RN_TRY(rn_docs_open(&d, paths, n_paths, "text", err));
 *     struct rn_doc doc;
 *     while ((rc = rn_docs_next(d, &doc, err)) == RN_OK && doc.text)
 *         use(doc.text, doc.n);
 *     rn_docs_free(d);
 *
 * The ending of a file's name says what it is:
 *
 *     .parquet   a document a row: a column of strings
 *     .jsonl     a document a line: a member of an object, or a JSON string
 *     .txt       one document: the file
 *
 * Order: files as given, rows as stored. One row group is in memory at a time; where the format
 * knows none, RN_DOCS_GROUP documents are one. */
#ifndef RN_DOCS_H
#define RN_DOCS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_DOCS_GROUP = 1024 }; /* as nanochat's shards have them */

struct rn_docs;
struct rn_doc {
    const char *text; /* NULL at the end; borrowed until the next call; valid UTF-8 */
    size_t n;
    size_t file;    /* index into paths */
    bool group_end; /* last document of a row group, or of the file */
};
int rn_docs_open(struct rn_docs **, const char *const *paths, size_t n_paths, const char *column,
                 struct rn_err *);
int rn_docs_next(struct rn_docs *, struct rn_doc *, struct rn_err *);
/* Rows of all files if their footers say so, -1 otherwise. For progress. */
int64_t rn_docs_rows(const struct rn_docs *);
void rn_docs_free(struct rn_docs *);

#endif
