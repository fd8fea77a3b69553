/* bytes.h - whole numbers in the bytes of a file: little-endian, at any alignment.
 *
 *     uint32_t n = rn_le32_at(p);         reads p[0..4); the caller knows that they are there
 *     int32_t id = (int32_t)rn_le32_at(p);
 *
 * Compilers make one load of each. */
#ifndef RN_BYTES_H
#define RN_BYTES_H

#include <stdint.h>

static inline uint32_t rn_le16_at(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t rn_le32_at(const unsigned char *p)
{
    return rn_le16_at(p) | rn_le16_at(p + 2) << 16;
}

static inline uint64_t rn_le64_at(const unsigned char *p)
{
    return rn_le32_at(p) | (uint64_t)rn_le32_at(p + 4) << 32;
}

#endif
