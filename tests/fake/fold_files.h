/* tests/fake/fold_files.h - the files of a stage that plays training by folding a text, step by
 * step: checkpoints as the store and the runner read them, and the model.
 *
 *     char state[RN_HEX] = "start";
 *     int64_t offset = 0, step = fold_newest(job, steps, state, &offset);
 *     RN_TRY(rn_job_metrics_cut(job, offset, err));
 *     ...
 *     RN_TRY(fold_save(job, step, state, err));
 *     return fold_write_model(job, state, err); */
#ifndef FOLD_FILES_H
#define FOLD_FILES_H

#include "hash.h"
#include "stage.h"

/* The newest checkpoint up to `steps`: its step, state and place in the numbers; -1 without one,
 * and both stay. */
int64_t fold_newest(const struct rn_job *, int64_t steps, char state[RN_HEX], int64_t *offset);
int fold_save(struct rn_job *, int64_t step, const char *state, struct rn_err *);
int fold_write_model(struct rn_job *, const char *state, struct rn_err *);

#endif
