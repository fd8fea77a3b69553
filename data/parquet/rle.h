/* rle.h - parquet's hybrid of runs and bit-packed groups: levels, indices and booleans.
 *
 *     struct rn_rle r = {.p = bytes, .end = bytes + n, .width = bits};
 *     const char *bad = rn_rle_take(&r, out, count);      NULL, or why there are fewer than count
 *
 * One call reads all values of a page; what follows them is left. */
#ifndef RN_RLE_H
#define RN_RLE_H

#include <stddef.h>
#include <stdint.h>

struct rn_rle {
    const unsigned char *p, *end;
    int width; /* bits a value, 0 to 32 */
};
const char *rn_rle_take(struct rn_rle *, uint32_t *out, size_t count);
/* The format's older way for levels: bare values, packed from the most significant bit on. */
const char *rn_bits_take(struct rn_rle *, uint32_t *out, size_t count);

#endif
