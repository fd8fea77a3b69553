/* runner/target.h - what the first argument of a command names: a pipeline file, or a run.
 *
 *     RN_TRY(rn_target_pipeline(&p, cli, err));     FILE [key=value ...] with -p NAME
 *     RN_TRY(rn_target_run(&dir, cli, err));        RUN: a tag, its folder, or a pipeline file
 *
 * Both only read. */
#ifndef RN_TARGET_H
#define RN_TARGET_H

#include "command.h"
#include "plan.h"

/* Rows that commands put into their option tables. */
#define RN_OPT_PROFILE                                                                             \
    {                                                                                              \
        "profile", 'p', "NAME", "use this profile of the file"                                     \
    }
#define RN_OPT_VERIFY                                                                              \
    {                                                                                              \
        "verify", 0, "stat|hash",                                                                  \
            "hash again what changed since it was hashed (default), or everything"                 \
    }

/* Argument 0 is the file, the others are overrides. Free with rn_pipeline_free. */
int rn_target_pipeline(struct rn_pipeline **, const struct rn_cli *, struct rn_err *);
/* Arguments are the file, a stage and overrides; *stage is borrowed. */
int rn_target_stage(struct rn_pipeline **, const char **stage, const struct rn_cli *,
                    struct rn_err *);
/* Directory of the run; caller frees. A pipeline file stands for its current tag. RN_EUSAGE if it
 * never ran. */
int rn_target_run(char **dir, const struct rn_cli *, struct rn_err *);

int rn_target_verify(enum rn_verify *, const struct rn_cli *, struct rn_err *);
/* --threads, or what the machine and OMP_NUM_THREADS give. */
int rn_target_threads(int *, const struct rn_cli *, struct rn_err *);
/* Values of an option that may repeat: NULL-ended, caller frees the array. */
const char **rn_target_list(const struct rn_cli *, const char *option);

#endif
