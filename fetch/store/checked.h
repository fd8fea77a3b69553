/* checked.h - which cached files passed which check already.
 *
 *     if (!rn_checked(cache, file, &seen))       the file is read and judged, then:
 *         rn_checked_learn(cache, file, &seen);
 *
 * A check is everything that is asked of a payload, and the version of the program that asks. */
#ifndef RN_CHECKED_H
#define RN_CHECKED_H

#include "cache.h"
#include "proof.h"

bool rn_checked(const struct rn_cache *, const struct rn_fetch_file *, const struct rn_seen *);
void rn_checked_learn(const struct rn_cache *, const struct rn_fetch_file *,
                      const struct rn_seen *);

#endif
