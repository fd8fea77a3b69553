#include "planning.h"

#include "arrivals.h"
#include "path.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

/* --- inputs --- */

/* Selections of a trained model: `base.best` is an output, `base.step_005000` a checkpoint. */
static int select_output(struct rn_plan *plan, const struct rn_edge *edge,
                         const struct rn_artifact **out, struct rn_err *err)
{
    struct rn_planned *producer = &plan->nodes[edge->producer];
    const struct rn_pstage *s = &plan->p->stages[edge->producer];
    const char *name = edge->ref->output && s->stage->trains ? edge->ref->output : edge->output;
    if ((*out = rn_stored_output(producer->entry, name)))
        return RN_OK;
    if (!s->stage->trains || !rn_starts_with(name, "step_"))
        return rn_fail(err, RN_ECONFIG, edge->ref->at, "stage '%s' made no output '%s'", s->name,
                       name);
    const char *progress = rn_json_str(producer->entry->manifest, "progress", "");
    char *work = rn_store_path(plan->store, s->stage->kind, progress, ".work");
    char *dir = rn_join(work, name);
    int64_t step;
    int rc = rn_checkpoint_load(&plan->arena, dir, progress, false, out, &step, err);
    if (rc != RN_OK && err)
        rn_hint(err, "runnel checkpoints %s lists what there is", plan->p->tag);
    free(dir);
    free(work);
    return rc;
}

/* What a producer that is still at work announced, if that is all the edge asks for. */
static const struct rn_artifact *take_arrived(struct rn_plan *plan, const struct rn_edge *edge)
{
    const struct rn_pstage *s = &plan->p->stages[edge->producer];
    const struct rn_arrivals *arrivals = plan->nodes[edge->producer].arrivals;
    for (size_t i = 0; arrivals && i < s->n_outputs; i++)
        if (strcmp(s->outputs[i].name, edge->output) == 0)
            return rn_arrivals_artifact(arrivals, s->outputs[i].kind, edge, &plan->arena);
    return NULL;
}

static int take_input(struct rn_plan *plan, size_t stage, size_t e, struct rn_err *err)
{
    const struct rn_edge *edge = &plan->p->stages[stage].edges[e];
    const struct rn_artifact *whole;
    if (!plan->nodes[edge->producer].entry) {
        plan->nodes[stage].inputs[e] = take_arrived(plan, edge);
        return RN_OK;
    }
    RN_TRY(select_output(plan, edge, &whole, err));
    return rn_artifact_slice(&plan->arena, whole, edge->ref, &plan->nodes[stage].inputs[e], err);
}

/* Resolves all inputs that exist; *missing is a producer without outputs, or n_stages. */
int rn_plan_take_inputs(struct rn_plan *plan, size_t stage, size_t *missing, struct rn_err *err)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    *missing = plan->p->n_stages;
    for (size_t e = 0; e < s->n_edges; e++) {
        plan->nodes[stage].inputs[e] = NULL;
        RN_TRY(take_input(plan, stage, e, err));
        if (!plan->nodes[stage].inputs[e] && !s->edges[e].neutral && *missing == plan->p->n_stages)
            *missing = s->edges[e].producer;
    }
    return RN_OK;
}

/* --- keys --- */

static struct rn_seen look_at_lock(const struct rn_plan *plan)
{
    struct rn_seen now = {0};
    rn_seen_look(&now, plan->lock_path);
    return now;
}

int rn_plan_make_keys(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    json_t *fingerprint = json_object(), *inputs = json_object();
    struct rn_runner runner = {.plan = plan, .stage = stage};
    struct rn_job job = rn_plan_job(plan, &runner);
    int rc = RN_OK;
    n->lock = look_at_lock(plan);
    if (s->stage->fingerprint)
        rc = s->stage->fingerprint(&job, s->cfg, fingerprint, err);
    for (size_t e = 0; e < s->n_edges; e++)
        if (!s->edges[e].neutral)
            json_object_set_new(inputs, s->edges[e].key, json_string(n->inputs[e]->digest));
    rn_keys_release(&n->keys);
    if (rc == RN_OK)
        rn_keys_make(&n->keys, s, inputs, fingerprint);
    n->keyed = rc == RN_OK;
    json_decref(fingerprint);
    json_decref(inputs);
    return rc;
}

/* True if everything in `old` is in `now` too. */
static bool only_added(json_t *old, json_t *now)
{
    const char *key;
    json_t *value;
    if (!json_is_object(old) || !json_is_object(now))
        return json_equal(old, now);
    json_object_foreach(old, key,
                        value) if (!json_object_get(now, key) ||
                                   !only_added(value, json_object_get(now, key))) return false;
    return true;
}

/* Nothing but a pin is ever added. */
int rn_plan_rekey(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    struct rn_planned *n = &plan->nodes[stage];
    struct rn_keys before = n->keys;
    struct rn_seen lock = look_at_lock(plan);
    if (!plan->p->stages[stage].stage->fingerprint || rn_seen_same(&lock, &n->lock))
        return RN_OK;
    n->keys = (struct rn_keys){0};
    int rc = rn_plan_make_keys(plan, stage, err);
    if (rc == RN_OK && only_added(before.doc, n->keys.doc)) {
        rn_keys_release(&before);
        return RN_OK;
    }
    rn_keys_release(&n->keys);
    n->keys = before;
    n->keyed = true;
    return rc;
}

static int take_keys(struct rn_planned *n, const struct rn_stored *entry, struct rn_err *err)
{
    struct rn_keys keys;
    RN_TRY(rn_stored_keys(entry, &keys, err));
    if (!only_added(n->keys.doc, keys.doc)) {
        rn_keys_release(&keys);
        rn_hint(err, "the same command makes it anew from what is there now");
        return rn_fail(err, RN_ESTAGE, RN_PATH(entry->dir),
                       "what the stage was made from changed meanwhile");
    }
    rn_keys_release(&n->keys);
    n->keys = keys;
    return RN_OK;
}

int rn_plan_take_outputs(struct rn_plan *plan, size_t stage, const char *out_key,
                         struct rn_err *err)
{
    struct rn_planned *n = &plan->nodes[stage];
    const char *kind = plan->p->stages[stage].stage->kind;
    RN_TRY(rn_store_load(&n->entry, plan->store, kind, out_key, RN_VERIFY_NONE, err));
    if (!n->entry)
        return rn_fail(err, RN_ESTAGE, RN_NOWHERE, "the stage ended without publishing %s-%.16s",
                       kind, out_key);
    int rc = take_keys(n, n->entry, err);
    if (rc != RN_OK) {
        rn_stored_free(n->entry);
        n->entry = NULL;
    }
    return rc;
}
