/* model/eval_core.h - CORE: the mean of 22 tasks, each measured from the level of guessing.
 *
 *     struct rn_core c;
 *     RN_TRY(rn_core_open(&c, "eval_bundle", err));
 *     struct rn_core_run run = {.tokenizer = tok, .scorer = scorer, .max_per_task = 500};
 *     struct rn_core_result r = {0};
 *     RN_TRY(rn_core_score(&c, &run, &r, err));              r.core, r.tasks[i].accuracy
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

struct rn_core_run {
    const struct rn_tokenizer *tokenizer;
    struct rn_scorer *scorer;
    int64_t max_per_task; /* < 0: all */
    int64_t max_len;      /* prompts are cut to their last max_len tokens; 0: never */
    /* What became of a question; may be NULL. `spans` are its prompts. */
    void (*each)(void *ctx, const char *task, int64_t row, size_t gold, const struct rn_span *spans,
                 size_t n, bool right);
    /* Told after every few questions; false stops with RN_ESTOPPED. May be NULL. */
    bool (*progress)(void *ctx, const char *task, size_t done, size_t all);
    void *ctx;
};
struct rn_core_task_result {
    double accuracy, centered, centered_v2;
    size_t items, right;
    size_t cut; /* prompts that were longer than max_len */
};
struct rn_core_result {
    struct rn_core_task_result *tasks; /* as in rn_core.tasks */
    double core, core_v2;
};
int rn_core_score(const struct rn_core *, const struct rn_core_run *, struct rn_core_result *,
                  struct rn_err *);
void rn_core_result_release(struct rn_core_result *);
/* nanochat's table: Task, Accuracy, Centered; the last row is CORE. */
int rn_core_write_csv(const struct rn_core *, const struct rn_core_result *, const char *path,
                      struct rn_err *);

#endif
