/* ChatCORE: the mean of nanochat's chat tasks, each measured from the level of guessing. Those that
 * were not measured yet are measured first; none may be missing. */
#include "evals.h"
#include "mem.h"

#include <math.h>

static const struct {
    const char *task, *id;
    double guessing;
} parts[] = {{"arc-easy", "arc_easy", 0.25},
             {"arc-challenge", "arc_challenge", 0.25},
             {"mmlu", "mmlu", 0.25},
             {"gsm8k", "gsm8k", 0},
             {"humaneval", "humaneval", 0}};

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    double sum = 0;
    for (size_t i = 0; i < RN_COUNT(parts); i++) {
        RN_TRY(rn_eval_measure(r, rn_eval_find(parts[i].task), err));
        double found = rn_eval_value(r->report, parts[i].id), level = parts[i].guessing;
        sum += (found - level) / (1 - level);
    }
    rn_eval_metric(r->report, "chatcore", sum / (double)RN_COUNT(parts), NAN);
    return RN_OK;
}

const struct rn_eval_task rn_eval_task_chatcore = {
    .protocol = "nanochat, five tasks",
    .version = 1,
    .inputs = RN_EVAL_IN(arc_easy) | RN_EVAL_IN(arc_challenge) | RN_EVAL_IN(mmlu) |
              RN_EVAL_IN(gsm8k) | RN_EVAL_IN(humaneval),
    .runs_code = true,
    .run = run};
