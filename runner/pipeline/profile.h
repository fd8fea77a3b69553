/* profile.h - `profiles:`, laid over the file that has them.
 *
 *     rn_profile_lay(&loading, "smoke"); */
#ifndef RN_PROFILE_H
#define RN_PROFILE_H

#include "loading.h"

/* Lays `profiles: {name: ...}` over the root. A problem: an unknown profile, a key that none may
 * set, or a null that removes nothing. */
void rn_profile_lay(struct rn_loading *, const char *name);

#endif
