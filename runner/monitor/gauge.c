#include "gauge.h"

#include "mem.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { WORDS = sizeof(struct rn_reading) / sizeof(double), STEP_BITS = 44 };

/* A sequence lock: odd while it is written. Every access in the one order that all see: at some ten
 * a second nothing cheaper is worth a thought. */
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
    uint64_t n = atomic_load(&g->sequence);
    atomic_store(&g->sequence, n + 1);
    for (int i = 0; i < WORDS; i++)
        atomic_store(&g->words[i], words[i]);
    atomic_store(&g->sequence, n + 2);
}

bool rn_gauge_get(const struct rn_gauge *g, struct rn_reading *r)
{
    enum { TRIES = 100 };
    double words[WORDS];
    for (int try = 0; try < TRIES; try++) {
        uint64_t before = atomic_load(&g->sequence);
        for (int i = 0; i < WORDS; i++)
            words[i] = atomic_load(&g->words[i]);
        if (before % 2 || before != atomic_load(&g->sequence))
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
    atomic_store(&g->mark, mark);
}

bool rn_gauge_marked(const struct rn_gauge *g, size_t *stage, int64_t *step)
{
    uint64_t mark = atomic_load(&g->mark);
    *stage = (size_t)(mark >> STEP_BITS) - 1;
    *step = (int64_t)(mark & (((uint64_t)1 << STEP_BITS) - 1)) - 1;
    return mark != 0;
}
