/* import_log.h - a run directory made from another program's training logs.
 *
 *     struct rn_import i;
 *     RN_TRY(rn_import_read(&i, paths, n, err));          in the order in which they were written
 *     RN_TRY(rn_import_write(&i, "runs/my-gpt2", err));   so that report, metrics, compare work
 *     rn_import_release(&i);
 *
 * A log may hold several trainings, one after the other (nanochat, whole): a new one begins where
 * the length of the training changes and steps start over. What a resumed training says again
 * replaces what it said before. Logs have no clock: times are added up from step times and end when
 * the last file was written. */
#ifndef RN_IMPORT_LOG_H
#define RN_IMPORT_LOG_H

#include "json.h"
#include "str.h"

struct rn_import_stage {
    const char *name;           /* base, mid, sft, stage4, ... */
    struct rn_str lines;        /* as in metrics/<stage>.jsonl, with times from 0 */
    int64_t first, last, total; /* steps; total 0: not said */
    double time_s;
    size_t n_steps, n_resumed; /* lines of training; times that it went back */
};
struct rn_import {
    struct rn_import_stage *stages;
    size_t n, cap;
    size_t n_lines, n_broken; /* read; looked like steps and could not be read */
    double ended_s;           /* when the last file was written, since 1970 */
    json_t *sources;          /* paths */
};

/* RN_EIO; RN_ECORRUPT if not a single step was found. */
int rn_import_read(struct rn_import *, const char *const *paths, size_t n, struct rn_err *);
/* RN_EUSAGE if there is a run in run_dir. The journal is last but for the CSV made from it all. */
int rn_import_write(const struct rn_import *, const char *run_dir, struct rn_err *);
void rn_import_release(struct rn_import *);

#endif
