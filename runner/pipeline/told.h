/* told.h - what pipeline.h makes when first asked for: most commands never do. */
#ifndef RN_TOLD_H
#define RN_TOLD_H

#include "pipeline.h"

struct rn_told *rn_told_new(const struct rn_pipeline *); /* its stages are known */
void rn_told_free(struct rn_pipeline *);                 /* of a pipeline that has none, too */

#endif
