/* Two ways to the same ids. Short pieces: look for the lowest rank, merge there, repeat. Long
 * pieces: a heap of (rank, position), so that a megabyte of one letter takes n log n steps, not n
 * squared. Entries that no longer hold are recognised when they come up and dropped. */
#include "bpe.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { SCAN_MAX = 32 };

static void scan_encode(const struct rn_vocab *v, const unsigned char *piece, int n,
                        struct rn_ids *out)
{
    int32_t part[SCAN_MAX], join[SCAN_MAX]; /* join[i]: rank of part i with part i + 1 */
    for (int i = 0; i < n; i++)
        part[i] = v->byte_rank[piece[i]];
    for (int i = 0; i + 1 < n; i++)
        join[i] = v->byte_join[piece[i] * 256 + piece[i + 1]];
    while (n > 1) {
        int best = 0;
        for (int i = 1; i + 1 < n; i++)
            if (join[i] < join[best])
                best = i;
        if (join[best] == RN_NO_RANK)
            break;
        part[best] = join[best];
        size_t behind = (size_t)(n - best - 2);
        memmove(part + best + 1, part + best + 2, behind * sizeof *part);
        memmove(join + best, join + best + 1, behind * sizeof *join);
        n--;
        if (best + 1 < n)
            join[best] = rn_vocab_join(v, part[best], part[best + 1]);
        if (best > 0)
            join[best - 1] = rn_vocab_join(v, part[best - 1], part[best]);
    }
    for (int i = 0; i < n; i++)
        rn_ids_push(out, part[i]);
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
                        struct rn_ids *out)
{
    struct chain c = {.v = v, .n = n};
    chain_init(&c, piece);
    while (c.heap_n) {
        uint64_t top = pop(&c);
        uint32_t i = (uint32_t)top;
        if (c.part[i].join == (int32_t)(top >> 32))
            merge(&c, i);
    }
    for (uint32_t i = 0; i != n; i = c.part[i].next)
        rn_ids_push(out, c.part[i].id);
    free(c.part);
    free(c.heap);
}

void rn_bpe_encode(const struct rn_vocab *v, const unsigned char *piece, size_t n,
                   struct rn_ids *out)
{
    RN_ASSERT(n < UINT32_MAX);
    int32_t whole = rn_vocab_rank(v, piece, n);
    if (whole >= 0)
        rn_ids_push(out, whole);
    else if (n <= SCAN_MAX)
        scan_encode(v, piece, (int)n, out);
    else
        heap_encode(v, piece, (uint32_t)n, out);
}
