#include "planning.h"

#include "journal.h"
#include "runs.h"
#include "str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CONSENT_ABOVE_S = 30 * 60;

int rn_plan_ask_cost(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    const struct rn_stage *kind = plan->p->stages[stage].stage;
    struct rn_planned *n = &plan->nodes[stage];
    struct rn_runner runner = {.plan = plan, .stage = stage};
    struct rn_job job = rn_plan_job(plan, &runner);
    if (kind->trains && n->keyed)
        job.n_earlier =
            rn_history_earlier(plan->history, &plan->arena, kind->kind, n->keys.doc, &job.earlier);
    n->cost = (struct rn_estimate){.resume_step = -1};
    return kind->estimate ? kind->estimate(&job, plan->p->stages[stage].cfg, &n->cost, err) : RN_OK;
}

size_t rn_plan_earlier(struct rn_plan *plan, size_t stage, struct rn_earlier *earlier)
{
    const struct rn_planned *n = &plan->nodes[stage];
    if (n->action != RN_ACT_RESUME || !n->cost.resume_key)
        return 0;
    char *dir =
        rn_store_path(plan->store, plan->p->stages[stage].stage->kind, n->cost.resume_key, ".work");
    *earlier = (struct rn_earlier){n->cost.resume_key, rn_arena_dup(&plan->arena, dir)};
    free(dir);
    return 1;
}

/* --- time --- */

/* How much there is to do, in a unit in which two runs of a kind can be compared; trainings of any
 * kind compare in FLOPs. */
struct amount {
    const char *unit;
    double all, left; /* left: behind the checkpoint that is continued */
};

/* 0 while one of them does not exist: a part of them is no measure of the work. */
static double input_bytes(const struct rn_plan *plan, size_t stage)
{
    double bytes = 0;
    const struct rn_planned *n = &plan->nodes[stage];
    for (size_t e = 0; e < plan->p->stages[stage].n_edges; e++) {
        if (!n->inputs[e])
            return 0;
        for (size_t f = 0; f < n->inputs[e]->n_files; f++)
            bytes += (double)n->inputs[e]->files[f].size_bytes;
    }
    return bytes;
}

static struct amount amount_of(const struct rn_plan *plan, size_t stage)
{
    const struct rn_estimate *c = &plan->nodes[stage].cost;
    struct amount a = {"flops", c->flops, 0};
    if (!(a.all > 0))
        a = (struct amount){"steps", (double)c->steps, 0};
    if (!(a.all > 0))
        a = (struct amount){"bytes", input_bytes(plan, stage), 0};
    if (!(a.all > 0) && plan->p->stages[stage].n_edges == 0)
        a = (struct amount){"bytes", c->disk_bytes, 0};
    double done =
        c->steps > 0 && c->resume_step > 0 ? (double)c->resume_step / (double)c->steps : 0;
    a.left = a.all * (1 - (done < 1 ? done : 1));
    return a;
}

void rn_plan_note_work(const struct rn_plan *plan, size_t stage, json_t *record)
{
    struct amount a = amount_of(plan, stage);
    json_object_set_new(record, "work", json_real(a.left));
    json_object_set_new(record, "work_unit", json_string(a.unit));
}

/* The record that is closest in work so far, and how far it is: |log| of the ratio. */
struct closest {
    const char *kind, *device;
    struct amount wanted;
    int ranks;
    double distance, time_s;
    bool other_ranks; /* it was made by more of them, or fewer */
};

static bool is_training(const struct closest *c)
{
    return strcmp(c->wanted.unit, "flops") == 0;
}

/* ranks: of the run that the record is of. */
static void look_at(struct closest *c, const json_t *record, int ranks)
{
    enum { FARTHEST = 100 };
    double work = rn_json_real(record, "work", 0), wall_s = rn_json_real(record, "wall_s", 0);
    bool same_kind = strcmp(rn_json_str(record, "kind", ""), c->kind) == 0;
    bool same_unit = strcmp(rn_json_str(record, "work_unit", ""), c->wanted.unit) == 0;
    if (!same_unit || !(work > 0) || !(same_kind || is_training(c)))
        return;
    bool other_ranks = is_training(c) && ranks != c->ranks;
    double ratio = c->wanted.left / work;
    double distance = fabs(log(ratio)) + (same_kind ? 0 : 1) + (other_ranks ? 1 : 0);
    if (ratio > 0 && ratio <= FARTHEST && distance < c->distance) {
        c->distance = distance;
        c->time_s = wall_s * ratio * (other_ranks ? (double)ranks / c->ranks : 1);
        c->other_ranks = other_ranks;
    }
}

/* Newest first, so that of equally close ones the newest counts. */
static void look_through(struct closest *c, const json_t *journal)
{
    for (size_t i = json_array_size(journal), end = i; i-- > 0;) {
        if (strcmp(rn_json_str(json_array_get(journal, i), "event", ""), "run") != 0)
            continue;
        const json_t *run = json_array_get(journal, i);
        const char *device = rn_json_str(run, "device", "");
        for (size_t k = end; strcmp(device, c->device) == 0 && k-- > i;)
            if (strcmp(rn_json_str(json_array_get(journal, k), "event", ""), "done") == 0)
                look_at(c, json_array_get(journal, k), (int)rn_json_int(run, "ranks", 1));
        end = i;
    }
}

/* Of the same amount of work in two runs; steps say that only beside a model. */
static bool is_comparable(const struct amount *a)
{
    return a->left > 0 && strcmp(a->unit, "steps") != 0;
}

/* What the pipeline's stage of this name took last, by its steps where both are known: a guess for
 * where nothing says how much there is to do. */
static double time_of_last(struct rn_plan *plan, size_t stage, const struct amount *wanted)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    for (size_t i = 0; i < rn_history_n(plan->history); i++) {
        if (!rn_history_is_of(plan->history, i, plan->p->name, plan->p->profile))
            continue;
        const json_t *last = rn_journal_last(rn_history_journal(plan->history, i), s->name, "done");
        if (!last || strcmp(rn_json_str(last, "kind", ""), s->stage->kind) != 0)
            continue;
        double steps = (double)rn_json_int(last, "steps", 0);
        double ratio = wanted->left > 0 && steps > 0 ? wanted->left / steps : 1;
        return rn_json_real(last, "wall_s", 0) * ratio;
    }
    return 0;
}

/* Measured on two cores with 961 tok/s of a 6-layer nanochat; smaller models are slower. */
static double guessed_flops_per_s(const struct rn_run_how *how)
{
    static const double CPU_THREAD = 4e10, GPU = 1e14;
    double of_rank = strcmp(how->device, "cpu") == 0 ? CPU_THREAD * how->threads : GPU;
    return of_rank * rn_plan_ranks(how);
}

int rn_plan_ranks(const struct rn_run_how *how)
{
    return how->gpus > 0 ? how->gpus : how->world > 0 ? how->world : 1;
}

void rn_plan_expect_time(struct rn_plan *plan, size_t stage)
{
    struct rn_planned *n = &plan->nodes[stage];
    struct closest c = {.kind = plan->p->stages[stage].stage->kind,
                        .device = plan->how->device,
                        .wanted = amount_of(plan, stage),
                        .ranks = rn_plan_ranks(plan->how),
                        .distance = INFINITY};
    n->time_guessed = !is_comparable(&c.wanted);
    n->time_s = n->time_guessed ? time_of_last(plan, stage, &c.wanted) : 0;
    if (n->time_guessed)
        return;
    for (size_t i = 0; i < rn_history_n(plan->history); i++)
        look_through(&c, rn_history_journal(plan->history, i));
    n->time_s = c.time_s;
    n->time_guessed = c.other_ranks;
    if (isinf(c.distance) && is_training(&c)) {
        n->time_s = c.wanted.left / guessed_flops_per_s(plan->how);
        n->time_guessed = true;
    }
}

/* --- consent --- */

/* Bytes that this tag's outputs were not made of. */
static const struct rn_change *other_data(const struct rn_plan *plan, size_t stage)
{
    const struct rn_planned *n = &plan->nodes[stage];
    if (!rn_journal_last(plan->journal, plan->p->stages[stage].name, RN_EVENTS_OF_RESULT))
        return NULL;
    for (size_t i = 0; i < n->diff.n; i++)
        if (n->diff.changes[i].kind == RN_CHANGE_CONTENT)
            return &n->diff.changes[i];
    return NULL;
}

/* Progress key of the work that a run from the start would not use: of the stage itself, of what
 * this tag did before, or of the shorter training that cannot be continued. "" if there is none. */
static const char *put_aside(const struct rn_plan *plan, size_t stage, bool forced)
{
    const struct rn_planned *n = &plan->nodes[stage];
    const json_t *last = rn_journal_last(plan->journal, plan->p->stages[stage].name,
                                         "done|kept|adopted|interrupted|failed");
    const char *progress = rn_json_str(last, "progress", "");
    if (forced)
        return n->keys.progress;
    if (!last && n->cost.restart_key)
        return n->cost.restart_key;
    return strcmp(progress, n->keys.progress) == 0 ? "" : progress;
}

void rn_plan_weigh(struct rn_plan *plan, size_t stage, bool forced)
{
    struct rn_planned *n = &plan->nodes[stage];
    const char *name = plan->p->stages[stage].name;
    const char *progress = put_aside(plan, stage, forced);
    const struct rn_change *data = forced ? NULL : other_data(plan, stage);
    char text[160], spent[32];
    n->spent_s = *progress ? rn_runs_spent(plan->how->runs, progress) : 0;
    if (n->spent_s > CONSENT_ABOVE_S) {
        n->consent_for =
            rn_arena_printf(&plan->arena, "puts %s of work aside", rn_show_time(spent, n->spent_s));
    } else if (data) {
        rn_change_tell(data, NULL, name, text, sizeof text);
        n->consent_for =
            rn_arena_printf(&plan->arena, "gives the tag other data than it had: %s", text);
    }
    n->consent = n->consent_for && !rn_in_list(plan->how->yes, name);
}
