/* vocab_tiktoken.h - a vocabulary as tiktoken writes it: "<token in base64> <rank>" a line.
 *
 *     struct rn_vocab v = {0};
 *     RN_TRY(rn_vocab_read(&v, "cl100k.tiktoken", err));
 *     rn_vocab_print(&v, &text); */
#ifndef RN_VOCAB_TIKTOKEN_H
#define RN_VOCAB_TIKTOKEN_H

#include "bpe.h"
#include "str.h"

/* Sealed. The file is capped and every line checked; RN_ECORRUPT names the line. */
int rn_vocab_read(struct rn_vocab *, const char *path, struct rn_err *);
/* Appends the content of such a file. */
void rn_vocab_print(const struct rn_vocab *, struct rn_str *out);

#endif
