#define _GNU_SOURCE
#include "behind.h"

#include "file.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* A gigabyte a second needs two threads where there are cores for them; a queue longer than this
 * holds no more than the disk will ever catch up with. */
enum { THREADS_MAX = 4, QUEUED_MAX = 32 };

struct rn_full {
    struct rn_full *after;
    unsigned char bytes[RN_BEHIND_BYTES];
};

struct rn_behind {
    pthread_t threads[THREADS_MAX];
    int n_threads;
    pthread_mutex_t mutex;
    pthread_cond_t more, less; /* a drain has work; a buffer is in its file */
    struct rn_drain *first, **end;
    struct rn_full *spare;
    size_t queued;
    bool closing;
};

static struct rn_full *full_of(unsigned char *buf)
{
    return (struct rn_full *)(void *)(buf - offsetof(struct rn_full, bytes));
}

/* errno of the failure, or 0. */
static int write_one(const struct rn_drain *d, const struct rn_full *full)
{
    rn_sha256_add(d->sha, full->bytes, RN_BEHIND_BYTES);
    if (rn_write_all(d->fd, full->bytes, RN_BEHIND_BYTES) < RN_BEHIND_BYTES)
        return errno;
    /* To the disk meanwhile: the last sync is short then. */
    sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return 0;
}

static void line_up(struct rn_behind *b, struct rn_drain *d)
{
    d->after = NULL;
    *b->end = d;
    b->end = &d->after;
}

static void put_aside(struct rn_behind *b, struct rn_full *full)
{
    full->after = b->spare;
    b->spare = full;
}

/* One buffer of the file whose turn it is; the mutex is held before and after. */
static void serve_one(struct rn_behind *b)
{
    struct rn_drain *d = b->first;
    struct rn_full *full = d->first;
    b->first = d->after;
    if (!b->first)
        b->end = &b->first;
    d->first = full->after;
    if (!d->first)
        d->end = &d->first;
    bool useless = d->failed != 0;
    pthread_mutex_unlock(&b->mutex);
    int failed = useless ? 0 : write_one(d, full);
    pthread_mutex_lock(&b->mutex);
    put_aside(b, full);
    b->queued--;
    if (failed)
        d->failed = failed;
    d->busy = d->first != NULL;
    if (d->busy)
        line_up(b, d);
    pthread_cond_broadcast(&b->less);
}

static void *work(void *arg)
{
    struct rn_behind *b = arg;
    pthread_mutex_lock(&b->mutex);
    while (b->first || !b->closing)
        if (b->first)
            serve_one(b);
        else
            pthread_cond_wait(&b->more, &b->mutex);
    pthread_mutex_unlock(&b->mutex);
    return NULL;
}

struct rn_behind *rn_behind_new(void)
{
    struct rn_behind *b = rn_new(struct rn_behind);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int wanted = cores <= 2 ? 1 : cores / 2 < THREADS_MAX ? (int)(cores / 2) : THREADS_MAX;
    b->end = &b->first;
    pthread_mutex_init(&b->mutex, NULL);
    pthread_cond_init(&b->more, NULL);
    pthread_cond_init(&b->less, NULL);
    while (b->n_threads < wanted && pthread_create(&b->threads[b->n_threads], NULL, work, b) == 0)
        b->n_threads++;
    return b;
}

void rn_behind_free(struct rn_behind *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->mutex);
    b->closing = true;
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->mutex);
    for (int i = 0; i < b->n_threads; i++)
        pthread_join(b->threads[i], NULL);
    for (struct rn_full *full = b->spare, *after; full; full = after) {
        after = full->after;
        free(full);
    }
    pthread_cond_destroy(&b->less);
    pthread_cond_destroy(&b->more);
    pthread_mutex_destroy(&b->mutex);
    free(b);
}

unsigned char *rn_behind_buffer(struct rn_behind *b)
{
    pthread_mutex_lock(&b->mutex);
    while (b->queued >= QUEUED_MAX)
        pthread_cond_wait(&b->less, &b->mutex);
    struct rn_full *full = b->spare;
    if (full)
        b->spare = full->after;
    pthread_mutex_unlock(&b->mutex);
    if (!full)
        full = rn_xalloc(sizeof *full);
    return full->bytes;
}

void rn_behind_take_back(struct rn_behind *b, unsigned char *buf)
{
    if (!buf)
        return;
    pthread_mutex_lock(&b->mutex);
    put_aside(b, full_of(buf));
    pthread_mutex_unlock(&b->mutex);
}

int rn_behind_put(struct rn_behind *b, struct rn_drain *d, unsigned char *full)
{
    struct rn_full *f = full_of(full);
    f->after = NULL;
    pthread_mutex_lock(&b->mutex);
    if (!d->first)
        d->end = &d->first;
    *d->end = f;
    d->end = &f->after;
    b->queued++;
    if (!d->busy)
        line_up(b, d);
    d->busy = true;
    if (b->n_threads == 0) /* none could be made: slower, not wrong */
        serve_one(b);
    int failed = d->failed;
    pthread_cond_signal(&b->more);
    pthread_mutex_unlock(&b->mutex);
    return failed;
}

int rn_behind_settle(struct rn_behind *b, struct rn_drain *d)
{
    pthread_mutex_lock(&b->mutex);
    while (d->busy)
        pthread_cond_wait(&b->less, &b->mutex);
    int failed = d->failed;
    pthread_mutex_unlock(&b->mutex);
    return failed;
}
