#include "pool.h"

#include "mem.h"

#include <pthread.h>
#include <stdlib.h>

struct queue {
    struct rn_task *first, **end;
};

struct rn_pool {
    pthread_t *threads;
    int n_threads;
    void (*wake)(void *ctx);
    void *ctx;
    size_t under_way; /* the owner's count */
    pthread_mutex_t mutex;
    pthread_cond_t more, finished;
    struct queue todo, alone, done;
    bool is_alone;  /* one of them is being worked on */
    bool is_called; /* or a thread is on its way to one */
    size_t untold;  /* finished since the owner was woken or looked */
    bool told;
    bool closing;
};

static void put(struct queue *q, struct rn_task *t)
{
    t->after = NULL;
    *q->end = t;
    q->end = &t->after;
}

static struct rn_task *take(struct queue *q)
{
    struct rn_task *t = q->first;
    if (!t)
        return NULL;
    q->first = t->after;
    if (!q->first)
        q->end = &q->first;
    return t;
}

static struct rn_task *choose(struct rn_pool *p)
{
    struct rn_task *t = p->is_alone ? NULL : take(&p->alone);
    if (!t)
        return take(&p->todo);
    p->is_alone = true;
    p->is_called = false;
    return t;
}

/* Small tasks come by the hundred: of many that follow each other the owner hears together. */
static void tell(struct rn_pool *p, const struct rn_task *t)
{
    enum { TOGETHER = 64 };
    bool more_follow = t->alone && p->alone.first;
    p->untold++;
    if (!p->wake || p->told || (more_follow && p->untold < TOGETHER))
        return;
    p->told = true;
    p->wake(p->ctx);
}

static void finish(struct rn_pool *p, struct rn_task *t)
{
    if (t->alone)
        p->is_alone = false;
    put(&p->done, t);
    pthread_cond_signal(&p->finished);
    tell(p, t);
}

static void *work(void *arg)
{
    struct rn_pool *p = arg;
    pthread_mutex_lock(&p->mutex);
    for (;;) {
        struct rn_task *t = choose(p);
        if (!t && p->closing)
            break;
        if (!t) {
            pthread_cond_wait(&p->more, &p->mutex);
            continue;
        }
        pthread_mutex_unlock(&p->mutex);
        t->work(t);
        pthread_mutex_lock(&p->mutex);
        finish(p, t);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

struct rn_pool *rn_pool_new(int threads, void (*wake)(void *ctx), void *ctx)
{
    struct rn_pool *p = rn_new(struct rn_pool);
    p->wake = wake;
    p->ctx = ctx;
    p->todo.end = &p->todo.first;
    p->alone.end = &p->alone.first;
    p->done.end = &p->done.first;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->more, NULL);
    pthread_cond_init(&p->finished, NULL);
    p->threads = rn_xalloc((size_t)threads * sizeof *p->threads);
    while (p->n_threads < threads && pthread_create(&p->threads[p->n_threads], NULL, work, p) == 0)
        p->n_threads++;
    return p;
}

void rn_pool_add(struct rn_pool *p, struct rn_task *t)
{
    p->under_way++;
    if (p->n_threads == 0) { /* no thread could be made: slower, not wrong */
        t->work(t);
        put(&p->done, t);
        return;
    }
    pthread_mutex_lock(&p->mutex);
    put(t->alone ? &p->alone : &p->todo, t);
    if (!t->alone ||
        !(p->is_alone || p->is_called)) /* or whoever does the one before comes to it */
        pthread_cond_signal(&p->more);
    p->is_called |= t->alone && !p->is_alone;
    pthread_mutex_unlock(&p->mutex);
}

struct rn_task *rn_pool_next(struct rn_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    struct rn_task *t = take(&p->done);
    p->told = false;
    p->untold = 0;
    pthread_mutex_unlock(&p->mutex);
    p->under_way -= t != NULL;
    return t;
}

struct rn_task *rn_pool_wait(struct rn_pool *p)
{
    if (p->under_way == 0)
        return NULL;
    pthread_mutex_lock(&p->mutex);
    while (!p->done.first)
        pthread_cond_wait(&p->finished, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
    return rn_pool_next(p);
}

size_t rn_pool_under_way(const struct rn_pool *p)
{
    return p->under_way;
}

void rn_pool_free(struct rn_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->closing = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->mutex);
    free(p->threads);
    free(p);
}
