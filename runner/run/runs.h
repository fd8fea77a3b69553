/* runs.h - the runs of a runs directory: finding one, asking all of them.
 *
 *     RN_TRY(rn_runs_find(runs, "smoke-1a2b3c4d", &dir, err));
 *
 * Everything here only reads. */
#ifndef RN_RUNS_H
#define RN_RUNS_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Directory of the run that `arg` (a tag or a folder) names; caller frees. RN_EUSAGE if there is
 * none, with a hint. */
int rn_runs_find(const char *runs, const char *arg, char **dir, struct rn_err *err);

/* Whether the run of tag `a` wrote into its journal after that of tag `b`, or is the only one. */
bool rn_runs_is_newer(const char *runs, const char *a, const char *b);

/* RN_EIO: the runs directory is there and cannot be listed, which is not the same as no runs. */
int rn_runs_check(const char *runs, struct rn_err *);
/* Tags of all runs that have a journal, by name: NULL-ended; free with rn_runs_free_tags. */
char **rn_runs_tags(const char *runs);
void rn_runs_free_tags(char **tags);

/* Records of runs/<tag>/journal.jsonl: a new array. */
json_t *rn_runs_journal(const char *runs, const char *tag);

/* Seconds that a stage whose newest record is `started` worked, as far as its numbers reach: what a
 * killed attempt cost. -1: the stage's last attempt has an end. */
double rn_runs_killed_after(const char *run_dir, const json_t *records, const char *stage);

/* Seconds of work that all runs together recorded for a progress key, killed attempts included. */
double rn_runs_spent(const char *runs, const char *progress);

/* A run that worked on `progress` and has a metrics file for it, other than `but_tag`: path of that
 * file, caller frees; NULL if there is none. */
char *rn_runs_metrics_of(const char *runs, const char *progress, const char *but_tag);

/* Where stages/<stage> of the newest run of the pipeline `name` (tag `first` before all) points to:
 * a store directory, caller frees; NULL if there is none. */
char *rn_runs_link(const char *runs, const char *first, const char *name, const char *stage);

#endif
