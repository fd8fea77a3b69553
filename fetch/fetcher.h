/* fetcher.h - many files, each from one of several sources, proven before they get a name.
 *
 *     struct rn_fetcher f = {.cache = &cache, .lock = &pins, .formats = formats, .retries = 4};
 *     struct rn_fetch_list list = {.next = next_file, .lay_out = link_it, .done = count_it};
 *     RN_TRY(rn_fetch_all(&f, &list, err));
 *
 *     RN_TRY(rn_fetch_file(&f, &file, &got, err));      one alone; got.path: in the cache, verified
 *     rn_fetched_release(&got);
 *
 * A pinned file that the cache holds needs no source. Otherwise every source is asked once without
 * waiting, then in rounds, with pauses that grow and vary; hosts that do badly come last, the
 * written order decides between equals. Each answer gets a verdict on its bytes inside that loop,
 * and the first accepted one ends it. Bodies that were rejected go to the quarantine, never to a
 * final name. Only sources whose verdict may change are asked again; a round that brought the file
 * a good deal further does not count. What is accepted from afar is pinned in the lock.
 *
 * What alike failures say is told of a few files by name and of the others together (alike.h); the
 * error is that of the first file, and says how many there are.
 *
 * One thread talks to all hosts at once, a few others prove and sync. What is verified is published
 * in batches: a file counts as done only when its name and its pin are on the disk. */
#ifndef RN_FETCH_H
#define RN_FETCH_H

#include "cache.h"
#include "clock.h"
#include "fetched.h"
#include "log.h"
#include "proof.h"

struct rn_fetch_progress {
    size_t files_done;
    int64_t done_bytes; /* of files that are done and of those on their way */
    double bytes_s;     /* over the last seconds, from the wire */
    size_t running;     /* transfers */
};

struct rn_fetcher {
    struct rn_from from;
    const struct rn_format *formats; /* ends with name NULL */
    const struct rn_cache *cache;
    struct rn_pins *lock;
    const struct rn_who *who;   /* whose secrets may be used; NULL: nobody's */
    const char *quarantine_dir; /* made when needed */
    const char *const *mirrors; /* NULL-ended: bases of .../sha256/HEX, asked first; or NULL */
    int64_t retries;            /* rounds after the first */
    int64_t per_host;           /* transfers from one host at once; 0: 4; of small ones more */
    double stall_s, connect_s;  /* connect_s 0: 15 */
    double pause_s;             /* before the second round; doubles, at most 60 */
    bool offline;               /* no sockets */
    bool locked;                /* no new pins */
    const struct rn_log *log;
    const struct rn_clock *clock;                                  /* NULL: the system's */
    bool (*stopping)(void *ctx);                                   /* or NULL */
    void (*progress)(void *ctx, const struct rn_fetch_progress *); /* or NULL; often */
    void *ctx;
};

/* A million files need not exist at once: each is made when its turn comes. */
struct rn_fetch_list {
    /* The next file, alive until `done`; NULL: there are no more. */
    int (*next)(void *ctx, struct rn_fetch_file **, struct rn_err *);
    /* Puts a verified file where it is wanted. Any thread, several at once. May be NULL. */
    int (*lay_out)(void *ctx, const struct rn_fetch_file *, const struct rn_fetched *,
                   struct rn_err *);
    /* Before `done` of a file that could not be had, and why. Those that are dropped because so
     * many others failed, or on a stop, are not told: nobody knows. The caller's thread. May be
     * NULL. */
    void (*failed)(void *ctx, const struct rn_fetch_file *, const struct rn_err *);
    /* Called once for every file that `next` gave, in no order, on the caller's thread; NULL: it
     * is not there. */
    int (*done)(void *ctx, struct rn_fetch_file *, struct rn_fetched *, struct rn_err *);
    void *ctx;
};

/* Before the first of many files: what proving this one takes is there (RN_EIO: a library is not),
 * unless the cache holds the file. */
int rn_fetch_need(const struct rn_fetcher *, const struct rn_fetch_file *, struct rn_err *);
/* RN_EFETCH lists every source with its verdict; RN_EOFFLINE names the file; RN_ECONFIG: not
 * pinned, and the lock may not be added to; RN_ENOSPACE, RN_EIO, RN_ESTOPPED. A file that cannot be
 * had does not keep the others from being fetched (16 of them do); the first one is reported. */
int rn_fetch_all(const struct rn_fetcher *, const struct rn_fetch_list *, struct rn_err *);
int rn_fetch_file(const struct rn_fetcher *, const struct rn_fetch_file *, struct rn_fetched *,
                  struct rn_err *);

#endif
