/* links.h - runs/<tag>/stages/<stage> -> ../../.store/<entry>: what a run stands for.
 *
 *     RN_TRY(rn_link_set(run_dir, "base", entry->name, err));
 *     char *model = rn_link_target(run_dir, "base", "model");     caller frees
 *
 * `runs prune` keeps what a link points to. Links are relative, so that runs/ can be moved. */
#ifndef RN_LINKS_H
#define RN_LINKS_H

#include "json.h"

/* Makes or replaces it, by rename. For the holder of the run's lock. */
int rn_link_set(const char *run_dir, const char *stage, const char *entry, struct rn_err *);
/* The store's directory, or what lies below it by that name; NULL if there is none. */
char *rn_link_target(const char *run_dir, const char *stage, const char *below);
/* The final numbers in the manifest it leads to: a new reference, NULL without. */
json_t *rn_link_metrics(const char *run_dir, const char *stage);

#endif
