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
        if (b->out[i].payload) {
            b->out[i].got->path = p[n].path;
            b->out[i].got->seen = p[n++].seen;
        }
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
            rn_checked_learn(b->cache, item->file, &item->got->seen);
        else if (b->list->lay_out)
            rn_seen_look(&item->got->seen, item->got->path);
        if (b->list->lay_out)
            b->rc = b->list->lay_out(b->list->ctx, item->file, item->got, &b->err);
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

static void tell(const struct rn_batch *b, const struct rn_log *log)
{
    enum { BY_NAME = 16 };
    char size[32];
    double size_bytes = 0;
    size_t accepted = 0;
    for (size_t i = 0; i < b->n_out; i++) {
        if (b->n_out <= BY_NAME)
            tell_one(&b->out[i], log);
        accepted += b->out[i].host != NULL;
        size_bytes += (double)b->out[i].got->size_bytes;
    }
    if (b->n_out > BY_NAME)
        rn_log(log, RN_INFO, "%zu files accepted, %zu cached (%s): %s, %s and so on", accepted,
               b->n_out - accepted, rn_show_bytes(size, size_bytes), b->out[0].file->name,
               b->out[1].file->name);
}

void rn_batch_send(struct rn_batch *b, struct rn_pool *pool, const struct rn_log *log)
{
    b->n_out = b->n_waiting < RN_BATCH_MAX ? b->n_waiting : RN_BATCH_MAX;
    memcpy(b->out, b->waiting, b->n_out * sizeof *b->out);
    b->n_waiting -= b->n_out;
    memmove(b->waiting, b->waiting + b->n_out, b->n_waiting * sizeof *b->waiting);
    tell(b, log);
    b->task.work = send;
    rn_pool_add(pool, &b->task);
}

/* Pins for what came from afar. A lock that may not grow was asked before (asking.c). */
static size_t list_new(const struct rn_batch *b, const struct rn_pins *lock, struct rn_pin *pins)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_out; i++) {
        const struct rn_batch_item *item = &b->out[i];
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
    struct rn_batch *b = (struct rn_batch *)t;
    b->rc = rn_pins_write(&b->pins, &b->err);
}

bool rn_batch_pin(struct rn_batch *b, struct rn_pins *lock, struct rn_pool *pool)
{
    struct rn_pin *pins = rn_xalloc((b->n_out + 1) * sizeof *pins);
    size_t n = b->rc == RN_OK && !b->pinning ? list_new(b, lock, pins) : 0;
    if (b->pinning)
        rn_pins_end(lock, &b->pins);
    b->pinning = false;
    if (n > 0) {
        b->rc = rn_pins_begin(lock, pins, n, &b->pins, &b->err);
        b->pinning = b->rc == RN_OK;
    }
    free(pins);
    if (b->pinning) {
        b->task.work = write_pins;
        rn_pool_add(pool, &b->task);
    }
    return b->pinning;
}

void rn_batch_end(struct rn_batch *b)
{
    b->n_out = 0;
    b->rc = RN_OK;
    b->err = (struct rn_err){0};
}
