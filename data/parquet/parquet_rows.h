/* parquet_rows.h - the rows of a parquet file as JSON, one after another.
 *
 *     const char *const columns[] = {"messages", NULL};
 *     struct rn_parquet_rows *r;
 *     RN_TRY(rn_parquet_rows_open(&r, "train.parquet", columns, err));
 *     json_t *row;
 *     while ((rc = rn_parquet_rows_next(r, &row, err)) == RN_OK && row) {
 *         use(row);                        {"messages": [{"role": "user", "content": "..."}, ...]}
 *         json_decref(row);
 *     }
 *     rn_parquet_rows_free(r);
 *
 * How a row looks:
 *
 *     struct         object                     list, map      array (of {key, value})
 *     null           null                       repeated       array
 *     boolean        true, false                integers       number
 *     float, double  number, or "NaN", "Infinity", "-Infinity"
 *     bytes          string; those that are not UTF-8 as "\x" and their hexadecimal digits
 *
 * Lists may be nested, and written in the format's newer manner of three levels or in the older
 * ones. One row group of the asked columns is in memory at a time. */
#ifndef RN_PARQUET_ROWS_H
#define RN_PARQUET_ROWS_H

#include "err.h"
#include "json.h"

struct rn_parquet;
struct rn_parquet_rows;

/* `columns` ends with NULL; each is the dotted path of a column or of what holds some
 * ("messages.list.element.content"), and what is not asked for is neither read nor given. NULL, or
 * no name: all columns. RN_ECORRUPT for a path that is not there. */
int rn_parquet_rows_open(struct rn_parquet_rows **, const char *path, const char *const *columns,
                         struct rn_err *);
/* The next row, a new reference; NULL after the last. RN_ECORRUPT as rn_parquet_read, and if the
 * columns of a struct or list disagree. */
int rn_parquet_rows_next(struct rn_parquet_rows *, json_t **, struct rn_err *);
/* The file, for what its footer says. Borrowed. */
const struct rn_parquet *rn_parquet_rows_file(const struct rn_parquet_rows *);
void rn_parquet_rows_free(struct rn_parquet_rows *); /* takes NULL */

#endif
