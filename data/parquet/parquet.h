/* parquet.h - reads columns of a parquet file, one row group at a time.
 *
 *     struct rn_parquet *p;
 *     RN_TRY(rn_parquet_open(&p, "shard_00000.parquet", err));
 *     int text = rn_parquet_column(p, "text", err);                    -1: err says which there are
 *     for (size_t g = 0; g < rn_parquet_groups(p); g++) {
 *         struct rn_parquet_values v;
 *         RN_TRY(rn_parquet_read(p, g, text, &v, err));
 *         use(v.strings[0].p, v.strings[0].n);
 *     }
 *     rn_parquet_free(p);
 *
 * What it reads:
 *
 *     columns     every leaf of the schema; below lists with levels (parquet_rows.h gives rows)
 *     pages       v1 and v2, their checksums verified where the file has them
 *     encodings   PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY, RLE (booleans), DELTA_BINARY_PACKED,
 *                 DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY; levels in RLE and BIT_PACKED
 *     codecs      none, snappy, gzip, zstd, lz4_raw
 *
 * Anything else (encryption, INT96, BYTE_STREAM_SPLIT, brotli, chunks in other files, ...), and
 * anything that does not add up, is one RN_ECORRUPT naming file, column and reason. Strings
 * annotated as text are checked to be UTF-8. Of the other annotations only the missing sign of an
 * INT32 is heeded: a decimal is its digits, a time its count. A reader belongs to one thread; its
 * buffers are reused from group to group. */
#ifndef RN_PARQUET_H
#define RN_PARQUET_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_parquet;

/* Physical types, numbered as in the format. */
enum rn_parquet_type {
    RN_PQ_BOOLEAN,
    RN_PQ_INT32,
    RN_PQ_INT64,
    RN_PQ_INT96, /* never read */
    RN_PQ_FLOAT,
    RN_PQ_DOUBLE,
    RN_PQ_BYTES,
    RN_PQ_FIXED, /* byte strings of one length */
};

struct rn_parquet_string {
    const char *p; /* not NUL-terminated */
    size_t n;
};
/* One column of one row group, borrowed until the next read. Of the last three one is set. */
struct rn_parquet_values {
    enum rn_parquet_type type;
    bool utf8; /* annotated as text, and found to be UTF-8 */
    size_t n;  /* rows, nulls included; below a list: its items, and empty ones */
    const unsigned char *present; /* n; 0: null, and the value is zero or empty */
    const unsigned char *def;     /* n; how much of the value's path is there */
    const unsigned char *rep;     /* n; the list it continues, from the root on; 0: a new row */
    const struct rn_parquet_string *strings; /* RN_PQ_BYTES, RN_PQ_FIXED */
    const int64_t *ints;                     /* RN_PQ_BOOLEAN, RN_PQ_INT32, RN_PQ_INT64 */
    const double *reals;                     /* RN_PQ_FLOAT, RN_PQ_DOUBLE */
};

/* What the footer says of a column. */
struct rn_parquet_facts {
    const char *path; /* dotted; borrowed from the reader */
    enum rn_parquet_type type;
    bool text, optional;
    bool nested;                /* below a list, so that values are not rows */
    int64_t values, size_bytes; /* of all row groups; bytes as stored */
    char codecs[64];            /* "zstd"; "snappy, none" where they differ */
};

/* True if the file begins as one does. */
bool rn_parquet_is(const char *path);
/* Reads and checks the footer. RN_ECORRUPT, or RN_EIO if the file cannot be opened. */
int rn_parquet_open(struct rn_parquet **, const char *path, struct rn_err *);
void rn_parquet_free(struct rn_parquet *); /* takes NULL */

int64_t rn_parquet_rows(const struct rn_parquet *);
size_t rn_parquet_groups(const struct rn_parquet *);
int64_t rn_parquet_group_rows(const struct rn_parquet *, size_t group);
int rn_parquet_columns(const struct rn_parquet *);
void rn_parquet_describe(const struct rn_parquet *, int column, struct rn_parquet_facts *);
const char *rn_parquet_type_name(const struct rn_parquet_facts *); /* "text", "int64", ... */
/* Index of the column whose values are rows; -1 with RN_ECORRUPT in err if it is missing or
 * nested. */
int rn_parquet_column(const struct rn_parquet *, const char *name, struct rn_err *);
/* Whether it is the column of that path, or lies below it. */
bool rn_parquet_column_within(const struct rn_parquet *, int column, const char *path);

/* Decodes a column of a group. RN_ECORRUPT as said above, RN_EIO, RN_ENOMEM. */
int rn_parquet_read(struct rn_parquet *, size_t group, int column, struct rn_parquet_values *,
                    struct rn_err *);

#endif
