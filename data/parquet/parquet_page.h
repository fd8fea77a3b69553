/* parquet_page.h - pages of a column chunk: their headers, checksums and bytes.
 *
 *     struct rn_pq_pages pages = {.at = where, .p = chunk, .end = chunk + n, .codec = codec};
 *     struct rn_pq_page page;
 *     RN_TRY(rn_pq_page_next(&pages, &page));                  header checked, body stepped over
 *     RN_TRY(rn_pq_page_verify(&pages, &page));                its checksum, where there is one
 *     RN_TRY(rn_pq_page_expand(&pages, &page, 0, &bytes, &n));
 *
 * Inside of data/parquet*.c; others include parquet.h. */
#ifndef RN_PARQUET_PAGE_H
#define RN_PARQUET_PAGE_H

#include "codec.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_PQ_PAGE_VALUES_MAX = 1 << 24 };

/* Numbered as in the format. */
enum rn_pq_page_kind { RN_PQ_DATA, RN_PQ_INDEX, RN_PQ_DICTIONARY, RN_PQ_DATA_V2 };
enum rn_pq_encoding {
    RN_PQ_PLAIN = 0,
    RN_PQ_PLAIN_DICTIONARY = 2,
    RN_PQ_RLE = 3,
    RN_PQ_BIT_PACKED = 4,
    RN_PQ_DELTA_BINARY_PACKED = 5,
    RN_PQ_DELTA_LENGTH_BYTE_ARRAY = 6,
    RN_PQ_DELTA_BYTE_ARRAY = 7,
    RN_PQ_RLE_DICTIONARY = 8,
    RN_PQ_BYTE_STREAM_SPLIT = 9,
};

/* Whose bytes they are, for errors. */
struct rn_pq_where {
    const char *path, *column;
    struct rn_err *err;
};
/* RN_ECORRUPT: "parquet column 'a.b': page ends early". */
int rn_pq_corrupt(const struct rn_pq_where *, const char *what, const char *why);

struct rn_pq_page {
    int64_t kind, n_bytes, n_compressed; /* n_bytes: decompressed */
    int64_t n_values, encoding;
    int64_t def_encoding, rep_encoding; /* RN_PQ_DATA */
    int64_t def_bytes, rep_bytes;       /* RN_PQ_DATA_V2: levels before the values, never packed */
    uint32_t crc;
    bool has_crc, compressed, has_header;
    const unsigned char *body; /* n_compressed bytes */
};
struct rn_pq_pages {
    struct rn_pq_where at;
    const unsigned char *p, *end; /* the next header */
    const struct rn_codec *codec;
    unsigned char *room; /* for decompressed bytes: as many as all pages together claim */
};

int rn_pq_page_next(struct rn_pq_pages *, struct rn_pq_page *);
int rn_pq_page_verify(const struct rn_pq_pages *, const struct rn_pq_page *);
/* The body from byte `from` on, decompressed where it is compressed: *n bytes inside of
 * the room. */
int rn_pq_page_expand(struct rn_pq_pages *, const struct rn_pq_page *, size_t from,
                      const unsigned char **out, size_t *n);

#endif
