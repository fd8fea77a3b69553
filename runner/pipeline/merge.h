/* merge.h - trees laid over trees: included files, profiles.
 *
 *     rn_merge_over(&tree, included, root, false);
 *
 * Mappings merge by key, lists and scalars are replaced, null removes a key. */
#ifndef RN_MERGE_H
#define RN_MERGE_H

#include "yaml_tree.h"

/* Lays `from` over `into`, both mappings, which share nodes from then on. A null that removes
 * nothing stays, or is a problem if strict. */
void rn_merge_over(struct rn_tree *, struct rn_node *into, const struct rn_node *from, bool strict);

/* Adds "what 'name'" with the nearest key of a mapping as hint. */
struct rn_err *rn_merge_unknown(struct rn_problems *, struct rn_place at, const char *what,
                                const char *name, const struct rn_node *among);

#endif
