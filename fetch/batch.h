/* batch.h - verified files on their way to their names, many to a sync.
 *
 *     rn_batch_add(&batch, &item);                              any number, while one is sent
 *     if (rn_batch_ready(&batch)) rn_batch_send(&batch, pool);  published and laid out over there
 *     ... whenever the pool gives batch.task back:
 *     if (rn_batch_pin(&batch, &lock, pool)) ...                sent again: the lock is written
 *     else ... batch.rc, batch.out[0 .. n_out) ...              done, or not one of them
 *          rn_batch_end(&batch);
 *
 * One batch is under way at a time; what comes meanwhile makes the next one: the slower the disk,
 * the larger the batches, from RN_BATCH_MANY that are worth a sync to RN_BATCH_MAX at once. Nothing
 * in it counts as done before all of it is on the disk. */
#ifndef RN_BATCH_H
#define RN_BATCH_H

#include "fetcher.h"
#include "pool.h"

enum { RN_BATCH_MANY = 256, RN_BATCH_MAX = 1024 };

struct rn_batch_item {
    const struct rn_fetch_file *file;
    struct rn_fetched *got;
    const char *payload; /* read-only private file; NULL: the cache had it */
    bool synced;         /* it is on the disk */
    bool pinned;         /* by the lock from now on */
    const char *host;    /* that gave it; NULL: the cache */
    const char *etag;    /* it had there, or NULL */
    void *tag;
};

struct rn_batch {
    struct rn_task task;
    const struct rn_cache *cache;
    const struct rn_fetch_list *list;
    struct rn_batch_item *waiting, *out; /* out: under way */
    size_t n_waiting, cap_waiting, n_out;
    struct rn_pins_text pins; /* while it is `pinning` */
    bool pinning;
    int rc; /* of what was sent */
    struct rn_err err;
};

void rn_batch_init(struct rn_batch *, const struct rn_cache *, const struct rn_fetch_list *);
void rn_batch_release(struct rn_batch *);
void rn_batch_add(struct rn_batch *, const struct rn_batch_item *);
bool rn_batch_ready(const struct rn_batch *);
/* Tells of its files: of a few by name, of many together. */
void rn_batch_send(struct rn_batch *, struct rn_pool *, const struct rn_log *);
/* Pins what is new in what was published. False: the batch has ended; if it failed, nothing of it
 * counts. */
bool rn_batch_pin(struct rn_batch *, struct rn_pins *, struct rn_pool *);
void rn_batch_end(struct rn_batch *);

#endif
