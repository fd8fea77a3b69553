/* runner/merge.h - profiles and command-line overrides, laid over the tree of the file.
 *
 *     rn_merge_profile(&loading, "smoke");
 *     rn_merge_override(&loading, "base.horizon.steps=10");
 *
 * Mappings merge by key, lists and scalars are replaced, null removes a key. */
#ifndef RN_MERGE_H
#define RN_MERGE_H

#include "loading.h"

/* Lays `profiles: {name: ...}` over the root. A problem: an unknown profile, or a null that removes
 * nothing. */
void rn_merge_profile(struct rn_loading *, const char *name);
/* "vars.x=..", "name=..", "STAGE.key.path=.." or "stages.STAGE.key.path=..": the value is YAML. */
void rn_merge_override(struct rn_loading *, const char *text);

#endif
