/* eval_core.h - CORE: the mean of 22 tasks, each measured from the level of guessing.
 *
 *     struct rn_core c;
 *     RN_TRY(rn_core_open(&c, "eval_bundle", err));
 *     struct rn_core_result r;
 *     RN_TRY(rn_core_score(&c, run, &r, err));               r.core, r.tasks[i].accuracy
 *     RN_TRY(rn_core_write_csv(&c, &r, "core.csv", err));
 *     rn_core_result_release(&r);
 *     rn_core_release(&c);
 *
 *     centered    (accuracy - baseline) / (1 - baseline)
 *     core        mean over all tasks of core.yaml, with the bundle's baselines
 *     core_v2     the same with the three baselines that DCLM corrected in September 2025
 *
 * By nanochat's protocol (numbers by other protocols on the same files differ by points). A task
 * whose data is missing is an error, never left out of a mean. */
#ifndef RN_EVAL_CORE_H
#define RN_EVAL_CORE_H

#include "core_bundle.h"
#include "eval_given.h"

struct rn_core_task_result {
    double accuracy, centered, centered_v2;
    struct rn_given_result found;
};
struct rn_core_result {
    struct rn_core_task_result *tasks; /* as in rn_core.tasks */
    double core, core_v2;
};
/* With the run's scorer, tokenizer and limits; questions go to its report. Release in any case. */
int rn_core_score(const struct rn_core *, const struct rn_eval_run *, struct rn_core_result *,
                  struct rn_err *);
void rn_core_result_release(struct rn_core_result *);
/* nanochat's table: Task, Accuracy, Centered; the last row is CORE. */
int rn_core_write_csv(const struct rn_core *, const struct rn_core_result *, const char *path,
                      struct rn_err *);

#endif
