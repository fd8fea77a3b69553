/* parquet_file.h - what readers of whole rows need of an open file.
 *
 *     const struct rn_pq_meta *meta = rn_pq_file_meta(p);
 *     RN_TRY(rn_pq_file_read(p, group, column, &buffers, &values, err));
 *
 * Inside of data/parquet*.c; others include parquet.h. Each struct rn_pq_column keeps the values of
 * one column while others are read. */
#ifndef RN_PARQUET_FILE_H
#define RN_PARQUET_FILE_H

#include "parquet_column.h"

const char *rn_pq_file_path(const struct rn_parquet *);
const struct rn_pq_meta *rn_pq_file_meta(const struct rn_parquet *);
int rn_pq_file_read(struct rn_parquet *, size_t group, int column, struct rn_pq_column *,
                    struct rn_parquet_values *, struct rn_err *);

#endif
