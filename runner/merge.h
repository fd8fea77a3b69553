/* runner/merge.h - profiles and command-line overrides, laid over the tree of the file.
 *
 * Mappings merge by key, lists and scalars are replaced, null removes a key. */
#ifndef RN_MERGE_H
#define RN_MERGE_H

#include "loading.h"

/* Lays `profiles: {name: ...}` over the root. An unknown profile or a null that removes nothing is
 * a problem. */
void rn_merge_profile(struct rn_loading *, const char *name);
/* "vars.x=..", "name=..", "STAGE.key.path=.." or "stages.STAGE.key.path=..": the value is YAML. */
void rn_merge_override(struct rn_loading *, const char *text);

#endif
