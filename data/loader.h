/* data/loader.h - training batches with a position that can be written down and taken up again.
 *
 *     struct rn_loader *l;
 *     RN_TRY(rn_loader_stream(&l, tokens, B, T, err));
 *     RN_TRY(rn_loader_next(l, x, y, err));            int32 (B, T) each; y < 0: no target
 *     json_t *state = rn_loader_state(l);              exact: after restore come the same batches
 *     rn_loader_free(l);
 *
 * A loader is used by one thread. It repeats its data endlessly, counting epochs. */
#ifndef RN_LOADER_H
#define RN_LOADER_H

#include "json.h"

struct rn_loader;

/* Fills x and y, B*T ids each. */
int rn_loader_next(struct rn_loader *, int32_t *x, int32_t *y, struct rn_err *);
/* Everything needed to go on, including the digest of the data and B, T. New reference. */
json_t *rn_loader_state(const struct rn_loader *);
/* RN_ECORRUPT if the state belongs to other data or another shape; says which. */
int rn_loader_restore(struct rn_loader *, const json_t *state, struct rn_err *);
int64_t rn_loader_epoch(const struct rn_loader *); /* complete passes so far */
void rn_loader_free(struct rn_loader *);           /* takes NULL */

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

struct rn_tokens; /* data/tokens.h */
/* The tokens are borrowed and outlive the loader. RN_ECORRUPT if there are none; fewer than a batch
 * is fine, they repeat. */
/* nanochat Dec 2025: documents end to end, windows of B*T+1 tokens, the last one discarded. */
int rn_loader_stream(struct rn_loader **, struct rn_tokens *, int64_t B, int64_t T,
                     struct rn_err *);
/* nanochat 2026: rows of T+1 that start with BOS, best fit from a buffer of 1,000 documents. */
int rn_loader_bestfit(struct rn_loader **, struct rn_tokens *, int64_t B, int64_t T,
                      struct rn_err *);

#endif
