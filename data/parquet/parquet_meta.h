/* parquet_meta.h - what a parquet footer says, checked against the size of its file.
 *
 *     struct rn_pq_meta meta;
 *     RN_TRY(rn_pq_meta_parse(&meta, footer, n, path, file_size, err));
 *     use(meta.schema.leaves[c].path, meta.groups[g].chunks[c].start);
 *     rn_pq_meta_release(&meta);
 *
 * Inside of parquet.c; others include parquet.h. After a successful parse every chunk lies
 * within the file, every group has one chunk a leaf, and types and row counts agree. */
#ifndef RN_PARQUET_META_H
#define RN_PARQUET_META_H

#include "err.h"
#include "parquet_schema.h"

enum { RN_PQ_GROUP_ROWS_MAX = 1 << 24 };

struct rn_pq_chunk {
    int64_t start, size_bytes; /* pages, the dictionary's included */
    int64_t values;            /* with their nulls; a row each unless the column is repeated */
    int codec;
    bool external, encrypted;
};
struct rn_pq_group {
    struct rn_pq_chunk *chunks; /* one a leaf; owned */
    int64_t rows;
};
struct rn_pq_meta {
    struct rn_pq_schema schema;
    struct rn_pq_group *groups;
    size_t n_groups, cap_groups;
    int64_t rows;
};

/* RN_ECORRUPT with the reason. The struct is released on failure. */
int rn_pq_meta_parse(struct rn_pq_meta *, const unsigned char *footer, size_t n, const char *path,
                     int64_t file_size, struct rn_err *);
void rn_pq_meta_release(struct rn_pq_meta *);

#endif
