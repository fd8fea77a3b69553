/* formats_binary.h - checks of single files that are no rows: rows of rn_data_formats. */
#ifndef RN_FORMATS_BINARY_H
#define RN_FORMATS_BINARY_H

#include "format.h"

/* All as base/format.h says. gzip: read to its end, CRC and length compared. tiktoken: every line,
 * ranks without gaps; `rows` counts tokens. safetensors: the header, and tensors that fill the file
 * without gap or overlap. */
int rn_check_gzip(const char *path, const struct rn_expect *, struct rn_err *);
int rn_check_tiktoken(const char *path, const struct rn_expect *, struct rn_err *);
int rn_check_safetensors(const char *path, const struct rn_expect *, struct rn_err *);

#endif
