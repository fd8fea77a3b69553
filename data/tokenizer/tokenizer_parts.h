/* tokenizer_parts.h - what a tokenizer is made of, for those who read and write its formats.
 *
 *     RN_TRY(rn_vocab_seal(&v, at, err));
 *     rc = rn_tokenizer_make(&t, &v, split, specials, at, err);
 *     const struct rn_vocab *v = rn_tokenizer_vocab(t);
 *
 * Inside `data` only; others include tokenizer.h. */
#ifndef RN_TOKENIZER_PARTS_H
#define RN_TOKENIZER_PARTS_H

#include "bpe.h"
#include "tokenizer.h"

/* A tokenizer of a sealed vocabulary and a split, which it takes over, success or not. specials
 * NULL-ended or NULL; a duplicate, an empty or an overlong one: RN_ECORRUPT at `at`. */
struct rn_split;
int rn_tokenizer_make(struct rn_tokenizer **, struct rn_vocab *, struct rn_split *,
                      const char *const *specials, struct rn_place at, struct rn_err *);

const struct rn_vocab *rn_tokenizer_vocab(const struct rn_tokenizer *);
const struct rn_split *rn_tokenizer_split(const struct rn_tokenizer *);

#endif
