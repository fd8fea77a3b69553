/* target.h - what the first argument of a command names: a pipeline file, or a run.
 *
 *     static const struct rn_opt opts[] = {RN_OPTS_PIPELINE, {"offline", 0, NULL, "..."}, {0}};
 *     RN_TRY(rn_target_pipeline(&p, cli, err));     FILE [key=value ...] with -p NAME
 *     RN_TRY(rn_target_run(&dir, cli, err));        RUN: a tag, its folder, or a pipeline file
 *
 * They only read. */
#ifndef RN_TARGET_H
#define RN_TARGET_H

#include "cells.h"
#include "options.h"
#include "plan.h"

/* Argument 0 is the file, the others are overrides; -p and --cell say which pipelines of it. All of
 * them are checked. Free with rn_cells_free. RN_EUSAGE, RN_ECONFIG. */
int rn_target_cells(struct rn_cells **, const struct rn_cli *, struct rn_err *);
/* The same with another profile than that of -p; NULL: none. */
int rn_target_cells_of(struct rn_cells **, const struct rn_cli *, const char *profile,
                       struct rn_err *);
/* The one pipeline that is meant; RN_EUSAGE if the file has a matrix and --cell is missing. Free
 * with rn_pipeline_free. */
int rn_target_pipeline(struct rn_pipeline **, const struct rn_cli *, struct rn_err *);
/* The i-th argument behind FILE that is no override, NULL past the last: `explain FILE STAGE`. */
const char *rn_target_word(const struct rn_cli *, size_t i);
/* RN_EUSAGE if more than `n` such words are given. */
int rn_target_words(const struct rn_cli *, size_t n, struct rn_err *);
/* The pipeline of `explain FILE STAGE [key=value ...]`; *stage is borrowed. */
int rn_target_stage(struct rn_pipeline **, const char **stage, const struct rn_cli *,
                    struct rn_err *);
/* Like rn_target_pipeline, for who looks at a run: without --device, as the processor settled it or
 * as a GPU did, whichever ran last. *device: that device, borrowed. */
int rn_target_that_ran(struct rn_pipeline **, const char **device, const struct rn_cli *,
                       struct rn_err *);
/* Directory of the run; caller frees. A pipeline file stands for its current tag. RN_EUSAGE if it
 * never ran. */
int rn_target_run(char **dir, const struct rn_cli *, struct rn_err *);
/* The same for a name that is not argument 0, without profile, cell and overrides. */
int rn_target_run_named(char **dir, const char *runs, const char *name, struct rn_err *);

bool rn_target_is_file(const struct rn_cli *); /* argument 0 names a pipeline file, not a run */

/* What the command line says about planning and running: whichever of these options (options.h) the
 * command has. RN_EUSAGE, with nothing to release. */
int rn_target_how(struct rn_run_how *, const struct rn_cli *, struct rn_err *);
void rn_target_how_release(struct rn_run_how *);
/* --device, or the one of --gpus; NULL: neither is given. */
const char *rn_target_device(const struct rn_cli *);
/* --gpus, 0 where it is not given. RN_EUSAGE: no number, or with a device that is no GPU. */
int rn_target_gpus(int *, const struct rn_cli *, struct rn_err *);
/* --threads, or what the machine and OMP_NUM_THREADS give. */
int rn_target_threads(int *, const struct rn_cli *, struct rn_err *);

#endif
