/* origins.h - where every value of a resolved pipeline comes from. */
#ifndef RN_ORIGINS_H
#define RN_ORIGINS_H

#include "pipeline.h"

/* {"base.horizon.steps": "smoke.yaml:31", ..} for every value of every stage: "file:line",
 * "profile NAME", "command line" or "default", and the variable that brought it. Caller owns. */
json_t *rn_origins(const struct rn_pipeline *);
/* How a file is called in an origin. Borrowed from the arguments. */
const char *rn_origin_file(const struct rn_pipeline *, const char *path);

#endif
