/* mt19937.h - CPython's `random.Random(n)`, bit for bit, for orders that other programs drew.
 *
 *     struct rn_mt r;
 *     rn_mt_seed(&r, 1337);
 *     rn_mt_shuffle(&r, order, n);           random.shuffle
 *     rn_mt_sample(&r, n, k, picked);        random.sample(range(n), k)
 *
 * Only for compatibility; our own randomness is base/rng.h. */
#ifndef RN_MT19937_H
#define RN_MT19937_H

#include <stddef.h>
#include <stdint.h>

struct rn_mt {
    uint32_t state[624];
    int next; /* words of state already used */
};
void rn_mt_seed(struct rn_mt *, uint64_t seed);   /* random.seed(int) */
double rn_mt_unit(struct rn_mt *);                /* random(): [0, 1), 53 bits */
uint64_t rn_mt_below(struct rn_mt *, uint64_t n); /* randrange(n); n >= 1 */
void rn_mt_shuffle(struct rn_mt *, int64_t *items, size_t n);
/* k distinct numbers of [0, n) in drawing order; k <= n. */
void rn_mt_sample(struct rn_mt *, size_t n, size_t k, int64_t *picked);

#endif
