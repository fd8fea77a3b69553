/* bpe_seams.h - places in a piece that no token of the vocabulary can stand across.
 *
 *     struct rn_seams s = {0};
 *     rn_seams_add(&s, token, n);                               each token
 *     size_t part = rn_seams_next(&s, piece, n);                bytes up to the first seam, or n
 *
 * No merge crosses a seam, so both sides have the ids that they would have alone. Scripts without
 * spaces make pieces of many characters that never come again, but few of their pairs of characters
 * have a token; the parts between the seams do come again. Found before characters outside ASCII
 * only. What says no seam may be wrong, what says seam is right. Inside `data` only. */
#ifndef RN_BPE_SEAMS_H
#define RN_BPE_SEAMS_H

#include "unicode.h"

#include <string.h>

enum { RN_SEAM_BITS = 16 };
struct rn_seams {
    uint8_t ends[1 << RN_SEAM_BITS >> 3];  /* first two and last two bytes of the tokens */
    uint8_t inner[1 << RN_SEAM_BITS >> 3]; /* hashes of four bytes in a row within tokens */
};

void rn_seams_add(struct rn_seams *, const unsigned char *token, size_t n);

static inline uint32_t rn_seam_two(const unsigned char *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t rn_seam_four(const unsigned char *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x * UINT32_C(0x9E3779B1) >> (32 - RN_SEAM_BITS);
}

static inline bool rn_seam_begins(unsigned char c)
{
    return c >= 0xC0; /* a character outside ASCII */
}

/* Is there a seam before p[0]? Looks at p[-2] to p[1]. */
static inline bool rn_seam_at(const struct rn_seams *s, const unsigned char *p)
{
    if (!rn_seam_begins(p[0]))
        return false;
    uint32_t ends = rn_seam_two(p - 1), inner = rn_seam_four(p - 2);
    return !((s->ends[ends >> 3] >> (ends & 7) | s->inner[inner >> 3] >> (inner & 7)) & 1);
}

/* Bytes up to the first seam of a piece in valid UTF-8, n > 0; n if there is none. */
static inline size_t rn_seams_next(const struct rn_seams *s, const unsigned char *piece, size_t n)
{
    int len;
    rn_utf8_char(piece, &len);
    for (size_t i = (size_t)len; i + 2 <= n; i += (size_t)len) {
        if (i >= 2 && rn_seam_at(s, piece + i))
            return i;
        rn_utf8_char(piece + i, &len);
    }
    return n;
}

#endif
