/* jsonl.h - one line after another of a text file, with its number and bounds.
 *
 *     struct rn_jsonl *j;
 *     RN_TRY(rn_jsonl_open(&j, "conversations.jsonl", err));
 *     json_t *doc;
 *     while ((rc = rn_jsonl_next(j, &doc, err)) == RN_OK && doc) {
 *         use(doc, rn_jsonl_place(j));
 *         json_decref(doc);
 *     }
 *     rn_jsonl_free(j);
 *
 * Lines end with \n or \r\n; blank ones are passed over (numbers count them). A line that is not
 * UTF-8, not JSON, or longer than RN_JSONL_LINE_MAX is RN_ECORRUPT at its number. */
#ifndef RN_JSONL_H
#define RN_JSONL_H

#include "err.h"
#include "json.h"

enum { RN_JSONL_LINE_MAX = 64 << 20 }; /* bytes */

struct rn_jsonl;
int rn_jsonl_open(struct rn_jsonl **, const char *path, struct rn_err *);
/* The next line as JSON, a new reference; NULL at the end of the file. */
int rn_jsonl_next(struct rn_jsonl *, json_t **, struct rn_err *);
/* The next line's bytes without its end, borrowed until the next call; NULL at the end. */
int rn_jsonl_next_line(struct rn_jsonl *, const char **line, size_t *n, struct rn_err *);
/* Where the last line stands. */
struct rn_place rn_jsonl_place(const struct rn_jsonl *);
void rn_jsonl_free(struct rn_jsonl *); /* takes NULL */

#endif
