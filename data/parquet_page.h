/* data/parquet_page.h - pages of one column chunk: headers, codecs, levels, values.
 *
 *     struct rn_pq_decoder d = {0};                         buffers, reused from chunk to chunk
 *     RN_TRY(rn_pq_decode(&d, &leaf, codec, bytes, n, rows, path, &values, err));
 *     rn_pq_decoder_release(&d);
 *
 * Inside of data/parquet.c; others include parquet.h. */
#ifndef RN_PARQUET_PAGE_H
#define RN_PARQUET_PAGE_H

#include "err.h"
#include "parquet.h"
#include "parquet_meta.h"

struct rn_pq_buffer { /* grows, never shrinks */
    void *p;
    size_t cap_bytes;
};
struct rn_pq_decoder {
    struct rn_pq_buffer bytes;   /* decompressed pages of the chunk, one after another */
    struct rn_pq_buffer present; /* unsigned char a row */
    struct rn_pq_buffer values;  /* string, int64_t or double a row */
    struct rn_pq_buffer dict;    /* the same, an entry of the dictionary each */
    struct rn_pq_buffer indices; /* uint32_t a row of a page */
};

/* Makes room for count items; content is undefined. RN_ENOMEM names the size. */
int rn_pq_reserve(struct rn_pq_buffer *, size_t count, size_t each, struct rn_err *);

/* Decodes all pages of a chunk (n bytes) of `rows` rows. Values are borrowed from the decoder. */
int rn_pq_decode(struct rn_pq_decoder *, const struct rn_pq_leaf *, int codec,
                 const unsigned char *bytes, size_t n, int64_t rows, const char *path,
                 struct rn_parquet_values *, struct rn_err *);
void rn_pq_decoder_release(struct rn_pq_decoder *);

#endif
