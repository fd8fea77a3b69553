/* data/pcg64.h - numpy's `default_rng(seed).permutation(n)`, number for number.
 *
 *     int64_t *order = rn_numpy_permutation(42, n);     caller frees
 *
 * Only for compatibility with row orders that other programs drew. */
#ifndef RN_PCG64_H
#define RN_PCG64_H

#include <stddef.h>
#include <stdint.h>

struct rn_pcg64 {
    uint64_t state[2], inc[2]; /* 128-bit numbers, low word first */
    uint32_t half;             /* upper half of the last 64 bits, when half_full */
    int half_full;
};
void rn_pcg64_seed(struct rn_pcg64 *, uint32_t seed); /* SeedSequence(seed) */
uint64_t rn_pcg64_u64(struct rn_pcg64 *);
uint32_t rn_pcg64_u32(struct rn_pcg64 *); /* halves of the 64-bit numbers, low half first */

int64_t *rn_numpy_permutation(uint32_t seed, size_t n); /* n < 2^32 */

#endif
