#include "batch.h"

#include "checked.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

void rn_batch_init(struct rn_batch *b, const struct rn_cache *cache,
                   const struct rn_fetch_list *list)
{
    *b = (struct rn_batch){.cache = cache, .list = list};
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        b->loads[i] =
            (struct rn_load){.batch = b, .out = rn_xalloc(RN_BATCH_MAX * sizeof *b->loads[i].out)};
}

void rn_batch_release(struct rn_batch *b)
{
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        free(b->loads[i].out);
    free(b->waiting);
    *b = (struct rn_batch){0};
}

void rn_batch_add(struct rn_batch *b, const struct rn_batch_item *item)
{
    RN_PUSH(b->waiting, b->n_waiting, b->cap_waiting, *item);
}

static struct rn_load *in_state(const struct rn_batch *b, enum rn_load_state state)
{
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        if (b->loads[i].state == state)
            return (struct rn_load *)&b->loads[i];
    return NULL;
}

bool rn_batch_ready(const struct rn_batch *b)
{
    return b->n_waiting > 0 && in_state(b, RN_LOAD_FREE);
}

size_t rn_batch_under_way(const struct rn_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        n += b->loads[i].n_out;
    return n;
}

static int publish(struct rn_load *l)
{
    struct rn_cache_item *p = rn_xalloc(l->n_out * sizeof *p);
    size_t n = 0;
    for (size_t i = 0; i < l->n_out; i++)
        if (l->out[i].payload)
            p[n++] = (struct rn_cache_item){.sha256 = l->out[i].got->sha256,
                                            .file = l->out[i].payload,
                                            .synced = l->out[i].synced};
    int rc = rn_cache_publish(l->batch->cache, p, n, &l->err);
    n = 0;
    for (size_t i = 0; i < l->n_out; i++)
        if (l->out[i].payload) {
            l->out[i].got->path = p[n].path;
            l->out[i].got->seen = p[n++].seen;
        }
    free(p);
    return rc;
}

static void send(struct rn_task *t)
{
    struct rn_load *l = (struct rn_load *)t;
    const struct rn_batch *b = l->batch;
    l->rc = publish(l);
    for (size_t i = 0; i < l->n_out && l->rc == RN_OK; i++) {
        const struct rn_batch_item *item = &l->out[i];
        if (item->payload)
            rn_checked_learn(b->cache, item->file, &item->got->seen);
        else if (b->list->lay_out)
            rn_seen_look(&item->got->seen, item->got->path);
        if (b->list->lay_out)
            l->rc = b->list->lay_out(b->list->ctx, item->file, item->got, &l->err);
    }
}

static void tell_one(const struct rn_batch_item *item, const struct rn_log *log)
{
    char size[32];
    const struct rn_fetched *got = item->got;
    rn_show_bytes(size, (double)got->size_bytes);
    if (item->host)
        rn_log(log, RN_INFO, "accepted %s from %s (%s, sha256 %.12s.., %s)", item->file->name,
               item->host, size, got->sha256, rn_trust_word(got->trust));
    else
        rn_log(log, RN_INFO, "cached %s (%s, sha256 %.12s.., pinned by %s)", item->file->name, size,
               got->sha256, rn_trust_word(got->trust));
}

static void tell(const struct rn_load *l, const struct rn_log *log)
{
    enum { BY_NAME = 16 };
    char size[32];
    double size_bytes = 0;
    size_t accepted = 0;
    for (size_t i = 0; i < l->n_out; i++) {
        if (l->n_out <= BY_NAME)
            tell_one(&l->out[i], log);
        accepted += l->out[i].host != NULL;
        size_bytes += (double)l->out[i].got->size_bytes;
    }
    if (l->n_out > BY_NAME)
        rn_log(log, RN_INFO, "%zu files accepted, %zu cached (%s): %s, %s and so on", accepted,
               l->n_out - accepted, rn_show_bytes(size, size_bytes), l->out[0].file->name,
               l->out[1].file->name);
}

void rn_batch_send(struct rn_batch *b, struct rn_pool *pool, const struct rn_log *log)
{
    struct rn_load *l = in_state(b, RN_LOAD_FREE);
    l->n_out = b->n_waiting < RN_BATCH_MAX ? b->n_waiting : RN_BATCH_MAX;
    memcpy(l->out, b->waiting, l->n_out * sizeof *l->out);
    b->n_waiting -= l->n_out;
    memmove(b->waiting, b->waiting + l->n_out, b->n_waiting * sizeof *b->waiting);
    tell(l, log);
    l->state = RN_LOAD_SENT;
    l->task.work = send;
    rn_pool_add(pool, &l->task);
}

struct rn_load *rn_batch_load(struct rn_batch *b, const struct rn_task *t)
{
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        if (t == &b->loads[i].task)
            return &b->loads[i];
    return NULL;
}

/* Pins for what came from afar. A lock that may not grow was asked before (asking.c). */
static size_t list_new(const struct rn_load *l, const struct rn_pins *lock, struct rn_pin *pins)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_out; i++) {
        const struct rn_batch_item *item = &l->out[i];
        const struct rn_pin *old = rn_pins_find(lock, item->file->id);
        if (!item->pinned || (old && strcmp(old->sha256, item->got->sha256) == 0))
            continue;
        pins[n] = (struct rn_pin){.id = item->file->id,
                                  .size_bytes = item->got->size_bytes,
                                  .trust = item->got->trust,
                                  .host = item->host,
                                  .etag = item->etag};
        memcpy(pins[n++].sha256, item->got->sha256, RN_HEX);
    }
    return n;
}

static void write_pins(struct rn_task *t)
{
    struct rn_load *l = (struct rn_load *)t;
    l->rc = rn_pins_write(&l->batch->pins, &l->err);
}

/* False: there is nothing to pin, or it failed. */
static bool start_pins(struct rn_load *l, struct rn_pins *lock)
{
    if (l->rc != RN_OK || !lock)
        return false;
    struct rn_pin *pins = rn_xalloc((l->n_out + 1) * sizeof *pins);
    size_t n = list_new(l, lock, pins);
    if (n > 0)
        l->rc = rn_pins_begin(lock, pins, n, &l->batch->pins, &l->err);
    free(pins);
    return n > 0 && l->rc == RN_OK;
}

void rn_batch_returned(struct rn_batch *b, struct rn_load *l, struct rn_pins *lock,
                       struct rn_pool *pool)
{
    if (l->state == RN_LOAD_PINNING)
        rn_pins_end(lock, &b->pins);
    l->state = l->state == RN_LOAD_PINNING ? RN_LOAD_ENDED : RN_LOAD_NAMED;
    while (!in_state(b, RN_LOAD_PINNING) && (l = in_state(b, RN_LOAD_NAMED))) {
        if (!start_pins(l, lock)) {
            l->state = RN_LOAD_ENDED;
            continue;
        }
        l->state = RN_LOAD_PINNING;
        l->task.work = write_pins;
        rn_pool_add(pool, &l->task);
    }
}

struct rn_load *rn_batch_ended(struct rn_batch *b)
{
    return in_state(b, RN_LOAD_ENDED);
}

void rn_load_end(struct rn_load *l)
{
    l->state = RN_LOAD_FREE;
    l->n_out = 0;
    l->rc = RN_OK;
    l->err = (struct rn_err){0};
}
