/* filled.h - what a struct filled from key tables says, as JSON and as references.
 *
 *     json_t *all = rn_filled_json(keys, &cfg);                       every key, absent ones null
 *     json_t *identity = rn_filled_cut(keys, &cfg, RN_IDENTITY);      only what makes it stale
 *
 * Both are functions of the struct alone: what a stage cannot tell apart is equal here. */
#ifndef RN_FILLED_H
#define RN_FILLED_H

#include "schema.h"

/* Every key with its value in canonical units: bytes, counts and steps as numbers, durations as
 * "600 s", references as written. Filling a struct from it gives the same struct. Caller owns. */
json_t *rn_filled_json(const struct rn_key *, const void *cfg);
/* Only the keys of one class, without references (the runner adds digests) and without absent keys,
 * so that a new optional key leaves old digests as they are. Caller owns. */
json_t *rn_filled_cut(const struct rn_key *, const void *cfg, enum rn_key_class);

/* Calls `each` for every reference that was given, with its path such as "in.text" or
 * "mixture[0].in" (valid during the call) and its row. */
void rn_filled_refs(const struct rn_key *, const void *cfg,
                    void (*each)(void *ctx, const char *path, const struct rn_ref *,
                                 const struct rn_key *),
                    void *ctx);

#endif
