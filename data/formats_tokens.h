/* formats_tokens.h - checks of token shards: rows of rn_data_formats. */
#ifndef RN_FORMATS_TOKENS_H
#define RN_FORMATS_TOKENS_H

#include "format.h"

/* All as base/format.h says; `rows` counts tokens. runnel: with all its checksums. megatron: the
 * .idx by itself; its .bin has no structure that could be checked alone, so it only must not be
 * empty or odd. */
int rn_check_runnel(const char *path, const struct rn_expect *, struct rn_err *);
int rn_check_llmc(const char *path, const struct rn_expect *, struct rn_err *);
int rn_check_npy(const char *path, const struct rn_expect *, struct rn_err *);
int rn_check_megatron(const char *path, const struct rn_expect *, struct rn_err *);

#endif
