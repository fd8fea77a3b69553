/* loader_ahead.c - batches made ahead of time by a thread of their own.
 *
 * Two slots go round: the thread fills one while the other waits or is copied out. With each batch
 * comes the loader's state after it, so that the position that is saved is that of the batches
 * given out and not of those made. The thread begins with the first batch asked for, ends at an
 * error, and is joined before the inner loader is touched by anybody else. */
#include "loader.h"
#include "mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 };

struct slot {
    int32_t *x, *y;
    json_t *state;
    int64_t epoch;
    int rc; /* of the batch */
    struct rn_err err;
};

struct ahead {
    struct rn_loader_kind kind; /* named as the inner one: their states are the same */
    struct rn_loader *inner;    /* the thread's while it runs */
    int64_t batch;
    json_t *state; /* after the batches given out */
    int64_t epoch;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct slot slots[SLOTS]; /* `full` of them from `first` on are the consumer's */
    int first, full;
    bool stop;
};

/* --- the thread --- */

static struct slot *wait_for_room(struct ahead *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->full == SLOTS && !a->stop)
        pthread_cond_wait(&a->changed, &a->lock);
    struct slot *slot = a->stop ? NULL : &a->slots[(a->first + a->full) % SLOTS];
    pthread_mutex_unlock(&a->lock);
    return slot;
}

static void hand_over(struct ahead *a)
{
    pthread_mutex_lock(&a->lock);
    a->full++;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void fill(struct ahead *a, struct slot *s)
{
    s->err = (struct rn_err){0};
    s->rc = rn_loader_next(a->inner, s->x, s->y, &s->err);
    s->state = s->rc == RN_OK ? rn_loader_state(a->inner) : NULL;
    s->epoch = rn_loader_epoch(a->inner);
}

static void *produce(void *ctx)
{
    struct ahead *a = ctx;
    struct slot *s;
    for (int rc = RN_OK; rc == RN_OK && (s = wait_for_room(a));) {
        fill(a, s);
        rc = s->rc;
        hand_over(a);
    }
    return NULL;
}

/* Signals are the main thread's. */
static int start(struct ahead *a, struct rn_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&a->thread, NULL, produce, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "cannot start the thread that loads batches: %s",
                       strerror(failed));
    a->running = true;
    return RN_OK;
}

/* Ends the thread and forgets what it made; the inner loader is ours again. */
static void stop(struct ahead *a)
{
    if (!a->running)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    for (; a->full > 0; a->full--, a->first = (a->first + 1) % SLOTS)
        json_decref(a->slots[a->first].state);
    a->running = a->stop = false;
}

/* --- the consumer --- */

static struct slot *wait_for_batch(struct ahead *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->full == 0)
        pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
    return &a->slots[a->first];
}

static void give_back(struct ahead *a)
{
    pthread_mutex_lock(&a->lock);
    a->first = (a->first + 1) % SLOTS;
    a->full--;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void take(struct ahead *a, struct slot *s, int32_t *x, int32_t *y)
{
    memcpy(x, s->x, (size_t)a->batch * sizeof *x);
    memcpy(y, s->y, (size_t)a->batch * sizeof *y);
    json_decref(a->state);
    a->state = s->state;
    a->epoch = s->epoch;
    s->state = NULL;
    give_back(a);
}

static int next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    struct ahead *a = self;
    if (!a->running)
        RN_TRY(start(a, err));
    struct slot *s = wait_for_batch(a);
    if (s->rc != RN_OK)
        return rn_fail_as(err, &s->err); /* it stays there: every further call says the same */
    take(a, s, x, y);
    return RN_OK;
}

static json_t *state(const void *self)
{
    return json_incref(((const struct ahead *)self)->state);
}

static void take_position(struct ahead *a)
{
    json_decref(a->state);
    a->state = rn_loader_state(a->inner);
    a->epoch = rn_loader_epoch(a->inner);
}

static int restore(void *self, const json_t *from, struct rn_err *err)
{
    struct ahead *a = self;
    stop(a);
    RN_TRY(rn_loader_restore(a->inner, from, err));
    take_position(a);
    return RN_OK;
}

static int64_t epoch_of(const void *self)
{
    return ((const struct ahead *)self)->epoch;
}

static void release(void *self)
{
    struct ahead *a = self;
    stop(a);
    rn_loader_free(a->inner);
    json_decref(a->state);
    for (int i = 0; i < SLOTS; i++) {
        free(a->slots[i].x);
        free(a->slots[i].y);
    }
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
    free(a);
}

static int make_room(struct ahead *a, struct rn_err *err)
{
    size_t n = (size_t)a->batch;
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &a->slots[i];
        RN_TRY(rn_try_alloc((void **)&s->x, n, sizeof *s->x, "a batch made ahead", err));
        RN_TRY(rn_try_alloc((void **)&s->y, n, sizeof *s->y, "a batch made ahead", err));
    }
    return RN_OK;
}

int rn_loader_ahead(struct rn_loader **out, struct rn_loader *inner, int64_t batch,
                    struct rn_err *err)
{
    struct ahead *a = rn_new(struct ahead);
    a->kind =
        (struct rn_loader_kind){rn_loader_name(inner), next, state, restore, epoch_of, release};
    a->inner = inner;
    a->batch = batch;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    take_position(a);
    int rc = make_room(a, err);
    if (rc != RN_OK)
        release(a);
    *out = rc == RN_OK ? rn_loader_new(&a->kind, a) : NULL;
    return rc;
}
