/* encoder.h - a tokenizer with a memory: for one thread that encodes a lot.
 *
 *     struct rn_encoder *e;
 *     RN_TRY(rn_encoder_new(&e, tokenizer, err));          one for each thread
 *     rn_encoder_encode(e, text, n, &ids);                 the ids of rn_tokenizer_encode
 *     rn_encoder_free(e);
 *
 * Text repeats itself: more than 99 of 100 pieces were met before. The encoder keeps the ids of
 * short pieces in a cache of fixed size, so that most cost one look at memory. */
#ifndef RN_ENCODER_H
#define RN_ENCODER_H

#include "tokenizer.h"

struct rn_encoder;

/* Borrows the tokenizer. Takes some MiB. RN_ENOMEM. */
int rn_encoder_new(struct rn_encoder **, const struct rn_tokenizer *, struct rn_err *);
/* Appends what rn_tokenizer_encode appends, whatever was encoded before. */
void rn_encoder_encode(struct rn_encoder *, const char *text, size_t n, struct rn_ids *out);
void rn_encoder_free(struct rn_encoder *); /* takes NULL */

#endif
