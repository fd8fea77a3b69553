/* Two ways to the same ids. Short pieces: look for the lowest rank, join there, repeat. Long
 * pieces: the same in blocks of 64 bytes, and a heap of the lowest of each block, so that a
 * megabyte of one letter takes n log n steps, not n squared. */
#include "bpe.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { SCAN_MAX = 64, INDEX_BITS = 6, LANES = 8 };

/* Parts of a short piece. Part i begins at byte i as long as bit i is set in `alive`. */
struct parts {
    int32_t id[SCAN_MAX];
    int32_t join[SCAN_MAX]; /* rank with the next part << INDEX_BITS | i; its largest: none */
    uint64_t alive;
};
_Static_assert(RN_VOCAB_MAX_TOKENS < INT32_MAX >> INDEX_BITS, "ranks and indices share an int");

static int32_t join_key(int32_t rank, int i)
{
    return (int32_t)((uint32_t)(rank & INT32_MAX >> INDEX_BITS) << INDEX_BITS | (uint32_t)i);
}

/* The lowest rank, the leftmost of it. Whole vectors: the compiler unrolls. */
static int32_t lowest_join(const struct parts *p, int n)
{
    int32_t low[LANES];
    memcpy(low, p->join, sizeof low);
    for (int i = LANES; i < n; i += LANES)
        for (int k = 0; k < LANES; k++)
            low[k] = p->join[i + k] < low[k] ? p->join[i + k] : low[k];
    for (int k = 1; k < LANES; k++)
        low[0] = low[k] < low[0] ? low[k] : low[0];
    return low[0];
}

static void join_at(const struct rn_vocab *v, struct parts *p, int32_t lowest)
{
    int i = lowest & (SCAN_MAX - 1);
    uint64_t before = p->alive & ((UINT64_C(1) << i) - 1);
    uint64_t behind = p->alive & ~UINT64_C(1) << i;
    p->join[__builtin_ctzll(behind)] = INT32_MAX;
    behind &= behind - 1; /* the second of both is a part no more */
    p->alive = before | UINT64_C(1) << i | behind;
    p->id[i] = lowest >> INDEX_BITS;
    p->join[i] = INT32_MAX;
    if (behind)
        p->join[i] = join_key(rn_vocab_join(v, p->id[i], p->id[__builtin_ctzll(behind)]), i);
    if (before) {
        int h = 63 - __builtin_clzll(before);
        p->join[h] = join_key(rn_vocab_join(v, p->id[h], p->id[i]), h);
    }
}

static void scan_encode(const struct rn_vocab *v, const unsigned char *piece, int n, int32_t limit,
                        struct rn_ids *out)
{
    struct parts p = {.alive = ~UINT64_C(0) >> (SCAN_MAX - n)};
    for (int i = 0; i < n; i++)
        p.id[i] = v->byte_rank[piece[i]];
    for (int i = 0; i + 1 < n; i++)
        p.join[i] = join_key(v->byte_join[piece[i] * 256 + piece[i + 1]], i);
    for (int i = n - 1; i < SCAN_MAX && (i < n || i % LANES); i++)
        p.join[i] = INT32_MAX;
    for (int32_t low; (low = lowest_join(&p, n)) >> INDEX_BITS < limit;)
        join_at(v, &p, low);
    for (uint64_t left = p.alive; left; left &= left - 1)
        rn_ids_push(out, p.id[__builtin_ctzll(left)]);
}

/* --- long pieces --- */

#define NOWHERE UINT32_MAX

/* 64 bytes of the piece. `lowest` is rank << 32 | position in the piece of its lowest join: lowest
 * rank first, leftmost on ties. Blocks without parts leave the list. */
struct block {
    struct parts p;
    uint64_t lowest;
    uint32_t prev, next; /* blocks; NOWHERE: none */
};
struct chain {
    const struct rn_vocab *v;
    struct block *block;
    uint32_t blocks_n;
    uint64_t *heap; /* at least one entry a block; those that were overtaken are larger now */
    size_t heap_n, heap_cap;
};

static void sift_down(struct chain *c, size_t i)
{
    uint64_t x = c->heap[i];
    for (size_t child; (child = 2 * i + 1) < c->heap_n; i = child) {
        if (child + 1 < c->heap_n && c->heap[child + 1] < c->heap[child])
            child++;
        if (x <= c->heap[child])
            break;
        c->heap[i] = c->heap[child];
    }
    c->heap[i] = x;
}

static void push(struct chain *c, uint64_t x)
{
    RN_PUSH(c->heap, c->heap_n, c->heap_cap, x);
    size_t i = c->heap_n - 1;
    for (; i > 0 && x < c->heap[(i - 1) / 2]; i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = x;
}

static struct block *block_of(const struct chain *c, uint32_t at)
{
    return &c->block[at / SCAN_MAX];
}

static int32_t *id_at(const struct chain *c, uint32_t at)
{
    return &block_of(c, at)->p.id[at % SCAN_MAX];
}

/* The part behind the one at `at`; NOWHERE if it is the last. */
static uint32_t part_behind(const struct chain *c, uint32_t at)
{
    const struct block *b = block_of(c, at);
    uint64_t behind = b->p.alive & ~UINT64_C(1) << at % SCAN_MAX;
    if (behind)
        return at / SCAN_MAX * SCAN_MAX + (uint32_t)__builtin_ctzll(behind);
    if (b->next == NOWHERE)
        return NOWHERE;
    return b->next * SCAN_MAX + (uint32_t)__builtin_ctzll(c->block[b->next].p.alive);
}

static uint32_t part_before(const struct chain *c, uint32_t at)
{
    const struct block *b = block_of(c, at);
    uint64_t before = b->p.alive & ((UINT64_C(1) << at % SCAN_MAX) - 1);
    if (before)
        return at / SCAN_MAX * SCAN_MAX + 63 - (uint32_t)__builtin_clzll(before);
    if (b->prev == NOWHERE)
        return NOWHERE;
    return b->prev * SCAN_MAX + 63 - (uint32_t)__builtin_clzll(c->block[b->prev].p.alive);
}

static void set_join(struct chain *c, uint32_t at, int32_t rank)
{
    int i = (int)(at % SCAN_MAX);
    block_of(c, at)->p.join[i] = join_key(rank, i);
}

static void rejoin(struct chain *c, uint32_t at, uint32_t behind)
{
    int32_t none = RN_NO_RANK;
    set_join(c, at,
             behind == NOWHERE ? none : rn_vocab_join(c->v, *id_at(c, at), *id_at(c, behind)));
}

static void remove_part(struct chain *c, uint32_t at)
{
    struct block *b = block_of(c, at);
    set_join(c, at, RN_NO_RANK);
    b->p.alive &= ~(UINT64_C(1) << at % SCAN_MAX);
    if (b->p.alive)
        return;
    if (b->prev != NOWHERE)
        c->block[b->prev].next = b->next;
    if (b->next != NOWHERE)
        c->block[b->next].prev = b->prev;
}

/* True if the block's lowest join is lower than it was. */
static bool renew(struct chain *c, uint32_t block)
{
    struct block *b = &c->block[block];
    uint32_t low = (uint32_t)lowest_join(&b->p, SCAN_MAX);
    uint64_t was = b->lowest;
    b->lowest = (uint64_t)(low >> INDEX_BITS) << 32 | (block * SCAN_MAX + low % SCAN_MAX);
    return b->lowest < was;
}

static void renew_other(struct chain *c, uint32_t at, uint32_t own)
{
    if (at != NOWHERE && at / SCAN_MAX != own && renew(c, at / SCAN_MAX))
        push(c, block_of(c, at)->lowest);
}

/* Joins the part at the top of the heap with the one behind it. */
static void join_top(struct chain *c)
{
    uint32_t at = (uint32_t)c->heap[0], own = at / SCAN_MAX;
    uint32_t gone = part_behind(c, at), before = part_before(c, at);
    *id_at(c, at) = (int32_t)(c->heap[0] >> 32);
    remove_part(c, gone);
    rejoin(c, at, part_behind(c, at));
    if (before != NOWHERE)
        rejoin(c, before, at);
    renew(c, own);
    c->heap[0] = c->block[own].lowest;
    sift_down(c, 0);
    renew_other(c, gone, own);
    renew_other(c, before, own);
}

static void chain_init(struct chain *c, const unsigned char *piece, uint32_t n)
{
    c->blocks_n = (n - 1) / SCAN_MAX + 1;
    c->block = rn_xrealloc(NULL, c->blocks_n, sizeof *c->block);
    for (uint32_t k = 0; k < c->blocks_n; k++) {
        struct block *b = &c->block[k];
        uint32_t first = k * SCAN_MAX, size = n - first < SCAN_MAX ? n - first : SCAN_MAX;
        b->prev = k ? k - 1 : NOWHERE;
        b->next = k + 1 < c->blocks_n ? k + 1 : NOWHERE;
        b->p.alive = ~UINT64_C(0) >> (SCAN_MAX - size);
        for (uint32_t i = 0; i < SCAN_MAX; i++) {
            const unsigned char *p = piece + first + i;
            b->p.id[i] = i < size ? c->v->byte_rank[*p] : 0;
            set_join(c, first + i,
                     first + i + 1 < n ? c->v->byte_join[p[0] * 256 + p[1]] : RN_NO_RANK);
        }
        b->lowest = UINT64_MAX;
        renew(c, k);
        push(c, b->lowest);
    }
}

static void chain_encode(const struct rn_vocab *v, const unsigned char *piece, uint32_t n,
                         int32_t limit, struct rn_ids *out)
{
    struct chain c = {.v = v};
    chain_init(&c, piece, n);
    while (c.heap[0] >> 32 < (uint32_t)limit) {
        uint64_t lowest = block_of(&c, (uint32_t)c.heap[0])->lowest;
        if (c.heap[0] == lowest) {
            join_top(&c);
        } else {
            c.heap[0] = lowest;
            sift_down(&c, 0);
        }
    }
    for (uint32_t k = 0; k < c.blocks_n; k++)
        for (uint64_t left = c.block[k].p.alive; left; left &= left - 1)
            rn_ids_push(out, c.block[k].p.id[__builtin_ctzll(left)]);
    free(c.block);
    free(c.heap);
}

void rn_bpe_join(const struct rn_vocab *v, const unsigned char *piece, size_t n, int32_t limit,
                 struct rn_ids *out)
{
    RN_ASSERT(n < UINT32_MAX);
    if (n <= SCAN_MAX)
        scan_encode(v, piece, (int)n, limit, out);
    else
        chain_encode(v, piece, (uint32_t)n, limit, out);
}

void rn_bpe_encode(const struct rn_vocab *v, const unsigned char *piece, size_t n,
                   struct rn_ids *out)
{
    int32_t whole = rn_vocab_rank(v, piece, n);
    if (whole >= 0)
        rn_ids_push(out, whole);
    else
        rn_bpe_join(v, piece, n, RN_VOCAB_MAX_TOKENS, out);
}
