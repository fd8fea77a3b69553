#include "rng.h"

#include <math.h>

struct block {
    uint32_t v[4];
};

/* Philox 4x32 with 10 rounds; constants from the paper (table 2). */
static struct block philox(uint64_t key, uint64_t counter)
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    struct block b = {{(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0}};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * b.v[0], p1 = (uint64_t)0xCD9E8D57u * b.v[2];
        b = (struct block){{(uint32_t)(p1 >> 32) ^ b.v[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ b.v[3] ^ k1, (uint32_t)p0}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return b;
}

uint64_t rn_stream(uint64_t seed, const char *name)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a of the name, mixed with the seed by one block */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001B3u;
    struct block b = philox(seed, h);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

uint64_t rn_rand_u64(uint64_t stream, uint64_t index)
{
    struct block b = philox(stream, index);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

double rn_rand_unit(uint64_t stream, uint64_t index)
{
    return (double)(rn_rand_u64(stream, index) >> 11) * 0x1p-53;
}

double rn_rand_normal(uint64_t stream, uint64_t index)
{
    struct block b = philox(stream, index);
    uint64_t hi = (uint64_t)b.v[1] << 32 | b.v[0], lo = (uint64_t)b.v[3] << 32 | b.v[2];
    double u = ((double)(hi >> 11) + 1) * 0x1p-53, v = (double)(lo >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

uint32_t rn_rand_below(uint64_t stream, uint64_t index, uint32_t n)
{
    return (uint32_t)((rn_rand_u64(stream, index) >> 32) * n >> 32);
}
