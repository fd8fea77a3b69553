/* pickle.h - a pickled tiktoken.Encoding (nanochat's tokenizer.pkl), and nothing else.
 *
 *     RN_TRY(rn_tokenizer_load_pickle(&t, "tokenizer.pkl", err));
 *
 * A pickle is a program, and this is no machine for it: of the opcodes only those are known that
 * build strings, bytes, whole numbers and dicts, and one object, whose class must be tiktoken.core
 * Encoding. Nothing is imported or called; any other opcode or class is RN_ECORRUPT by its name. */
#ifndef RN_PICKLE_H
#define RN_PICKLE_H

#include "tokenizer.h"

int rn_tokenizer_load_pickle(struct rn_tokenizer **, const char *path, struct rn_err *);

#endif
