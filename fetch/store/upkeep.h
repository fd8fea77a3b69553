/* upkeep.h - what the cache holds: read it all again, and remove what nobody names.
 *
 *     RN_TRY(rn_cache_verify(&cache, tell, ctx, &totals, err));
 *
 *     struct rn_digests named = {0};
 *     RN_TRY(rn_digests_collect(&named, "runs", err));        journals, manifests and lock files
 *     RN_TRY(rn_digests_read(&named, "speedrun.lock", err));
 *     struct rn_gc gc = {.named = &named, .keep_s = 86400, .now_s = rn_time_s()};
 *     RN_TRY(rn_cache_gc(&cache, &gc, tell, ctx, &totals, err));
 *     rn_digests_release(&named);
 *
 * Safe beside processes that use the cache: whoever finds a content gone fetches it again. */
#ifndef RN_UPKEEP_H
#define RN_UPKEEP_H

#include "cache.h"

#include <stdint.h>

/* --- digests that text files name --- */

struct rn_digest {
    char hex[RN_HEX];
};
struct rn_digests {
    struct rn_digest *items; /* sorted once asked */
    size_t n, cap;
    bool sorted;
};
/* Every 64 hexadecimal digits in a row of a text file. RN_EIO if it cannot be read. */
int rn_digests_read(struct rn_digests *, const char *path, struct rn_err *);
/* The same of journal.jsonl, manifest.json and *.lock anywhere below; no folder: nothing. */
int rn_digests_collect(struct rn_digests *, const char *folder, struct rn_err *);
bool rn_digests_have(struct rn_digests *, const char *sha256);
void rn_digests_release(struct rn_digests *);

/* --- the cache --- */

/* LINKED: it has another name, somebody's output; removing this one would free nothing, and whoever
 * reads it through a link here would lose it. */
enum rn_fate { RN_KEPT_NAMED, RN_KEPT_LINKED, RN_KEPT_YOUNG, RN_REMOVED, RN_GOOD, RN_DAMAGED };
const char *rn_fate_word(enum rn_fate); /* "removed" */

struct rn_content {
    const char *sha256;
    int64_t size_bytes;
    double age_s;
    bool linked;
    enum rn_fate fate;
};
struct rn_upkeep {
    size_t files[RN_DAMAGED + 1]; /* by fate */
    int64_t bytes[RN_DAMAGED + 1];
    size_t partials; /* gc: files of downloads whose process is gone */
};
typedef void rn_content_fn(void *ctx, const struct rn_content *); /* may be NULL */

/* Reads every content. One that is not what its name says is moved to damaged/ beside sha256/, so
 * that it can be looked at and will be fetched again. */
int rn_cache_verify(const struct rn_cache *, rn_content_fn *, void *ctx, struct rn_upkeep *,
                    struct rn_err *);

struct rn_gc {
    struct rn_digests *named; /* kept */
    double keep_s, now_s;     /* kept too: what is younger */
    bool dry_run;             /* says what it would do */
};
int rn_cache_gc(const struct rn_cache *, const struct rn_gc *, rn_content_fn *, void *ctx,
                struct rn_upkeep *, struct rn_err *);

#endif
