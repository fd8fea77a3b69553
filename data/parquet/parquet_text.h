/* parquet_text.h - a column of texts of a parquet file, a row group at a time.
 *
 *     struct rn_parquet_text t;
 *     RN_TRY(rn_parquet_text_open(&t, path, "text", err));
 *     RN_TRY(rn_parquet_text_read(&t, group, err));
 *     use(t.values.strings[row].p, t.values.strings[row].n);      where t.values.present[row]
 *     rn_parquet_text_close(&t); */
#ifndef RN_PARQUET_TEXT_H
#define RN_PARQUET_TEXT_H

#include "parquet.h"

struct rn_parquet_text {
    struct rn_parquet *file;
    const char *path, *name; /* of the file and the column; borrowed */
    int column;
    struct rn_parquet_values
        values; /* of the group read last, borrowed until the next; n 0: none */
};
/* RN_ECORRUPT also where there is no such column. Closed on failure. */
int rn_parquet_text_open(struct rn_parquet_text *, const char *path, const char *column,
                         struct rn_err *);
/* RN_ECORRUPT also for what is no text, or no UTF-8. */
int rn_parquet_text_read(struct rn_parquet_text *, size_t group, struct rn_err *);
void rn_parquet_text_close(struct rn_parquet_text *); /* a zeroed one is fine */

#endif
