#define _GNU_SOURCE /* sched_getaffinity */
#include "parallel.h"

#include "mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS_MAX = 1024 };

struct loop {
    int64_t n, piece;
    void (*body)(void *ctx, int64_t first, int64_t end, int worker);
    void *ctx;
    atomic_llong next;
    atomic_int workers;
};

static void *work(void *arg)
{
    struct loop *l = arg;
    int worker = atomic_fetch_add(&l->workers, 1);
    for (;;) {
        int64_t first = atomic_fetch_add(&l->next, l->piece);
        if (first >= l->n)
            return NULL;
        l->body(l->ctx, first, l->n - first > l->piece ? first + l->piece : l->n, worker);
    }
}

static int allowed_threads(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n;
}

void rn_parallel(int threads, int64_t n, int64_t piece,
                 void (*body)(void *ctx, int64_t first, int64_t end, int worker), void *ctx)
{
    struct loop l = {.n = n, .piece = piece < 1 ? 1 : piece, .body = body, .ctx = ctx};
    int wanted = threads < 1 ? allowed_threads() : threads;
    wanted = wanted > THREADS_MAX ? THREADS_MAX : wanted;
    while (wanted > 1 && (wanted - 1) * l.piece >= n)
        wanted--;
    pthread_t *others = rn_xalloc((size_t)wanted * sizeof *others);
    int n_others = 0;
    while (n_others < wanted - 1 && pthread_create(&others[n_others], NULL, work, &l) == 0)
        n_others++; /* a refused thread is no error: the others do its pieces */
    work(&l);
    for (int i = 0; i < n_others; i++)
        pthread_join(others[i], NULL);
    free(others);
}
