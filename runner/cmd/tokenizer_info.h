/* tokenizer_info.h - what a tokenizer is, and how it packs text beside others.
 *
 *     RN_TRY(rn_tokenizer_info(tokenizer, cli, err));       the verb `info`
 *
 * Beside it stand the tokenizers of --against, and of GPT-2 and cl100k if the cache has their
 * published files. */
#ifndef RN_TOKENIZER_INFO_H
#define RN_TOKENIZER_INFO_H

#include "command.h"
#include "tokenizer.h"

/* Prints to standard output. Positional arguments from the third on are files of text that are
 * counted beside the built-in samples. */
int rn_tokenizer_info(const struct rn_tokenizer *, const struct rn_cli *, struct rn_err *);

#endif
