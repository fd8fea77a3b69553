#include "batch.h"

#include "checked.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

void rn_batch_init(struct rn_batch *b, const struct rn_cache *cache,
                   const struct rn_fetch_list *list)
{
    *b = (struct rn_batch){.cache = cache, .list = list};
    b->out = rn_xalloc(RN_BATCH_MAX * sizeof *b->out);
}

void rn_batch_release(struct rn_batch *b)
{
    free(b->waiting);
    free(b->out);
    *b = (struct rn_batch){0};
}

void rn_batch_add(struct rn_batch *b, const struct rn_batch_item *item)
{
    RN_PUSH(b->waiting, b->n_waiting, b->cap_waiting, *item);
}

bool rn_batch_ready(const struct rn_batch *b)
{
    return b->n_out == 0 && b->n_waiting > 0;
}

static int publish(struct rn_batch *b, struct rn_err *err)
{
    struct rn_cache_item *p = rn_xalloc(b->n_out * sizeof *p);
    size_t n = 0;
    for (size_t i = 0; i < b->n_out; i++)
        if (b->out[i].payload)
            p[n++] = (struct rn_cache_item){.sha256 = b->out[i].got->sha256,
                                            .file = b->out[i].payload,
                                            .synced = b->out[i].synced};
    int rc = rn_cache_publish(b->cache, p, n, err);
    n = 0;
    for (size_t i = 0; i < b->n_out; i++)
        if (b->out[i].payload)
            b->out[i].got->path = p[n++].path;
    free(p);
    return rc;
}

static void send(struct rn_task *t)
{
    struct rn_batch *b = (struct rn_batch *)t;
    b->rc = publish(b, &b->err);
    for (size_t i = 0; i < b->n_out && b->rc == RN_OK; i++) {
        const struct rn_batch_item *item = &b->out[i];
        if (item->payload)
            rn_checked_learn(b->cache, item->file, item->got->path);
        if (b->list->lay_out)
            b->rc = b->list->lay_out(b->list->ctx, item->file, item->got, &b->err);
    }
}

void rn_batch_send(struct rn_batch *b, struct rn_pool *pool)
{
    b->n_out = b->n_waiting < RN_BATCH_MAX ? b->n_waiting : RN_BATCH_MAX;
    memcpy(b->out, b->waiting, b->n_out * sizeof *b->out);
    b->n_waiting -= b->n_out;
    memmove(b->waiting, b->waiting + b->n_out, b->n_waiting * sizeof *b->waiting);
    b->task.work = send;
    rn_pool_add(pool, &b->task);
}

/* Pins what came from afar. A lock that may not grow was asked before (asking.c). */
static int pin_new(const struct rn_batch *b, struct rn_pins *lock, struct rn_err *err)
{
    struct rn_pin *pins = rn_xalloc((b->n_out + 1) * sizeof *pins);
    size_t n = 0;
    for (size_t i = 0; i < b->n_out; i++) {
        const struct rn_batch_item *item = &b->out[i];
        const struct rn_pin *old = rn_pins_find(lock, item->file->id);
        if (!item->host || (old && strcmp(old->sha256, item->got->sha256) == 0))
            continue;
        pins[n] = (struct rn_pin){.id = item->file->id,
                                  .size_bytes = item->got->size_bytes,
                                  .trust = item->got->trust,
                                  .host = item->host,
                                  .etag = item->etag};
        memcpy(pins[n++].sha256, item->got->sha256, RN_HEX);
    }
    int rc = n ? rn_pins_add(lock, pins, n, err) : RN_OK;
    free(pins);
    return rc;
}

int rn_batch_pin(struct rn_batch *b, const struct rn_fetcher *f, struct rn_err *err)
{
    if (b->rc == RN_OK)
        return f->locked ? RN_OK : pin_new(b, f->lock, err);
    rn_fail_as(err, &b->err);
    return b->rc;
}

void rn_batch_end(struct rn_batch *b)
{
    b->n_out = 0;
    b->rc = RN_OK;
    b->err = (struct rn_err){0};
}
