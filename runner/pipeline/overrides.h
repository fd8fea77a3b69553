/* overrides.h - single values set from outside the file: command line and matrix cells.
 *
 *     rn_override_text(&loading, "base.horizon.steps=10");     the value is YAML
 *     rn_override_set(&loading, "vars.depth", node, place);
 *
 *     key=value     sets; null removes            +key=value    sets what must not be there yet
 *     ~key          removes what must be there    key[2]        an item of a list; +key[n] appends
 *
 * A key is vars.NAME, name, tag, stages.STAGE.path or, in short, STAGE.path. Variables and stages
 * that the file lacks come with '+' alone; what else is unknown the schema finds. */
#ifndef RN_OVERRIDES_H
#define RN_OVERRIDES_H

#include "loading.h"

/* Problems have the place "command line: TEXT". */
void rn_override_text(struct rn_loading *, const char *text);
/* The same for key and value; the node becomes part of the tree. */
void rn_override_set(struct rn_loading *, const char *key, struct rn_node *value,
                     struct rn_place at);
/* Is it one? ("key=value" or "~key") */
bool rn_is_override(const char *arg);
/* Do two keys name the same value, or one a part of the other's? ("base.seed", "stages.base") */
bool rn_override_overlaps(const char *a, const char *b);

#endif
