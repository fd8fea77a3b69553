/* split_spelling.h - our patterns as regular expressions in other programs' files.
 *
 *     const char *name = rn_split_spelled(regex);        "nanochat"; NULL: none of ours
 *     ok = rn_split_print("nanochat", &regex);           as tokenizer.json should hold it
 *
 * What is written has no possessive counts ({1,3}+), which Oniguruma reads as repetition, and ends
 * texts with \z, because its $ ends lines. Inside `data` only. */
#ifndef RN_SPLIT_SPELLING_H
#define RN_SPLIT_SPELLING_H

#include "split.h"
#include "str.h"

/* Name of the pattern that a file spells like this. */
const char *rn_split_spelled(const char *regex);
/* Appends the expression; false: `name` is one that cannot be spelled there. */
bool rn_split_print(const char *name, struct rn_str *out);

#endif
