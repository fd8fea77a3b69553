/* data/bpe_seams.h - places in a piece that no token of the vocabulary can stand across.
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_SEAM_BITS = 16 };
struct rn_seams {
    uint8_t ends[1 << RN_SEAM_BITS >> 3];  /* first two and last two bytes of the tokens */
    uint8_t inner[1 << RN_SEAM_BITS >> 3]; /* hashes of four bytes in a row within tokens */
};

void rn_seams_add(struct rn_seams *, const unsigned char *token, size_t n);
/* Bytes up to the first seam; n if there is none. */
size_t rn_seams_next(const struct rn_seams *, const unsigned char *piece, size_t n);

#endif
