/* A token across a place has one byte before it, or one behind it, or two on both sides. In the
 * first cases its first or last two bytes are those beside the place, in the last it holds the four
 * bytes around it. */
#include "bpe_seams.h"

#include <string.h>

static inline uint32_t two(const unsigned char *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t four(const unsigned char *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x * UINT32_C(0x9E3779B1) >> (32 - RN_SEAM_BITS);
}

static inline void put(uint8_t *set, uint32_t i)
{
    set[i >> 3] |= (uint8_t)(1 << (i & 7));
}

static inline bool has(const uint8_t *set, uint32_t i)
{
    return set[i >> 3] >> (i & 7) & 1;
}

static inline bool begins_character(unsigned char c)
{
    return c >= 0xC0;
}

void rn_seams_add(struct rn_seams *s, const unsigned char *token, size_t n)
{
    if (n < 2)
        return;
    put(s->ends, two(token));
    put(s->ends, two(token + n - 2));
    for (size_t i = 2; i + 2 <= n; i++)
        if (begins_character(token[i]))
            put(s->inner, four(token + i - 2));
}

size_t rn_seams_next(const struct rn_seams *s, const unsigned char *piece, size_t n)
{
    for (size_t i = 2; i + 2 <= n; i++)
        if (begins_character(piece[i]) && !has(s->ends, two(piece + i - 1)) &&
            !has(s->inner, four(piece + i - 2)))
            return i;
    return n;
}
