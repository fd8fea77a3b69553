#include "planning.h"

#include "journal.h"
#include "runs.h"

#include <string.h>

static const double CONSENT_ABOVE_S = 30 * 60;

int rn_plan_ask_cost(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    const struct rn_stage *kind = plan->p->stages[stage].stage;
    struct rn_planned *n = &plan->nodes[stage];
    struct rn_runner runner = {.plan = plan, .stage = stage};
    struct rn_job job = rn_plan_job(plan, &runner);
    n->cost = (struct rn_estimate){.resume_step = -1};
    return kind->estimate ? kind->estimate(&job, plan->p->stages[stage].cfg, &n->cost, err) : RN_OK;
}

/* What the stage took last time in this run, scaled by steps where both are known. */
double rn_plan_expected_time(const struct rn_plan *plan, size_t stage)
{
    const struct rn_planned *n = &plan->nodes[stage];
    const json_t *last = rn_journal_last(plan->journal, plan->p->stages[stage].name, "done");
    double wall_s = rn_json_real(last, "wall_s", 0);
    int64_t steps = rn_json_int(last, "steps", 0);
    if (steps <= 0 || n->cost.steps <= 0)
        return wall_s;
    int64_t from = n->cost.resume_step > 0 ? n->cost.resume_step : 0;
    return wall_s * (double)(n->cost.steps - from) / (double)steps;
}

/* Costly work that a run from the start would not use: the stage's own, or, where its key changed
 * under an unchanged tag, what this run did before. */
void rn_plan_weigh(struct rn_plan *plan, size_t stage, bool forced)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    const json_t *last = rn_journal_last(plan->journal, s->name, "done|kept|interrupted|failed");
    const char *progress = forced ? n->keys.progress : rn_json_str(last, "progress", "");
    if (!*progress || (!forced && strcmp(progress, n->keys.progress) == 0))
        return;
    n->spent_s = rn_runs_spent(plan->how->runs, progress);
    n->consent = n->spent_s > CONSENT_ABOVE_S && !rn_in_list(plan->how->yes, s->name);
}
