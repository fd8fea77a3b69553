/* prune.h - what lies in the store and no run stands for.
 *
 *     struct rn_prune prune;
 *     RN_TRY(rn_prune_find(&prune, "runs", older_s, err));      RN_ELOCKED while a run goes on
 *     for (size_t i = 0; i < prune.n; i++)
 *         RN_TRY(rn_prune_remove(&prune, i, &removed, err));
 *     rn_prune_release(&prune);
 *
 *     <kind>-<outkey16>             no runs/<tag>/stages/ links to it
 *     <kind>-<outkey16>.attempt     left by a kill
 *     <kind>-<progresskey16>.work   checkpoints, unless the newest word of some run on that key is
 *                                   that it did not finish: then they are what it goes on from */
#ifndef RN_PRUNE_H
#define RN_PRUNE_H

#include "json.h"

#include <stdbool.h>

struct rn_prune_item {
    char *name; /* in the store, owned */
    double size_bytes;
    double changed_s; /* newest file, seconds since 1970 */
};
struct rn_prune {
    char *runs; /* owned */
    struct rn_prune_item *items;
    size_t n, cap;
};

/* Only what has not changed for older_s seconds (0: everything). Reads only. */
int rn_prune_find(struct rn_prune *, const char *runs, double older_s, struct rn_err *);
/* Looks again first, for a person may have thought for long: what a run has come to stand for
 * stays. RN_ELOCKED: a run goes on by now, or it is being made again. */
int rn_prune_remove(const struct rn_prune *, size_t i, bool *removed, struct rn_err *);
void rn_prune_release(struct rn_prune *);

#endif
