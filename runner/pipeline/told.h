/* told.h - what pipeline.h tells of its values: made when first asked for. */
#ifndef RN_TOLD_H
#define RN_TOLD_H

#include "pipeline.h"

struct rn_told *rn_told_new(const struct rn_pipeline *); /* its stages are known */
void rn_told_free(struct rn_pipeline *);                 /* of a pipeline that has none, too */

/* How a file is called where a value comes from. Borrowed from the arguments. */
const char *rn_told_file(const struct rn_pipeline *, const char *path);

#endif
