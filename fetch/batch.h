/* batch.h - verified files on their way to their names and pins, many to a sync.
 *
 *     rn_batch_add(&batch, &item);                                     any number
 *     if (rn_batch_ready(&batch)) rn_batch_send(&batch, pool, log);    some of them, as a load
 *     if (rn_batch_unsettled(&batch)) rn_batch_settle(&batch, pool);   all that have their names
 *     ... whenever the pool gives back a task:
 *     if (rn_batch_returned(&batch, task, &end))
 *         ... end.items[0 .. n) with end.rc ...                        done, or not one of them
 *
 * Two loads are under way at once: while the disk takes the bytes of one, the files of the other
 * get their names. What comes meanwhile makes the next load: the slower the disk, the larger the
 * loads, from RN_BATCH_MANY that are worth a sync to RN_BATCH_MAX. Files with names gather, too,
 * before their folder is synced and their pins are written: the whole lock anew, by one at a time.
 * Nothing counts as done before it, its name and its pin are on the disk. */
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

struct rn_load {
    struct rn_task task;
    const struct rn_batch *batch;
    bool under_way;
    struct rn_batch_item *items;
    size_t n;
    int rc;
    struct rn_err err;
};

struct rn_settling {
    struct rn_task task;
    const struct rn_cache *cache;
    bool under_way, names, pins; /* that are new */
    struct rn_batch_item *items;
    size_t n, cap;
    struct rn_pins_text text;
    int rc;
    struct rn_err err;
};

struct rn_batch {
    const struct rn_cache *cache;
    const struct rn_fetch_list *list;
    struct rn_pins *lock;
    struct rn_batch_item *waiting, *named;
    size_t n_waiting, cap_waiting, n_named, cap_named;
    struct rn_load loads[2];
    struct rn_settling settling;
};

/* What has come to its end; valid until the next call. */
struct rn_batch_end {
    const struct rn_batch_item *items;
    size_t n;
    int rc; /* of them all */
    const struct rn_err *err;
};

/* The batch stays where it is. lock NULL: it may not be added to. */
void rn_batch_init(struct rn_batch *, const struct rn_cache *, const struct rn_fetch_list *,
                   struct rn_pins *lock);
void rn_batch_release(struct rn_batch *);
void rn_batch_add(struct rn_batch *, const struct rn_batch_item *);
/* Something waits, and a load is free for it. */
bool rn_batch_ready(const struct rn_batch *);
size_t rn_batch_under_way(const struct rn_batch *); /* files that were sent and did not end */
/* Tells of its files: of a few by name, of many together. */
void rn_batch_send(struct rn_batch *, struct rn_pool *, const struct rn_log *);

/* Files with new names or without a pin that wait for rn_batch_settle; 0 while others are at it. */
size_t rn_batch_unsettled(const struct rn_batch *);
/* Nothing waits for its name or is about to get it. */
bool rn_batch_all_named(const struct rn_batch *);
/* Syncs the names of all that wait, then writes the pins that are new. */
void rn_batch_settle(struct rn_batch *, struct rn_pool *);
/* False: the task is none of the batch's. */
bool rn_batch_returned(struct rn_batch *, const struct rn_task *, struct rn_batch_end *);

#endif
