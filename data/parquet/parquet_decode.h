/* parquet_decode.h - the values of a page, in each encoding that is read.
 *
 *     struct rn_pq_input in = {.at = where, .leaf = leaf, .encoding = RN_PQ_PLAIN,
 *                              .p = bytes, .end = bytes + n, .scratch = &scratch};
 *     RN_TRY(rn_pq_decode(&in, out, count));            out: string, int64_t or double each
 *
 * Inside of data/parquet*.c; others include parquet.h. Strings point into the page, into the
 * dictionary's page, or into the scratch. */
#ifndef RN_PARQUET_DECODE_H
#define RN_PARQUET_DECODE_H

#include "parquet_page.h"
#include "parquet_schema.h"

struct rn_pq_buffer { /* grows, never shrinks */
    void *p;
    size_t cap_bytes;
};
/* Makes room for count items; content is undefined. RN_ENOMEM names the size. */
int rn_pq_reserve(struct rn_pq_buffer *, size_t count, size_t each, struct rn_err *);

struct rn_pq_scratch {
    struct rn_pq_buffer indices; /* uint32_t a value */
    struct rn_pq_buffer lengths; /* int64_t a value, twice */
    struct rn_pq_joined {        /* strings put together from a prefix and a suffix */
        char **blocks;           /* one a page */
        size_t n, cap, size_bytes;
    } joined;
};
void rn_pq_scratch_clear(struct rn_pq_scratch *); /* gives up the joined strings */
void rn_pq_scratch_release(struct rn_pq_scratch *);

struct rn_pq_input {
    struct rn_pq_where at;
    const struct rn_pq_leaf *leaf;
    int64_t encoding;
    const unsigned char *p, *end;
    const void *dict; /* n_dict values; NULL: there is none */
    size_t n_dict;
    struct rn_pq_scratch *scratch;
};

size_t rn_pq_value_size(enum rn_parquet_type);
/* Exactly n values. RN_ECORRUPT if the bytes do not hold them, or in an encoding not read. */
int rn_pq_decode(const struct rn_pq_input *, void *out, size_t n);

#endif
