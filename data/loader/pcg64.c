/* pcg64.c - O'Neill's PCG XSL-RR 128/64 behind numpy's SeedSequence and bounded integers. */
#include "pcg64.h"

#include "mem.h"

__extension__ typedef unsigned __int128 u128;

struct pcg64 {
    uint64_t state[2], inc[2]; /* 128-bit numbers, low word first */
    uint32_t half;             /* upper half of the last 64 bits, when half_full */
    int half_full;
};

static u128 wide(const uint64_t w[2])
{
    return (u128)w[1] << 64 | w[0];
}
static void narrow(uint64_t w[2], u128 x)
{
    w[0] = (uint64_t)x;
    w[1] = (uint64_t)(x >> 64);
}

static void step(struct pcg64 *r)
{
    static const uint64_t mult[2] = {0x4385DF649FCCF645u, 0x2360ED051FC65DA4u};
    narrow(r->state, wide(r->state) * wide(mult) + wide(r->inc));
}

static uint32_t scramble(uint32_t value, uint32_t *hash, uint32_t mult)
{
    value ^= *hash;
    *hash *= mult;
    value *= *hash;
    return value ^ (value >> 16);
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    uint32_t r = 0xca01f9ddu * x - 0x4973f715u * y;
    return r ^ (r >> 16);
}

/* SeedSequence with one 32-bit entropy word: a pool of four words, then eight words of state. */
static void seed_words(uint32_t seed, uint32_t words[8])
{
    uint32_t pool[4], hash = 0x43b0d7e5u;
    for (int i = 0; i < 4; i++)
        pool[i] = scramble(i == 0 ? seed : 0, &hash, 0x931e8875u);
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++)
            if (from != to)
                pool[to] = mix(pool[to], scramble(pool[from], &hash, 0x931e8875u));
    hash = 0x8b51f9ddu;
    for (int i = 0; i < 8; i++)
        words[i] = scramble(pool[i % 4], &hash, 0x58f38dedu);
}

/* SeedSequence(seed). */
static void start(struct pcg64 *r, uint32_t seed)
{
    uint32_t w[8];
    seed_words(seed, w);
    /* four 64-bit numbers: state high, state low, sequence high, sequence low */
    uint64_t q[4];
    for (int i = 0; i < 4; i++)
        q[i] = (uint64_t)w[2 * i + 1] << 32 | w[2 * i];
    *r = (struct pcg64){0};
    narrow(r->inc, ((u128)q[2] << 64 | q[3]) << 1 | 1);
    step(r);
    narrow(r->state, wide(r->state) + ((u128)q[0] << 64 | q[1]));
    step(r);
}

static uint64_t next_u64(struct pcg64 *r)
{
    step(r);
    uint64_t x = r->state[1] ^ r->state[0];
    unsigned turn = (unsigned)(r->state[1] >> 58);
    return x >> turn | x << (-turn & 63);
}

/* Halves of the 64-bit numbers, low half first. */
static uint32_t next_u32(struct pcg64 *r)
{
    if (r->half_full) {
        r->half_full = 0;
        return r->half;
    }
    uint64_t x = next_u64(r);
    r->half = (uint32_t)(x >> 32);
    r->half_full = 1;
    return (uint32_t)x;
}

/* numpy's random_interval, which its shuffle uses: uniform in [0, top], masked, with rejection. */
static uint32_t bounded(struct pcg64 *r, uint32_t top)
{
    uint32_t mask = top, drawn;
    for (int shift = 1; shift <= 16; shift *= 2)
        mask |= mask >> shift;
    do
        drawn = next_u32(r) & mask;
    while (drawn > top);
    return drawn;
}

int64_t *rn_numpy_permutation(uint32_t seed, size_t n)
{
    RN_ASSERT(n < UINT32_MAX);
    struct pcg64 r;
    start(&r, seed);
    int64_t *order = rn_xrealloc(NULL, n + 1, sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = (int64_t)i;
    for (size_t i = n; i-- > 1;) {
        uint32_t j = bounded(&r, (uint32_t)i);
        int64_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    return order;
}
