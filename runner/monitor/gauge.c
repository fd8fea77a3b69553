#include "gauge.h"

#include "mem.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { WORDS = sizeof(struct rn_reading) / sizeof(double), STEP_BITS = 44 };

/* A sequence lock: odd while it is written. Only that, so that a reader is never stopped. */
struct rn_gauge {
    _Atomic uint64_t sequence;
    _Atomic double words[WORDS];
    _Atomic uint64_t mark; /* stage + 1 and step + 1; 0: none */
};
_Static_assert(sizeof(struct rn_reading) == WORDS * sizeof(double), "doubles and nothing else");

struct rn_gauge *rn_gauge_new(void)
{
    void *page = mmap(NULL, sizeof(struct rn_gauge), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        rn_no_memory(sizeof(struct rn_gauge));
    return page;
}

void rn_gauge_free(struct rn_gauge *g)
{
    if (g)
        munmap(g, sizeof *g);
}

void rn_gauge_put(struct rn_gauge *g, const struct rn_reading *r)
{
    double words[WORDS];
    memcpy(words, r, sizeof words);
    uint64_t n = atomic_load_explicit(&g->sequence, memory_order_relaxed);
    atomic_store_explicit(&g->sequence, n + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (int i = 0; i < WORDS; i++)
        atomic_store_explicit(&g->words[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&g->sequence, n + 2, memory_order_release);
}

bool rn_gauge_get(const struct rn_gauge *g, struct rn_reading *r)
{
    enum { TRIES = 100 };
    double words[WORDS];
    for (int try = 0; try < TRIES; try++) {
        uint64_t before = atomic_load_explicit(&g->sequence, memory_order_acquire);
        for (int i = 0; i < WORDS; i++)
            words[i] = atomic_load_explicit(&g->words[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 || before != atomic_load_explicit(&g->sequence, memory_order_relaxed))
            continue;
        memcpy(r, words, sizeof words);
        return before > 0;
    }
    return false;
}

void rn_gauge_mark(struct rn_gauge *g, size_t stage, int64_t step)
{
    uint64_t limit = ((uint64_t)1 << STEP_BITS) - 1, n = (uint64_t)(step + 1);
    uint64_t mark = ((uint64_t)stage + 1) << STEP_BITS | (n < limit ? n : limit);
    atomic_store_explicit(&g->mark, mark, memory_order_relaxed);
}

bool rn_gauge_marked(const struct rn_gauge *g, size_t *stage, int64_t *step)
{
    uint64_t mark = atomic_load_explicit(&g->mark, memory_order_relaxed);
    *stage = (size_t)(mark >> STEP_BITS) - 1;
    *step = (int64_t)(mark & (((uint64_t)1 << STEP_BITS) - 1)) - 1;
    return mark != 0;
}
