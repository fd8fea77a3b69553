/* Two ways to the same ids. Short pieces: look for the lowest rank, join there, repeat. Long
 * pieces: a heap of (rank, position), so that a megabyte of one letter takes n log n steps, not n
 * squared. Entries that no longer hold are recognised when they come up and dropped. */
#include "bpe.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { SCAN_MAX = 64, INDEX_BITS = 6, LANES = 8 };

/* Parts of a short piece. Part i begins at byte i as long as bit i is set in `alive`. */
struct parts {
    const struct rn_vocab *v;
    int32_t id[SCAN_MAX];
    int32_t join[SCAN_MAX]; /* rank with the next part << INDEX_BITS | i; INT32_MAX: no token */
    uint64_t alive;
};
_Static_assert(RN_VOCAB_MAX_TOKENS < INT32_MAX >> INDEX_BITS, "ranks and indices share an int");

static int32_t join_key(int32_t rank, int i)
{
    return rank == RN_NO_RANK ? INT32_MAX : (int32_t)((uint32_t)rank << INDEX_BITS | (uint32_t)i);
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

static void join_at(struct parts *p, int32_t lowest)
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
        p->join[i] = join_key(rn_vocab_join(p->v, p->id[i], p->id[__builtin_ctzll(behind)]), i);
    if (before) {
        int h = 63 - __builtin_clzll(before);
        p->join[h] = join_key(rn_vocab_join(p->v, p->id[h], p->id[i]), h);
    }
}

static void scan_encode(const struct rn_vocab *v, const unsigned char *piece, int n, int32_t limit,
                        struct rn_ids *out)
{
    struct parts p = {.v = v, .alive = ~UINT64_C(0) >> (SCAN_MAX - n)};
    for (int i = 0; i < n; i++)
        p.id[i] = v->byte_rank[piece[i]];
    for (int i = 0; i + 1 < n; i++)
        p.join[i] = join_key(v->byte_join[piece[i] * 256 + piece[i + 1]], i);
    for (int i = n - 1; i < SCAN_MAX && (i < n || i % LANES); i++)
        p.join[i] = INT32_MAX;
    for (int32_t low; (low = lowest_join(&p, n)) >> INDEX_BITS < limit;)
        join_at(&p, low);
    for (uint64_t left = p.alive; left; left &= left - 1)
        rn_ids_push(out, p.id[__builtin_ctzll(left)]);
}

struct part {
    int32_t id;
    int32_t join;        /* rank with the next part; RN_NO_RANK if none, or if this part is gone */
    uint32_t prev, next; /* n: none */
};
struct chain {
    const struct rn_vocab *v;
    struct part *part;
    uint64_t *heap; /* rank << 32 | position: lowest rank first, leftmost on ties */
    size_t heap_n, heap_cap;
    uint32_t n;
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

static void sift_up(struct chain *c, size_t i)
{
    uint64_t x = c->heap[i];
    for (; i > 0 && x < c->heap[(i - 1) / 2]; i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = x;
}

static uint64_t pop(struct chain *c)
{
    uint64_t top = c->heap[0];
    c->heap[0] = c->heap[--c->heap_n];
    if (c->heap_n)
        sift_down(c, 0);
    return top;
}

/* Recomputes the join of part i; true if it is one. */
static bool rejoin(struct chain *c, uint32_t i)
{
    struct part *p = &c->part[i];
    p->join = p->next == c->n ? RN_NO_RANK : rn_vocab_join(c->v, p->id, c->part[p->next].id);
    return p->join != RN_NO_RANK;
}

static uint64_t entry(const struct chain *c, uint32_t i)
{
    return (uint64_t)c->part[i].join << 32 | i;
}

static void offer(struct chain *c, uint32_t i)
{
    if (rejoin(c, i)) {
        RN_PUSH(c->heap, c->heap_n, c->heap_cap, entry(c, i));
        sift_up(c, c->heap_n - 1);
    }
}

static void merge(struct chain *c, uint32_t i)
{
    struct part *p = &c->part[i], *gone = &c->part[p->next];
    p->id = p->join;
    gone->join = RN_NO_RANK;
    p->next = gone->next;
    if (p->next != c->n)
        c->part[p->next].prev = i;
    offer(c, i);
    if (p->prev != c->n)
        offer(c, p->prev);
}

static void chain_init(struct chain *c, const unsigned char *piece)
{
    c->part = rn_xrealloc(NULL, c->n, sizeof *c->part);
    c->heap_cap = c->n;
    c->heap = rn_xrealloc(NULL, c->heap_cap, sizeof *c->heap);
    for (uint32_t i = 0; i < c->n; i++)
        c->part[i] = (struct part){.id = c->v->byte_rank[piece[i]],
                                   .join = RN_NO_RANK,
                                   .prev = i ? i - 1 : c->n,
                                   .next = i + 1};
    for (uint32_t i = 0; i + 1 < c->n; i++)
        c->part[i].join = c->v->byte_join[piece[i] * 256 + piece[i + 1]];
    for (uint32_t i = 0; i + 1 < c->n; i++)
        if (c->part[i].join != RN_NO_RANK)
            c->heap[c->heap_n++] = entry(c, i);
    for (size_t i = c->heap_n / 2; i-- > 0;)
        sift_down(c, i);
}

static void heap_encode(const struct rn_vocab *v, const unsigned char *piece, uint32_t n,
                        int32_t limit, struct rn_ids *out)
{
    struct chain c = {.v = v, .n = n};
    chain_init(&c, piece);
    while (c.heap_n) {
        uint64_t top = pop(&c);
        uint32_t i = (uint32_t)top;
        if (top >> 32 >= (uint32_t)limit)
            break;
        if (c.part[i].join == (int32_t)(top >> 32))
            merge(&c, i);
    }
    for (uint32_t i = 0; i != n; i = c.part[i].next)
        rn_ids_push(out, c.part[i].id);
    free(c.part);
    free(c.heap);
}

void rn_bpe_join(const struct rn_vocab *v, const unsigned char *piece, size_t n, int32_t limit,
                 struct rn_ids *out)
{
    RN_ASSERT(n < UINT32_MAX);
    if (n <= SCAN_MAX)
        scan_encode(v, piece, (int)n, limit, out);
    else
        heap_encode(v, piece, (uint32_t)n, limit, out);
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
