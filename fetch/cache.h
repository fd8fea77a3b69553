/* fetch/cache.h - verified downloads, once, by what they contain.
 *
 *     struct rn_cache cache;
 *     rn_cache_init(&cache, NULL);      $RUNNEL_CACHE, $XDG_CACHE_HOME/runnel or ~/.cache/runnel
 *     char *path;
 *     RN_TRY(rn_cache_find(&cache, sha256, &path, err));      NULL: not there
 *     rn_cache_release(&cache);
 *
 *     sha256/ab/abcd...    a content, mode 0444
 *     tmp/...              attempts, a directory each
 *
 * Many processes may share it without a lock: each works in a directory of its own and publishes by
 * rename, and a content has one name. */
#ifndef RN_CACHE_H
#define RN_CACHE_H

#include "hash.h"

#include <stdbool.h>

struct rn_cache {
    char *dir; /* owned */
};

/* dir NULL: from the environment. Touches nothing. */
void rn_cache_init(struct rn_cache *, const char *dir);
void rn_cache_release(struct rn_cache *);

/* True if the content seems to be there: for plans, which do not read gigabytes. */
bool rn_cache_has(const struct rn_cache *, const char *sha256);

/* Path of the content (caller frees), or NULL if it is not there. It is digested again on each
 * call; a damaged one is removed and counts as absent. */
int rn_cache_find(const struct rn_cache *, const char *sha256, char **path, struct rn_err *);

/* A private directory for one attempt (caller removes it and frees the name). Removes those that
 * nobody has touched for two days: their process was killed. */
int rn_cache_attempt(const struct rn_cache *, char **dir, struct rn_err *);

/* Moves a synced file of an attempt to its name by content. *path as in rn_cache_find. */
int rn_cache_put(const struct rn_cache *, const char *sha256, const char *file, char **path,
                 struct rn_err *);

#endif
