#include "batch.h"

#include "checked.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

void rn_batch_init(struct rn_batch *b, const struct rn_cache *cache,
                   const struct rn_fetch_list *list, struct rn_pins *lock)
{
    *b = (struct rn_batch){.cache = cache, .list = list, .lock = lock};
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        b->loads[i] = (struct rn_load){
            .batch = b, .items = rn_xalloc(RN_BATCH_MAX * sizeof *b->loads[i].items)};
}

void rn_batch_release(struct rn_batch *b)
{
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        free(b->loads[i].items);
    free(b->settling.items);
    free(b->named);
    free(b->waiting);
    *b = (struct rn_batch){0};
}

void rn_batch_add(struct rn_batch *b, const struct rn_batch_item *item)
{
    RN_PUSH(b->waiting, b->n_waiting, b->cap_waiting, *item);
}

bool rn_batch_ready(const struct rn_batch *b)
{
    bool room = false;
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        room |= !b->loads[i].under_way;
    return b->n_waiting > 0 && room;
}

static size_t being_named(const struct rn_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        n += b->loads[i].under_way ? b->loads[i].n : 0;
    return n;
}

size_t rn_batch_under_way(const struct rn_batch *b)
{
    return being_named(b) + b->n_named + (b->settling.under_way ? b->settling.n : 0);
}

bool rn_batch_all_named(const struct rn_batch *b)
{
    return b->n_waiting == 0 && being_named(b) == 0;
}

/* --- names --- */

static int publish(struct rn_load *l)
{
    struct rn_cache_item *p = rn_xalloc(l->n * sizeof *p);
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].payload)
            p[n++] = (struct rn_cache_item){.sha256 = l->items[i].got->sha256,
                                            .file = l->items[i].payload,
                                            .synced = l->items[i].synced};
    int rc = rn_cache_publish(l->batch->cache, p, n, &l->err);
    n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].payload) {
            l->items[i].got->path = p[n].path;
            l->items[i].got->seen = p[n++].seen;
        }
    free(p);
    return rc;
}

static void send(struct rn_task *t)
{
    struct rn_load *l = (struct rn_load *)t;
    const struct rn_batch *b = l->batch;
    l->rc = publish(l);
    for (size_t i = 0; i < l->n && l->rc == RN_OK; i++) {
        const struct rn_batch_item *item = &l->items[i];
        if (b->list->lay_out && !rn_cache_knows(b->cache, &item->got->seen, item->got->sha256))
            rn_seen_look(&item->got->seen, item->got->path); /* the same bytes twice in a list */
        if (item->payload)
            rn_checked_learn(b->cache, item->file, &item->got->seen);
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
    for (size_t i = 0; i < l->n; i++) {
        if (l->n <= BY_NAME)
            tell_one(&l->items[i], log);
        accepted += l->items[i].host != NULL;
        size_bytes += (double)l->items[i].got->size_bytes;
    }
    if (l->n > BY_NAME)
        rn_log(log, RN_INFO, "%zu files accepted, %zu cached (%s): %s, %s and so on", accepted,
               l->n - accepted, rn_show_bytes(size, size_bytes), l->items[0].file->name,
               l->items[1].file->name);
}

void rn_batch_send(struct rn_batch *b, struct rn_pool *pool, const struct rn_log *log)
{
    struct rn_load *l = b->loads;
    while (l->under_way)
        l++;
    l->n = b->n_waiting < RN_BATCH_MAX ? b->n_waiting : RN_BATCH_MAX;
    memcpy(l->items, b->waiting, l->n * sizeof *l->items);
    b->n_waiting -= l->n;
    memmove(b->waiting, b->waiting + l->n, b->n_waiting * sizeof *b->waiting);
    tell(l, log);
    l->under_way = true;
    l->err = (struct rn_err){0};
    l->task.work = send;
    rn_pool_add(pool, &l->task);
}

/* A lock that may not grow was asked before (asking.c). */
static bool wants_pin(const struct rn_batch *b, const struct rn_batch_item *item)
{
    if (!b->lock || !item->pinned)
        return false;
    const struct rn_pin *old = rn_pins_find(b->lock, item->file->id);
    return !old || strcmp(old->sha256, item->got->sha256) != 0;
}

/* What had a name and a pin before has ended, and all of them where one could not get its name. */
static void end_load(struct rn_batch *b, struct rn_load *l, struct rn_batch_end *end)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->rc == RN_OK && (l->items[i].payload || wants_pin(b, &l->items[i])))
            RN_PUSH(b->named, b->n_named, b->cap_named, l->items[i]);
        else
            l->items[n++] = l->items[i];
    l->under_way = false;
    *end = (struct rn_batch_end){.items = l->items, .n = n, .rc = l->rc, .err = &l->err};
}

/* --- pins --- */

size_t rn_batch_unsettled(const struct rn_batch *b)
{
    return b->settling.under_way ? 0 : b->n_named;
}

static void settle(struct rn_task *t)
{
    struct rn_settling *p = (struct rn_settling *)t;
    if (p->rc == RN_OK && p->names)
        p->rc = rn_cache_sync_names(p->cache, &p->err);
    if (p->rc == RN_OK && p->pins)
        p->rc = rn_pins_write(&p->text, &p->err);
}

static struct rn_pin pin_of(const struct rn_batch_item *item)
{
    struct rn_pin pin = {.id = item->file->id,
                         .size_bytes = item->got->size_bytes,
                         .trust = item->got->trust,
                         .host = item->host,
                         .etag = item->etag};
    memcpy(pin.sha256, item->got->sha256, RN_HEX);
    return pin;
}

static void start_settling(const struct rn_batch *b, struct rn_settling *p)
{
    struct rn_pin *pins = rn_xalloc(p->n * sizeof *pins);
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        p->names |= p->items[i].payload != NULL;
        if (wants_pin(b, &p->items[i]))
            pins[n++] = pin_of(&p->items[i]);
    }
    p->pins = n > 0;
    if (n > 0)
        p->rc = rn_pins_begin(b->lock, pins, n, &p->text, &p->err);
    free(pins);
}

void rn_batch_settle(struct rn_batch *b, struct rn_pool *pool)
{
    struct rn_settling *p = &b->settling;
    RN_ASSERT(rn_batch_unsettled(b) > 0);
    struct rn_batch_item *room = p->items; /* for those that get their names meanwhile */
    size_t cap = p->cap;
    *p = (struct rn_settling){.task.work = settle,
                              .cache = b->cache,
                              .under_way = true,
                              .items = b->named,
                              .n = b->n_named,
                              .cap = b->cap_named};
    b->named = room;
    b->n_named = 0;
    b->cap_named = cap;
    start_settling(b, p);
    rn_pool_add(pool, &p->task);
}

static void end_settling(struct rn_batch *b, struct rn_batch_end *end)
{
    struct rn_settling *p = &b->settling;
    if (p->pins)
        rn_pins_end(b->lock, &p->text);
    p->under_way = false;
    *end = (struct rn_batch_end){.items = p->items, .n = p->n, .rc = p->rc, .err = &p->err};
}

bool rn_batch_returned(struct rn_batch *b, const struct rn_task *t, struct rn_batch_end *end)
{
    if (t == &b->settling.task) {
        end_settling(b, end);
        return true;
    }
    for (size_t i = 0; i < RN_COUNT(b->loads); i++)
        if (t == &b->loads[i].task) {
            end_load(b, &b->loads[i], end);
            return true;
        }
    return false;
}
