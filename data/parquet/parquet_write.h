/* parquet_write.h - a parquet file of one required UTF-8 column, the same bytes everywhere.
 *
 *     struct rn_parquet_writer w;
 *     RN_TRY(rn_parquet_writer_open(&w, "shard_00000.parquet", "text", 1024, err));
 *     rn_parquet_writer_add(&w, text, n);                       one row; starts row groups itself
 *     RN_TRY(rn_parquet_writer_commit(&w, err));
 *
 * PLAIN, uncompressed (compressors differ between versions), one v1 data page a row group, no
 * statistics. Made for generated data of a few MB; a row group is at most 2 GiB. */
#ifndef RN_PARQUET_WRITE_H
#define RN_PARQUET_WRITE_H

#include "file.h"
#include "str.h"

struct rn_parquet_group {
    int64_t offset, size_bytes, rows;
};
struct rn_parquet_writer {
    struct rn_writer out;
    char *column;
    struct rn_str page; /* rows of the current group */
    struct rn_parquet_group *groups;
    size_t n_groups, cap_groups;
    int64_t offset, page_rows, group_rows, rows;
};
int rn_parquet_writer_open(struct rn_parquet_writer *, const char *path, const char *column,
                           int64_t group_rows, struct rn_err *);
void rn_parquet_writer_add(struct rn_parquet_writer *, const char *text, size_t n);
int rn_parquet_writer_commit(struct rn_parquet_writer *, struct rn_err *); /* releases always */

#endif
