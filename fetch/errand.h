/* errand.h - one file on its way: out of the cache, or from one source after another, proven,
 * and into a batch.
 *
 *     struct rn_errand *e = rn_errand_new(&bench, file, now_s);
 *     while (e->state == RN_READY && rn_errand_turn(e, now_s) == RN_ASK)
 *         rn_errand_start(e, now_s);                    or later: its host may be busy
 *     rn_errand_received(ended.tag, &ended, now_s);     a transfer of the wire's has ended
 *     rn_errand_worked(task, now_s);                    a task of the pool's, not the batch's
 *     rn_errand_resolved(pointer.tag, &pointer.want, now_s);       of the bench's pointers
 *     rn_errand_published(item.tag, rc, &err);          the batch it was in has ended
 *     rn_errand_free(e);                                bytes that are there are kept for later
 *
 * All of it on the thread of the bench; what takes long is done by the bench's pool and wire, and
 * an errand that is with one of them must not be freed. */
#ifndef RN_ERRAND_H
#define RN_ERRAND_H

#include "asking.h"
#include "batch.h"
#include "fetcher.h"
#include "pointers.h"
#include "publisher.h"
#include "transfers.h"

/* What all files on their way share. */
struct rn_bench {
    const struct rn_fetcher *f;
    struct rn_transfers *wire;
    struct rn_pool *pool;
    struct rn_partials *partials;
    struct rn_hosts hosts;
    struct rn_alike alike;
    struct rn_publisher publisher;
    struct rn_batch batch;
    struct rn_pointers pointers;
};

enum rn_errand_state {
    RN_READY,     /* a source can be asked, now or later: rn_errand_turn */
    RN_ON_WIRE,   /* wait for rn_errand_received */
    RN_AT_WORK,   /* wait for rn_errand_worked */
    RN_POINTED,   /* wait for rn_errand_resolved */
    RN_BATCHED,   /* wait for rn_errand_published */
    RN_HAD,       /* `got` has a name; the end */
    RN_NOT_HAD,   /* rc and err say why; other files can still be had */
    RN_BROKEN_OFF /* rc and err say what of ours failed: nothing more should be begun */
};

/* What the first source gave when nobody vouched for it, while a second one is asked. */
struct rn_first {
    struct rn_partial partial;
    char *payload, *host, *etag; /* owned; payload NULL: there is none */
    char sha256[RN_HEX];
    int64_t size_bytes;
    bool synced;
};

struct rn_errand {
    struct rn_task task; /* first: a task of the pool is its errand */
    struct rn_bench *bench;
    struct rn_fetch_file *file;
    enum rn_errand_state state;
    struct rn_fetched got;
    int rc;
    struct rn_err err;
    char *reason; /* of RN_NOT_HAD: err without the file's name, so that alike ones are equal */
    /* Its own. */
    struct rn_asking asking;
    struct rn_partial partial; /* path NULL: none is open */
    char key[33];              /* of the partial */
    double now_s, started_s;
    int64_t furthest_bytes; /* of it that any attempt brought */
    struct rn_response r;
    const struct rn_sums *sums; /* the publisher's, or NULL */
    struct rn_proof proof;
    struct rn_first first;
    bool synced;                      /* the payload is on the disk */
    void (*then)(struct rn_errand *); /* when the task is finished */
};

struct rn_errand *rn_errand_new(struct rn_bench *, struct rn_fetch_file *, double now_s);
void rn_errand_free(struct rn_errand *);

/* Of one that is ready. RN_ASK: rn_errand_start asks errand.asking.now; RN_WAIT: until
 * asking.wake_s; RN_GIVE_UP: nobody is left, and it is not ready any more. */
enum rn_turn rn_errand_turn(struct rn_errand *, double now_s);
void rn_errand_start(struct rn_errand *, double now_s);
void rn_errand_received(struct rn_errand *, struct rn_ended *, double now_s);
void rn_errand_worked(struct rn_task *, double now_s);
void rn_errand_resolved(struct rn_errand *, struct rn_lfs_want *, double now_s);
void rn_errand_published(struct rn_errand *, int rc, const struct rn_err *);
int64_t rn_errand_bytes(const struct rn_errand *); /* that have come so far */
/* Of its body, that are not on the disk yet, as far as the server told. */
int64_t rn_errand_missing_bytes(const struct rn_errand *);

#endif
