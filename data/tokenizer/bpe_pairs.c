#include "bpe_pairs.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define FREE_PAIR UINT64_MAX /* no pair: its two ids would be above the largest */

static inline uint64_t pair_key(int32_t left, int32_t right)
{
    return (uint64_t)left << RN_ID_BITS | (uint32_t)right;
}

static inline size_t pair_place(const struct rn_pairs *p, uint64_t pair)
{
    return pair * UINT64_C(0x9E3779B97F4A7C15) >> (64 - p->bits);
}

static inline size_t pair_slot(const struct rn_pairs *p, uint64_t pair)
{
    size_t mask = ((size_t)1 << p->bits) - 1, i = pair_place(p, pair);
    while (p->slots[i] != FREE_PAIR && p->slots[i] >> RN_ID_BITS != pair)
        i = (i + 1) & mask;
    return i;
}

int32_t rn_pairs_find(const struct rn_pairs *p, int32_t left, int32_t right)
{
    uint64_t pair = pair_key(left, right);
    uint64_t found = p->slots[pair_place(p, pair)];
    /* Mostly the first slot decides, one way or the other, which no processor can foresee. */
    if ((found != FREE_PAIR) & (found >> RN_ID_BITS != pair))
        found = p->slots[pair_slot(p, pair)];
    return found >> RN_ID_BITS == pair ? (int32_t)(found & ((1 << RN_ID_BITS) - 1)) : RN_NO_RANK;
}

int rn_pairs_room(struct rn_pairs *p, struct rn_err *err)
{
    if (p->slots && p->n < (size_t)1 << p->bits >> 1)
        return RN_OK;
    struct rn_pairs more = {.n = p->n, .bits = p->slots ? p->bits + 1 : 10};
    void *slots;
    RN_TRY(rn_try_alloc(&slots, (size_t)1 << more.bits, sizeof *more.slots, "pair table", err));
    more.slots = memset(slots, -1, sizeof *more.slots << more.bits);
    for (size_t i = 0; p->slots && i < (size_t)1 << p->bits; i++)
        if (p->slots[i] != FREE_PAIR)
            more.slots[pair_slot(&more, p->slots[i] >> RN_ID_BITS)] = p->slots[i];
    free(p->slots);
    *p = more;
    return RN_OK;
}

int rn_pairs_add(struct rn_pairs *p, int32_t left, int32_t right, int32_t rank, struct rn_err *err)
{
    uint64_t pair = pair_key(left, right);
    RN_TRY(rn_pairs_room(p, err));
    p->slots[pair_slot(p, pair)] = pair << RN_ID_BITS | (uint32_t)rank;
    p->n++;
    return RN_OK;
}

void rn_pairs_release(struct rn_pairs *p)
{
    free(p->slots);
    *p = (struct rn_pairs){0};
}
