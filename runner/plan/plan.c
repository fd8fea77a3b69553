#include "planning.h"

#include "arrivals.h"
#include "gate_check.h"
#include "metrics.h"
#include "path.h"
#include "runs.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the plan --- */

/* pipelines/smoke.yaml -> pipelines/smoke.lock, or in the run's directory where that cannot be. */
static const char *choose_lock_path(struct rn_plan *plan)
{
    const char *base = rn_basename(plan->p->path), *dot = strrchr(base, '.');
    int n = dot && dot != base ? (int)(dot - base) : (int)strlen(base);
    if (access(plan->p->dir, W_OK) == 0)
        return rn_arena_printf(&plan->arena, "%s/%.*s.lock", plan->p->dir, n, base);
    return rn_arena_printf(&plan->arena, "%s/%.*s.lock", plan->run_dir, n, base);
}

struct rn_memo *rn_plan_memo(const struct rn_run_how *how)
{
    char *path = rn_join(how->runs, ".memo");
    struct rn_memo *memo = rn_memo_open(path);
    if (how->verify == RN_VERIFY_HASH)
        rn_memo_distrust(memo);
    free(path);
    return memo;
}

int rn_plan_init(struct rn_plan *plan, const struct rn_pipeline *p, const struct rn_run_how *how,
                 struct rn_err *err)
{
    *plan = (struct rn_plan){.p = p, .how = how};
    RN_TRY(rn_plan_check_options(p, how, err));
    plan->run_dir = rn_arena_printf(&plan->arena, "%s/%s", how->runs, p->tag);
    plan->store = rn_arena_printf(&plan->arena, "%s/.store", how->runs);
    plan->lock_path = choose_lock_path(plan);
    plan->memo = how->memo ? how->memo : rn_plan_memo(how);
    plan->history = how->history ? how->history : rn_history_new(how->runs);
    plan->nodes = rn_xalloc((p->n_stages + 1) * sizeof *plan->nodes);
    for (size_t i = 0; i < p->n_stages; i++)
        plan->nodes[i].inputs = rn_arena_alloc(&plan->arena, (p->stages[i].n_edges + 1) *
                                                                 sizeof *plan->nodes[i].inputs);
    return RN_OK;
}

void rn_plan_release(struct rn_plan *plan)
{
    for (size_t i = 0; plan->nodes && i < plan->p->n_stages; i++) {
        rn_keys_release(&plan->nodes[i].keys);
        rn_keydiff_release(&plan->nodes[i].diff);
        rn_stored_free(plan->nodes[i].entry);
        rn_arrivals_free(plan->nodes[i].arrivals);
    }
    free(plan->nodes);
    if (plan->how && !plan->how->history)
        rn_history_free(plan->history);
    if (plan->how && !plan->how->memo)
        rn_memo_free(plan->memo);
    json_decref(plan->journal);
    rn_arena_release(&plan->arena);
    *plan = (struct rn_plan){0};
}

/* --- deciding --- */

/* What `verify` asks for beside sizes; drops an entry that is damaged. */
static int check_digests(const struct rn_plan *plan, struct rn_stored **entry, struct rn_err *err)
{
    int rc = RN_OK;
    if (*entry && plan->how->verify != RN_VERIFY_SIZE)
        rc = rn_stored_verify(*entry, plan->memo, err);
    if (rc != RN_OK) {
        rn_stored_free(*entry);
        *entry = NULL;
    }
    return rc;
}

static bool needed_later(const struct rn_plan *plan, size_t stage)
{
    for (size_t i = stage + 1; i < plan->p->n_stages; i++) {
        const struct rn_pstage *s = &plan->p->stages[i];
        for (size_t e = 0; e < s->n_edges; e++)
            if (s->edges[e].producer == stage && !s->edges[e].neutral &&
                (rn_plan_before_range(plan, i) ? needed_later(plan, i)
                                               : !rn_plan_after_range(plan, i)))
                return true;
    }
    return false;
}

static bool load_dir(const struct rn_plan *plan, const char *dir, struct rn_stored **entry)
{
    return rn_store_load_dir(entry, dir, RN_VERIFY_SIZE, NULL) == RN_OK &&
           check_digests(plan, entry, NULL) == RN_OK;
}

/* A stage before --from whose outputs are not what the pipeline asks for. */
static void decide_stale(struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    const char *why = rn_arena_dup(&plan->arena, n->reason);
    n->consent = n->stuck = false;
    if (!needed_later(plan, stage)) {
        rn_plan_say(n, RN_ACT_SKIP, "not asked for");
        return;
    }
    char *dir = plan->how->accept_stale
                    ? rn_runs_link(plan->how->runs, plan->p->tag, plan->p->name, s->name)
                    : NULL;
    if (dir && load_dir(plan, dir, &n->entry)) {
        n->stale = true;
        rn_plan_say(n, RN_ACT_KEEP, "stale, accepted (%s): %s", n->entry->name, why);
    } else {
        rn_plan_say(n, RN_ACT_BLOCKED,
                    "is needed and not up to date (%s), and --%s keeps it from running", why,
                    plan->how->only ? "only" : "from");
    }
    free(dir);
}

static void decide_kept(struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    struct rn_err gate = {0};
    char *path = rn_xprintf("%s/metrics/%s.jsonl", plan->run_dir, s->name);
    if (rn_gates_check(s, rn_stored_metrics(n->entry), path, &gate) == RN_OK) {
        rn_plan_tell_kept(n);
    } else {
        n->gated = true;
        rn_plan_say(n, RN_ACT_BLOCKED, "%s", gate.msg);
    }
    free(path);
}

/* Whether --resume-from means this stage: the one that --only or --from names, else the first that
 * trains and has work to do. */
static bool takes_resume(const struct rn_plan *plan, size_t stage)
{
    const struct rn_run_how *how = plan->how;
    const char *named = how->only ? how->only : how->from;
    if (plan->nodes[stage].begun)
        return plan->nodes[stage].resume_named;
    if (!how->resume_from || !plan->p->stages[stage].stage->trains)
        return false;
    for (size_t i = 0; i < stage; i++)
        if (plan->nodes[i].resume_named)
            return false;
    return named ? strcmp(named, plan->p->stages[stage].name) == 0 : !plan->nodes[stage].entry;
}

/* Not in the store, or not whole, or not wanted: from a checkpoint or from the start. */
static int decide_work(struct rn_plan *plan, size_t stage, bool forced, const char *damage,
                       struct rn_err *err)
{
    struct rn_planned *n = &plan->nodes[stage];
    if (plan->no_costs) {
        rn_plan_say(n, RN_ACT_RUN, "ordered");
        return RN_OK;
    }
    RN_TRY(rn_plan_ask_cost(plan, stage, err));
    rn_plan_expect_time(plan, stage);
    if (forced && !n->begun) {
        n->cost.resume_step = -1;
        n->cost.resume_key = NULL;
        rn_plan_say(n, RN_ACT_RUN, "forced");
        rn_plan_weigh(plan, stage, true);
    } else if (n->resume_named && !n->begun) {
        rn_plan_say(n, RN_ACT_RESUME, "continued from %s", plan->how->resume_from);
    } else if (n->cost.resume_step >= 0) {
        rn_plan_tell_resumed(plan, stage);
    } else if (*n->cost.stuck) {
        n->stuck = true;
        rn_plan_say(n, RN_ACT_BLOCKED, "cannot continue: %s; --force %s begins it anew",
                    n->cost.stuck, plan->p->stages[stage].name);
    } else if (damage) {
        rn_plan_say(n, RN_ACT_RUN, "output damaged: %s", damage);
    } else {
        rn_plan_tell_why(plan, stage);
        rn_plan_weigh(plan, stage, false);
    }
    return RN_OK;
}

/* A path of the store as people know it: "sft-0123456789abcdef/model/model.safetensors". */
static const char *below(const char *dir, const char *path)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static int decide_known(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    bool forced = rn_in_list(plan->how->force, s->name);
    struct rn_err damage = {0};
    int rc =
        rn_store_load(&n->entry, plan->store, s->stage->kind, n->keys.out, RN_VERIFY_SIZE, &damage);
    if (rc == RN_OK)
        rc = check_digests(plan, &n->entry, &damage);
    if (rc != RN_OK && rc != RN_ECORRUPT)
        return rn_fail_as(err, &damage); /* of the machine, says nothing about the entry */
    n->damaged = rc != RN_OK;
    n->resume_named = takes_resume(plan, stage);
    if (n->entry && !forced && !n->resume_named) {
        decide_kept(plan, stage);
        return RN_OK;
    }
    rn_stored_free(n->entry);
    n->entry = NULL;
    const char *what =
        rn_arena_printf(&plan->arena, "%s %s", below(plan->store, damage.path), damage.msg);
    return decide_work(plan, stage, forced, n->damaged ? what : NULL, err);
}

static void decide_unknown(struct rn_plan *plan, size_t stage, size_t producer)
{
    struct rn_planned *n = &plan->nodes[stage];
    const struct rn_planned *before = &plan->nodes[producer];
    if (!plan->no_costs)
        rn_plan_ask_cost(plan, stage, NULL); /* without inputs it may not know: no error here */
    n->cost.resume_step = -1;
    if (!plan->no_costs)
        rn_plan_expect_time(plan, stage);
    if (before->action == RN_ACT_BLOCKED || before->action == RN_ACT_SKIP)
        rn_plan_say(n, RN_ACT_BLOCKED, "needs %s", plan->p->stages[producer].name);
    else
        rn_plan_say(n, RN_ACT_RUN, "after %s", plan->p->stages[producer].name);
}

/* A gate that is not met upstream ends the run before this stage, though inputs exist. */
static size_t gated_before(const struct rn_plan *plan, size_t stage)
{
    size_t i = 0;
    while (i < stage && (!plan->nodes[i].gated || plan->how->keep_going))
        i++;
    return i;
}

int rn_plan_decide(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    struct rn_planned *n = &plan->nodes[stage];
    size_t missing, gate = gated_before(plan, stage);
    n->stuck = false;
    if (!plan->journal)
        plan->journal = rn_runs_journal(plan->how->runs, plan->p->tag);
    if (rn_plan_after_range(plan, stage)) {
        rn_plan_say(n, RN_ACT_SKIP, "not asked for");
        return RN_OK;
    }
    RN_TRY(rn_plan_take_inputs(plan, stage, &missing, err));
    if (missing == plan->p->n_stages) {
        RN_TRY(rn_plan_make_keys(plan, stage, err));
        RN_TRY(decide_known(plan, stage, err));
    } else {
        decide_unknown(plan, stage, missing);
    }
    bool idle = n->action != RN_ACT_KEEP && !n->gated;
    if (idle && rn_plan_before_range(plan, stage))
        decide_stale(plan, stage);
    else if (idle && gate < stage && n->action != RN_ACT_BLOCKED)
        rn_plan_say(n, RN_ACT_BLOCKED, "after the gate of %s", plan->p->stages[gate].name);
    if (n->action != RN_ACT_RUN)
        n->consent = false;
    return RN_OK;
}
