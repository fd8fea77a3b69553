/* loader.h - training batches with a position that can be written down and taken up again.
 *
 *     struct rn_loader_cfg cfg = {.rows = RN_ROWS_BESTFIT, .B = B, .T = T, .streams = 1};
 *     RN_TRY(rn_loader_open(&l, corpus, &cfg, err));
 *     RN_TRY(rn_loader_next(l, x, y, err));            int32 (B, T) each; y < 0: no target
 *     json_t *state = rn_loader_state(l);              exact: after restore come the same batches
 *     rn_loader_free(l);
 *
 * B is the rows of a whole step: which ids they hold depends on the corpus and the cfg alone. How
 * rows are cut for devices, ranks and micro-steps is the business of who trains; each rank can make
 * them all and take its own.
 *
 * A loader is used by one thread. It repeats its data endlessly, counting epochs. */
#ifndef RN_LOADER_H
#define RN_LOADER_H

#include "feed.h"

struct rn_loader;

/* nanochat Dec 2025: documents end to end, windows of B*T+1 tokens, the last one discarded. 2026:
 * rows of T+1 that start with a document, best fit from a buffer of 1,000. */
enum rn_rows { RN_ROWS_STREAM, RN_ROWS_BESTFIT };
struct rn_loader_cfg {
    enum rn_rows rows;
    int64_t B, T;
    enum rn_shuffle shuffle;
    uint64_t seed;   /* of the shuffle */
    int64_t streams; /* P streams (feed.h) fill B / P rows each, as P ranks of nanochat do */
};
/* The corpus is borrowed and outlives the loader. RN_ECONFIG if B is no multiple of the streams, or
 * one of them gets no document; RN_ECORRUPT if there are no tokens. Fewer tokens than a batch are
 * fine, they repeat. */
int rn_loader_open(struct rn_loader **, const struct rn_corpus *, const struct rn_loader_cfg *,
                   struct rn_err *);

/* Fills x and y, B*T ids each. */
int rn_loader_next(struct rn_loader *, int32_t *x, int32_t *y, struct rn_err *);
/* Everything needed to go on, including the digest of the data and B, T. New reference. */
json_t *rn_loader_state(const struct rn_loader *);
/* RN_ECORRUPT if the state belongs to other data or another shape; says which. The loader is of no
 * use after a failure. */
int rn_loader_restore(struct rn_loader *, const json_t *state, struct rn_err *);
int64_t rn_loader_epoch(const struct rn_loader *); /* complete passes so far */
void rn_loader_free(struct rn_loader *);           /* takes NULL */

/* The same batches, made by a thread of its own ahead of time: two wait while one is in use. Takes
 * `inner`, which gives `batch` ids at a time. Errors come with the batch that could not be made.
 * RN_ENOMEM frees `inner`. */
int rn_loader_ahead(struct rn_loader **, struct rn_loader *inner, int64_t batch, struct rn_err *);

/* What a kind of loader implements; `self` is its own struct. */
struct rn_loader_kind {
    const char *name;
    int (*next)(void *self, int32_t *x, int32_t *y, struct rn_err *);
    json_t *(*state)(const void *self);
    int (*restore)(void *self, const json_t *state, struct rn_err *);
    int64_t (*epoch)(const void *self);
    void (*free)(void *self);
};
struct rn_loader *rn_loader_new(const struct rn_loader_kind *, void *self);
const char *rn_loader_name(const struct rn_loader *); /* of its kind */

#endif
