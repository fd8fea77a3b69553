/* pcg64.h - numpy's `default_rng(seed).permutation(n)`, number for number.
 *
 *     int64_t *order = rn_numpy_permutation(42, n);     caller frees
 *
 * Only for compatibility with row orders that other programs drew. */
#ifndef RN_PCG64_H
#define RN_PCG64_H

#include <stddef.h>
#include <stdint.h>

int64_t *rn_numpy_permutation(uint32_t seed, size_t n); /* n < 2^32 */

#endif
