/* A token across a place has one byte before it, or one behind it, or two on both sides. In the
 * first cases its first or last two bytes are those beside the place, in the last it holds the four
 * bytes around it. */
#include "bpe_seams.h"

static void put(uint8_t *set, uint32_t i)
{
    set[i >> 3] |= (uint8_t)(1 << (i & 7));
}

void rn_seams_add(struct rn_seams *s, const unsigned char *token, size_t n)
{
    if (n < 2)
        return;
    put(s->ends, rn_seam_two(token));
    put(s->ends, rn_seam_two(token + n - 2));
    for (size_t i = 2; i + 2 <= n; i++)
        if (rn_seam_begins(token[i]))
            put(s->inner, rn_seam_four(token + i - 2));
}
