/* cache.h - verified downloads, once, by what they contain.
 *
 *     struct rn_cache cache;
 *     rn_cache_init(&cache, NULL);      $RUNNEL_CACHE, $XDG_CACHE_HOME/runnel or ~/.cache/runnel
 *     char *path;
 *     RN_TRY(rn_cache_find(&cache, sha256, &path, err));           NULL: not there
 *     RN_TRY(rn_cache_take(&cache, &item, "out/a", &seen, err));   a name of its own for it
 *     rn_cache_release(&cache);
 *
 *     sha256/abcd...       a content, mode 0444: the folder behind a web server is a mirror
 *     partial/...          bodies on their way (partial.h)
 *     digests, checks      memos (base/memo.h): what was hashed and checked already
 *     hosts                how hosts have been doing (health.h)
 *
 * Many processes may share it without a lock, and do not need one that works: each fills private
 * files and publishes them by a rename that does not replace; a content has one name. A cache that
 * cannot be written is read, and a second folder takes what is new. */
#ifndef RN_CACHE_H
#define RN_CACHE_H

#include "hash.h"
#include "memo.h"

#include <stdbool.h>
#include <stddef.h>

struct rn_cache {
    char *dir;   /* owned */
    char *spare; /* owned; NULL: `dir` can be written */
    struct rn_memo *digests, *checks;
    _Atomic bool *shares; /* files can share blocks, as far as is known; owned */
};

/* dir NULL: from the environment. Writes nothing. */
void rn_cache_init(struct rn_cache *, const char *dir);
/* For rn_cache_has alone: reads nothing either. */
void rn_cache_locate(struct rn_cache *, const char *dir);
/* What is new goes below `dir` if the cache itself cannot be written. */
void rn_cache_fall_back(struct rn_cache *, const char *dir);
void rn_cache_release(struct rn_cache *); /* saves what was learnt */
/* Removes what dead processes left beside the contents, nothing of a living one's that matters, and
 * moves contents that lie as they once did (sha256/ab/abcd...) to where they are looked for. */
void rn_cache_sweep(const struct rn_cache *);
/* Where this process may write. */
const char *rn_cache_home(const struct rn_cache *);

/* True if the content seems to be there: for plans, which do not read gigabytes. */
bool rn_cache_has(const struct rn_cache *, const char *sha256);

/* Path of the content (caller frees), or NULL if it is not there. A file that was changed in any
 * way since its digest was taken is digested again; a damaged one is removed and counts as absent.
 * Any thread. */
int rn_cache_find(const struct rn_cache *, const char *sha256, char **path, struct rn_err *);
/* The same, where it needs no digest: NULL may also mean 'ask rn_cache_find'. seen: the file. */
char *rn_cache_recall(const struct rn_cache *, const char *sha256, struct rn_seen *seen);

/* True if that is how this process last saw the content. */
bool rn_cache_knows(const struct rn_cache *, const struct rn_seen *, const char *sha256);

/* True if this very file passed the check of that digest before; and remembers that it did. */
bool rn_cache_checked(const struct rn_cache *, const struct rn_seen *, const char *check);
void rn_cache_learn_check(const struct rn_cache *, const struct rn_seen *, const char *check);

/* Private files that are read-only move to their names by content, their bytes on the disk before:
 * a few are synced one by one, many by one sync of the whole file system. */
struct rn_cache_item {
    const char *sha256, *file;
    bool synced;         /* the file's bytes are on the disk */
    char *path;          /* as in rn_cache_find */
    struct rn_seen seen; /* the file at `path` */
};
int rn_cache_publish(const struct rn_cache *, struct rn_cache_item *, size_t n, struct rn_err *);
/* All names that were given until now are on the disk when it returns. Any thread. */
int rn_cache_sync_names(const struct rn_cache *, struct rn_err *);

/* `to` becomes the content at `path`: shared blocks, else a second name, else a copy; now: that
 * file. Not synced, not atomic: for folders that appear whole. */
int rn_cache_take(const struct rn_cache *, const struct rn_cache_item *, const char *to,
                  struct rn_seen *now, struct rn_err *);

#endif
