/* history.h - what earlier runs left behind: their journals, newest first, and the documents
 * behind the keys of the store.
 *
 *     struct rn_history *h = rn_history_new(runs);
 *     struct rn_past past;
 *     if (rn_history_of_stage(h, "smoke-1a2b3c4d", "smoke", "base", "base-train", &past))
 *         compare(past.doc);
 *     rn_history_free(h);
 *
 * Nothing is read before it is asked for, and each thing once. Only reads. One thread. */
#ifndef RN_HISTORY_H
#define RN_HISTORY_H

#include "json.h"
#include "stage.h"

struct rn_history;
struct rn_history *rn_history_new(const char *runs);
void rn_history_free(struct rn_history *); /* takes NULL */

/* Runs with a journal, the 64 with the newest journals at most; i 0 is the newest. */
size_t rn_history_n(struct rn_history *);
const json_t *rn_history_journal(struct rn_history *, size_t i); /* borrowed */
/* Whether run i is of the pipeline of that name, under that profile (NULL: none). */
bool rn_history_is_of(struct rn_history *, size_t i, const char *pipeline, const char *profile);

struct rn_past {
    json_t *doc;      /* of rn_keys; borrowed */
    const char *name; /* "base-train-0123456789abcdef"; borrowed */
};
/* What the pipeline's newest runs but `but_tag` linked as this stage, if it is of the same kind. */
bool rn_history_of_stage(struct rn_history *, const char *but_tag, const char *pipeline,
                         const char *stage, const char *kind, struct rn_past *);
/* The finished entry of the kind that differs from `doc` in the fewest values, at most `most` and
 * at least one. */
bool rn_history_nearest(struct rn_history *, const char *kind, const json_t *doc, size_t most,
                        struct rn_past *);
/* The document behind keys: of the finished entry, else of its work directory; a new reference or
 * NULL. */
json_t *rn_history_doc(const struct rn_history *, const char *kind, const char *out,
                       const char *progress);

/* Work directories of the kind whose document differs from `doc` in the horizon and nothing else:
 * in the extend values and in the fingerprint's "horizon". An array in the arena. */
size_t rn_history_earlier(const struct rn_history *, struct rn_arena *, const char *kind,
                          const json_t *doc, const struct rn_earlier **out);

#endif
