/* fetched.h - a file that was had: where it lies in the cache, and whose word its digest rests on.
 *
 *     struct rn_fetched got;
 *     RN_TRY(rn_fetch_file(&fetcher, &file, &got, err));
 *     ... got.path ...
 *     rn_fetched_release(&got);
 */
#ifndef RN_FETCHED_H
#define RN_FETCHED_H

#include "hash.h"
#include "memo.h"
#include "pins.h"
#include "proof.h"

struct rn_fetched {
    char *path;          /* in the cache; owned */
    struct rn_seen seen; /* the file there, as it was just now: for lay_out */
    char sha256[RN_HEX];
    int64_t size_bytes;
    enum rn_trust trust;
    bool from_cache;
    bool more; /* `done` is called for other files right after this one */
};
void rn_fetched_release(struct rn_fetched *);

/* How a file was had, in words that `fetch` and `run` share. */
struct rn_fetched_words {
    const char *state; /* "fetched" or "cached" */
    const char *trust; /* whose word its digest rests on */
    const char *where; /* the host that gave it, of the pin's life; "": not known */
};
struct rn_fetched_words rn_fetched_tell(const struct rn_fetched *, const struct rn_fetch_file *,
                                        const struct rn_pins *);

#endif
