/* parquet_column.h - one column of one row group: all its pages, with their levels.
 *
 *     struct rn_pq_column c = {0};                          buffers, reused from chunk to chunk
 *     struct rn_pq_chunk_bytes chunk = {...};
 *     RN_TRY(rn_pq_column_decode(&c, &chunk, &values, err));
 *     rn_pq_column_release(&c);
 *
 * Inside of data/parquet*.c; others include parquet.h. */
#ifndef RN_PARQUET_COLUMN_H
#define RN_PARQUET_COLUMN_H

#include "parquet_decode.h"
#include "parquet_meta.h"

struct rn_pq_column {
    struct rn_pq_buffer bytes;             /* decompressed pages, one after another */
    struct rn_pq_buffer present, def, rep; /* unsigned char a value */
    struct rn_pq_buffer values;            /* string, int64_t or double each */
    struct rn_pq_buffer dict;              /* the same, an entry of the dictionary each */
    struct rn_pq_scratch scratch;
};
struct rn_pq_chunk_bytes {
    const char *path; /* of the file, for errors */
    const struct rn_pq_leaf *leaf;
    const struct rn_pq_chunk *chunk;
    int64_t rows;
    const unsigned char *p; /* chunk->size_bytes */
};

/* What is given out is borrowed from the column. */
int rn_pq_column_decode(struct rn_pq_column *, const struct rn_pq_chunk_bytes *,
                        struct rn_parquet_values *, struct rn_err *);
void rn_pq_column_release(struct rn_pq_column *);

#endif
