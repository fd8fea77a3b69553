/* batch.h - verified files on their way to their names, many to a sync.
 *
 *     rn_batch_add(&batch, &item);                              any number
 *     if (rn_batch_ready(&batch)) rn_batch_send(&batch, pool);  some of them, as a load
 *     ... whenever the pool gives back a task that rn_batch_load knows as a load's:
 *     rn_batch_returned(&batch, load, &lock, pool);             on to its pins, or it has ended
 *     while ((load = rn_batch_ended(&batch))) {
 *         ... load->rc, load->out[0 .. n_out) ...               done, or not one of them
 *         rn_load_end(load);
 *     }
 *
 * Two loads are under way at once: while the disk takes the bytes of one, the files of the other
 * get their names. Pins are written by one at a time. What comes meanwhile makes the next load: the
 * slower the disk, the larger the loads, from RN_BATCH_MANY that are worth a sync to RN_BATCH_MAX.
 * Nothing in a load counts as done before all of it is on the disk. */
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

enum rn_load_state { RN_LOAD_FREE, RN_LOAD_SENT, RN_LOAD_NAMED, RN_LOAD_PINNING, RN_LOAD_ENDED };

struct rn_load {
    struct rn_task task;
    struct rn_batch *batch;
    enum rn_load_state state;
    struct rn_batch_item *out;
    size_t n_out;
    int rc;
    struct rn_err err;
};

struct rn_batch {
    const struct rn_cache *cache;
    const struct rn_fetch_list *list;
    struct rn_batch_item *waiting;
    size_t n_waiting, cap_waiting;
    struct rn_load loads[2];
    struct rn_pins_text pins; /* of the one that is pinning */
};

/* The batch stays where it is. */
void rn_batch_init(struct rn_batch *, const struct rn_cache *, const struct rn_fetch_list *);
void rn_batch_release(struct rn_batch *);
void rn_batch_add(struct rn_batch *, const struct rn_batch_item *);
/* Something waits, and a load is free for it. */
bool rn_batch_ready(const struct rn_batch *);
size_t rn_batch_under_way(const struct rn_batch *); /* files */
/* Tells of its files: of a few by name, of many together. */
void rn_batch_send(struct rn_batch *, struct rn_pool *, const struct rn_log *);

struct rn_load *rn_batch_load(struct rn_batch *, const struct rn_task *); /* NULL: not a load's */
/* Pins what is new in what was published. lock NULL: it may not be added to. */
void rn_batch_returned(struct rn_batch *, struct rn_load *, struct rn_pins *, struct rn_pool *);
struct rn_load *rn_batch_ended(struct rn_batch *); /* NULL: none */
void rn_load_end(struct rn_load *);

#endif
