/* runner/args.h - FILE [key=value ...] [-p PROFILE]: arguments that many commands share.
 *
 *     static const struct rn_opt opts[] = {RN_OPT_PROFILE, {"offline", 0, NULL, "..."}, {0}};
 *     struct rn_pipeline *p;
 *     RN_TRY(rn_args_pipeline(cli, &p, err)); */
#ifndef RN_ARGS_H
#define RN_ARGS_H

#include "options.h"
#include "pipeline.h"

#define RN_PROFILE_OPT   RN_OPT_PROFILE
#define RN_PIPELINE_ARGS "FILE [key=value ...]"

/* Loads the file named by the first argument; all others are overrides. RN_EUSAGE, RN_ECONFIG. */
int rn_args_pipeline(const struct rn_cli *, struct rn_pipeline **, struct rn_err *);
/* The same with `first` arguments before FILE and another profile (NULL: none). */
int rn_args_load(const struct rn_cli *, size_t first, const char *profile, struct rn_pipeline **,
                 struct rn_err *);

#endif
