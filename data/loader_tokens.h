/* data/loader_tokens.h - what the two loaders of token shards have in common.
 *
 * Inside of data/loader_stream.c and data/loader_bestfit.c; others include loader.h. */
#ifndef RN_LOADER_TOKENS_H
#define RN_LOADER_TOKENS_H

#include "json.h"
#include "tokens.h"

struct rn_loader_base {
    struct rn_tokens *tokens; /* borrowed */
    int64_t B, T;
};
/* RN_ECORRUPT if there are no tokens at all. */
int rn_loader_base_init(struct rn_loader_base *, struct rn_tokens *, int64_t B, int64_t T,
                        struct rn_err *);
/* {"data": digest, "B": ., "T": .}; new reference. */
json_t *rn_loader_base_state(const struct rn_loader_base *);
/* RN_ECORRUPT with both values if the state is of other data or another shape. */
int rn_loader_base_match(const struct rn_loader_base *, const json_t *state, struct rn_err *);
/* Splits rows of T+1 ids that begin `stride` apart into x and y. */
void rn_loader_base_shift(const struct rn_loader_base *, const int32_t *ids, int64_t stride,
                          int32_t *x, int32_t *y);

#endif
