/* key.h - what a stage's outputs are a function of, and its digest.
 *
 *     struct rn_keys k;
 *     rn_keys_make(&k, stage, inputs, fingerprint);
 *     use(k.progress, k.out);
 *     rn_keys_release(&k);
 *
 * The document holds everything that decides the bytes: kind, implementation version, identity and
 * source values, fingerprint, digests of inputs by role.
 *
 *     progress    its digest; checkpoints belong to it
 *     out         the same with the extend values; finished outputs belong to it
 *
 * Names of stages, tags, paths of the pipeline and neutral keys are in neither. */
#ifndef RN_KEY_H
#define RN_KEY_H

#include "pipeline.h"

struct rn_keys {
    char progress[RN_HEX], out[RN_HEX];
    json_t *doc; /* owned; kept in the manifest, so that a later plan can say what changed */
};

/* inputs: {role: digest}, fingerprint: object; both borrowed, either may be NULL for none. */
void rn_keys_make(struct rn_keys *, const struct rn_pstage *, json_t *inputs, json_t *fingerprint);
void rn_keys_release(struct rn_keys *); /* safe on zeroes */

#endif
