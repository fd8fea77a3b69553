/* bpe_parts.h - which two tokens a token was merged from.
 *
 *     int32_t left, right;
 *     if (!rn_vocab_parts(v, rank, &left, &right)) ...    no merge of lower ranks makes it
 *
 * A vocabulary by ranks alone does not say its merges; running BPE on a token's own bytes with the
 * lower ranks leaves two parts, and those are its merge. Inside `data` only. */
#ifndef RN_BPE_PARTS_H
#define RN_BPE_PARTS_H

#include "bpe.h"

enum { RN_PARTS_MAX_BYTES = 1024 }; /* of a token; it costs the square of its length */

/* False for tokens that lower ranks do not bring down to two parts, and longer ones. Single bytes
 * have no parts: false. */
bool rn_vocab_parts(const struct rn_vocab *, int32_t rank, int32_t *left, int32_t *right);

#endif
