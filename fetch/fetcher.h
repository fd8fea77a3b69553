/* fetch/fetcher.h - one file from one of several sources, proven before it gets a name.
 *
 *     struct rn_fetch_file file = {.id = "data.val/a.jsonl", .name = "a.jsonl", .sources = s,
 *                                  .n_sources = 2, .size_bytes = -1, .expect = expect};
 *     struct rn_fetched got;
 *     RN_TRY(rn_fetch_file(&fetcher, &file, &got, err));     got.path: in the cache, verified
 *     rc = rn_copy_file(got.path, "out/a.jsonl", err);
 *     rn_fetched_release(&got);
 *
 * A pinned file that the cache holds needs no source. Otherwise rounds over the sources in written
 * order; each answer gets a verdict on its bytes inside that loop, and the first accepted one ends
 * it. Bodies that were rejected go to the quarantine, never to a final name. Only sources whose
 * verdict may change are asked again, after a pause. What is accepted from afar is pinned in the
 * lock. */
#ifndef RN_FETCH_H
#define RN_FETCH_H

#include "cache.h"
#include "log.h"
#include "proof.h"

struct rn_fetcher {
    struct rn_from from;
    const struct rn_format *formats; /* ends with name NULL */
    const struct rn_cache *cache;
    struct rn_pins *lock;
    const char *quarantine_dir; /* made when needed */
    int64_t retries;            /* rounds after the first */
    double stall_s, connect_s;  /* connect_s 0: 15 */
    double pause_s;             /* before the second round; doubles, at most 60 */
    bool offline;               /* no sockets */
    bool locked;                /* no new pins */
    const struct rn_log *log;
    bool (*stopping)(void *ctx);                                          /* or NULL */
    void (*progress)(void *ctx, int64_t done_bytes, int64_t total_bytes); /* or NULL */
    void *ctx;
};

struct rn_fetched {
    char *path; /* in the cache; owned */
    char sha256[RN_HEX];
    int64_t size_bytes;
    enum rn_trust trust;
    bool from_cache;
};

/* RN_EFETCH lists every source with its verdict; RN_EOFFLINE names the file; RN_ECONFIG: not
 * pinned, and the lock may not be added to; RN_ENOSPACE, RN_EIO, RN_ESTOPPED. */
int rn_fetch_file(const struct rn_fetcher *, const struct rn_fetch_file *, struct rn_fetched *,
                  struct rn_err *);
void rn_fetched_release(struct rn_fetched *);

#endif
