/* follow.h - what a rank other than 0 does for a run: it trains when rank 0 says so.
 *
 *     rc = rn_follow(pipeline, &how, &ranks, config, err);
 *
 * It writes nothing below the runs directory. It ends as rank 0 does, without words of its own,
 * for rank 0 has said them. */
#ifndef RN_FOLLOW_H
#define RN_FOLLOW_H

#include "plan.h"
#include "ranks.h"

/* What the run came to (err is empty then), or RN_EPEER: rank 0 refused, is gone or silent. */
int rn_follow(const struct rn_pipeline *, const struct rn_run_how *, const struct rn_ranks *,
              const char *config, struct rn_err *);

#endif
