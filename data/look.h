/* look.h - what a file of any format that we read is, and how it begins.
 *
 *     json_t *info;
 *     RN_TRY(rn_look_info(&info, path, err));        {"format": "npy", "tokens": 100, ...}
 *     RN_TRY(rn_look_head(path, 3, no_columns, print, NULL, err));
 *
 * A file is told by its first bytes, else by its ending; a directory is a tokenizer. Files are
 * checked as far as their reader checks at opening. New formats are rows of the table in look.c. */
#ifndef RN_LOOK_H
#define RN_LOOK_H

#include "json.h"

/* A new object with "format", "size_bytes" (files) and what the format knows of itself. RN_ECORRUPT
 * for a damaged file or one of no known format. */
int rn_look_info(json_t **, const char *path, struct rn_err *);
/* Calls `each` with the first n rows at most: of parquet and JSONL their rows, of token shards 16
 * ids each, of safetensors the tensors, of tokenizers the tokens. `row` is borrowed. `columns` ends
 * with NULL, as parquet_rows.h says; naming one where there are none is RN_EUSAGE. */
int rn_look_head(const char *path, int64_t n, const char *const *columns,
                 void (*each)(void *ctx, const json_t *row), void *ctx, struct rn_err *);

#endif
