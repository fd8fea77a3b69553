/* mt19937.c - Matsumoto and Nishimura's MT19937 under CPython's rules for seeds and ranges. */
#include "mt19937.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = 624, SHIFT = 397 };

static void init_genrand(struct rn_mt *r, uint32_t seed)
{
    r->state[0] = seed;
    for (int i = 1; i < WORDS; i++) {
        uint32_t last = r->state[i - 1];
        r->state[i] = 1812433253u * (last ^ (last >> 30)) + (uint32_t)i;
    }
    r->next = WORDS;
}

/* init_by_array of the reference code; CPython passes the seed's 32-bit digits, lowest first. */
void rn_mt_seed(struct rn_mt *r, uint64_t seed)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t n_key = key[1] ? 2 : 1, i = 1, j = 0;
    uint32_t *s = r->state;
    init_genrand(r, 19650218u);
    for (int k = 0; k < WORDS; k++) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1664525u)) + key[j] + j;
        j = (j + 1) % n_key;
        if (++i == WORDS) {
            s[0] = s[WORDS - 1];
            i = 1;
        }
    }
    for (int k = 1; k < WORDS; k++) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i == WORDS) {
            s[0] = s[WORDS - 1];
            i = 1;
        }
    }
    s[0] = 0x80000000u;
}

static void twist(struct rn_mt *r)
{
    uint32_t *s = r->state;
    for (int i = 0; i < WORDS; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % WORDS] & 0x7fffffffu);
        s[i] = s[(i + SHIFT) % WORDS] ^ (y >> 1) ^ ((y & 1) ? 0x9908b0dfu : 0);
    }
    r->next = 0;
}

static uint32_t next_u32(struct rn_mt *r)
{
    if (r->next == WORDS)
        twist(r);
    uint32_t y = r->state[r->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

double rn_mt_unit(struct rn_mt *r)
{
    uint32_t a = next_u32(r) >> 5, b = next_u32(r) >> 6;
    return ((double)a * 67108864.0 + (double)b) * (1.0 / 9007199254740992.0);
}

/* getrandbits: 32 bits at a time, lowest word first, the last word keeps its high bits. */
static uint64_t random_bits(struct rn_mt *r, int bits)
{
    if (bits <= 32)
        return next_u32(r) >> (32 - bits);
    uint64_t low = next_u32(r);
    return low | (uint64_t)(next_u32(r) >> (64 - bits)) << 32;
}

uint64_t rn_mt_below(struct rn_mt *r, uint64_t n)
{
    RN_ASSERT(n >= 1);
    int bits = 0;
    while (bits < 64 && n >> bits)
        bits++;
    uint64_t drawn;
    do
        drawn = random_bits(r, bits);
    while (drawn >= n);
    return drawn;
}

void rn_mt_shuffle(struct rn_mt *r, int64_t *items, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        size_t j = (size_t)rn_mt_below(r, i + 1);
        int64_t t = items[i];
        items[i] = items[j];
        items[j] = t;
    }
}

static void sample_from_pool(struct rn_mt *r, size_t n, size_t k, int64_t *picked)
{
    int64_t *pool = rn_xrealloc(NULL, n, sizeof *pool);
    for (size_t i = 0; i < n; i++)
        pool[i] = (int64_t)i;
    for (size_t i = 0; i < k; i++) {
        size_t j = (size_t)rn_mt_below(r, n - i);
        picked[i] = pool[j];
        pool[j] = pool[n - i - 1];
    }
    free(pool);
}

static int holds(const int64_t *items, size_t n, int64_t x)
{
    for (size_t i = 0; i < n; i++)
        if (items[i] == x)
            return 1;
    return 0;
}

/* CPython keeps a list of all candidates while that is smaller than a set of k would be. */
static size_t pool_limit(size_t k)
{
    size_t limit = 21, power = 1;
    if (k > 5) {
        while (power < k * 3)
            power *= 4;
        limit += power;
    }
    return limit;
}

void rn_mt_sample(struct rn_mt *r, size_t n, size_t k, int64_t *picked)
{
    RN_ASSERT(k <= n);
    if (n <= pool_limit(k)) {
        if (k)
            sample_from_pool(r, n, k, picked);
        return;
    }
    for (size_t i = 0; i < k; i++) {
        do
            picked[i] = (int64_t)rn_mt_below(r, n);
        while (holds(picked, i, picked[i]));
    }
}
