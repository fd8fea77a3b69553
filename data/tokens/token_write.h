/* token_write.h - tokens as other programs read them; token_file.h draws the formats.
 *
 *     RN_TRY(rn_tokens_write(t, "train.npy", err));
 *
 *     .npy    NumPy: one dimension of uint16 or uint32
 *     .bin    llm.c: version 1 (uint16) or 7 (uint32)
 *     .idx    Megatron: PATH.bin, then PATH.idx with a sequence a document */
#ifndef RN_TOKEN_WRITE_H
#define RN_TOKEN_WRITE_H

#include "tokens.h"

/* As wide as they are stored. RN_EUSAGE for another ending, RN_ECORRUPT if the tokens are damaged
 * or the format cannot hold them. Each file appears when it is whole. */
int rn_tokens_write(struct rn_tokens *, const char *path, struct rn_err *);

#endif
