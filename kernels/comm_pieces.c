#include "comm_pieces.h"

#include "mem.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

struct rn_piece_cursor {
    size_t i, at; /* part, and how much of it is done */
};

void rn_pieces_init(struct rn_pieces *p, const struct rn_comm_part *parts, size_t n, int world,
                    size_t most)
{
    size_t longest = 0;
    for (int r = 0; r < world; r++) {
        size_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += parts[i].owner == r ? parts[i].n : 0;
        longest = sum > longest ? sum : longest;
    }
    size_t size = longest < most ? longest : most;
    *p = (struct rn_pieces){.parts = parts, .n = n, .size = size};
    p->rounds = size ? (longest + size - 1) / size : 0;
    p->taken = rn_xalloc((size_t)world * sizeof *p->taken);
    p->put = rn_xalloc((size_t)world * sizeof *p->put);
}

void rn_pieces_release(struct rn_pieces *p)
{
    free(p->taken);
    free(p->put);
    *p = (struct rn_pieces){0};
}

/* The owner's next run of floats, at most `most`; 0: there are no more. */
static size_t next_run(const struct rn_pieces *p, struct rn_piece_cursor *c, int owner, size_t most,
                       size_t *at)
{
    while (c->i < p->n && (p->parts[c->i].owner != owner || c->at == p->parts[c->i].n)) {
        c->i++;
        c->at = 0;
    }
    if (c->i == p->n)
        return 0;
    size_t left = p->parts[c->i].n - c->at, n = left < most ? left : most;
    *at = p->parts[c->i].at + c->at;
    c->at += n;
    return n;
}

void rn_pieces_take(struct rn_pieces *p, int owner, const float *slab, float *piece,
                    rn_piece_copy *copy, void *ctx)
{
    size_t at, n;
    for (size_t k = 0; k < p->size; k += n) {
        n = next_run(p, &p->taken[owner], owner, p->size - k, &at);
        if (n == 0)
            return;
        copy(ctx, piece + k, slab + at, n);
    }
}

void rn_pieces_put(struct rn_pieces *p, int owner, float *slab, const float *piece,
                   rn_piece_copy *copy, void *ctx)
{
    size_t at, n;
    for (size_t k = 0; k < p->size; k += n) {
        n = next_run(p, &p->put[owner], owner, p->size - k, &at);
        if (n == 0)
            return;
        copy(ctx, slab + at, piece + k, n);
    }
}

void rn_comm_nap(long looks)
{
    enum { EAGER = 2000, SHORT_NS = 20 * 1000, LONG_NS = 1000 * 1000, PATIENT = 20 * 1000 };
    struct timespec t = {.tv_nsec = looks < PATIENT ? SHORT_NS : LONG_NS};
    if (looks < EAGER)
        sched_yield();
    else
        nanosleep(&t, NULL);
}
