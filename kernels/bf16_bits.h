/* bf16_bits.h - one number of bfloat16, the upper half of a float, and back. */
#ifndef RN_BF16_BITS_H
#define RN_BF16_BITS_H

#include <stdint.h>
#include <string.h>

static inline float rn_from_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* To the nearest, ties to even; NaN stays NaN. */
static inline uint16_t rn_to_bf16(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    uint32_t nan = bits | 0x400000u;
    return (uint16_t)(((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded) >> 16);
}

#endif
