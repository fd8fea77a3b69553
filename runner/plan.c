#include "plan.h"

#include "file.h"
#include "gate_check.h"
#include "journal.h"
#include "metrics.h"
#include "progress.h"
#include "runs.h"
#include "signals.h"
#include "str.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double CONSENT_ABOVE_S = 30 * 60;
enum { TELLING_DIFFS = 3, CANDIDATES_MAX = 2000 };

bool rn_in_list(const char *const *list, const char *word)
{
    for (; list && *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

/* --- options --- */

static size_t find_stage(const struct rn_pipeline *p, const char *name)
{
    size_t i = 0;
    while (i < p->n_stages && strcmp(p->stages[i].name, name) != 0)
        i++;
    return i;
}

static int check_stage(const struct rn_pipeline *p, const char *option, const char *name,
                       struct rn_err *err)
{
    if (!name || find_stage(p, name) < p->n_stages)
        return RN_OK;
    const char **names = rn_xalloc((p->n_stages + 1) * sizeof *names);
    for (size_t i = 0; i < p->n_stages; i++)
        names[i] = p->stages[i].name;
    const char *near = rn_nearest(name, names);
    int rc = rn_fail(err, RN_EUSAGE, RN_NOWHERE, "%s: no stage '%s' in %s", option, name, p->path);
    if (near)
        rn_hint(err, "did you mean '%s'?", near);
    free(names);
    return rc;
}

static int check_options(const struct rn_pipeline *p, const struct rn_run_how *how,
                         struct rn_err *err)
{
    RN_TRY(check_stage(p, "--from", how->from, err));
    RN_TRY(check_stage(p, "--until", how->until, err));
    RN_TRY(check_stage(p, "--only", how->only, err));
    for (const char *const *s = how->force; s && *s; s++)
        RN_TRY(check_stage(p, "--force", *s, err));
    for (const char *const *s = how->yes; s && *s; s++)
        RN_TRY(check_stage(p, "--yes", *s, err));
    if (how->resume_from && how->force && *how->force)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--resume-from and --force exclude each other");
    if (how->only && (how->from || how->until))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--only excludes --from and --until");
    return RN_OK;
}

static bool before_range(const struct rn_plan *plan, size_t i)
{
    const char *first = plan->how->only ? plan->how->only : plan->how->from;
    return first && i < find_stage(plan->p, first);
}

static bool after_range(const struct rn_plan *plan, size_t i)
{
    const char *last = plan->how->only ? plan->how->only : plan->how->until;
    return last && i > find_stage(plan->p, last);
}

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

int rn_plan_init(struct rn_plan *plan, const struct rn_pipeline *p, const struct rn_run_how *how,
                 struct rn_err *err)
{
    *plan = (struct rn_plan){.p = p, .how = how};
    RN_TRY(check_options(p, how, err));
    plan->run_dir = rn_arena_printf(&plan->arena, "%s/%s", how->runs, p->tag);
    plan->store = rn_arena_printf(&plan->arena, "%s/.store", how->runs);
    plan->lock_path = choose_lock_path(plan);
    plan->journal = rn_runs_journal(how->runs, p->tag);
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
        rn_stored_free(plan->nodes[i].entry);
    }
    free(plan->nodes);
    json_decref(plan->journal);
    rn_arena_release(&plan->arena);
    *plan = (struct rn_plan){0};
}

static void RN_PRINTF(3, 4)
    decide(struct rn_planned *n, enum rn_action action, const char *fmt, ...)
{
    n->action = action;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(n->reason, sizeof n->reason, fmt, ap);
    va_end(ap);
}

/* --- what a stage may ask --- */

static bool job_stopping(struct rn_runner *r)
{
    return r->metrics && rn_signals_stopping();
}

static bool same_ref(const struct rn_ref *a, const struct rn_ref *b)
{
    return a == b || (a->text && b->text && strcmp(a->text, b->text) == 0);
}

static const struct rn_artifact *job_artifact(struct rn_runner *r, const struct rn_ref *ref)
{
    const struct rn_pstage *s = &r->plan->p->stages[r->stage];
    for (size_t e = 0; e < s->n_edges; e++)
        if (same_ref(s->edges[e].ref, ref))
            return r->plan->nodes[r->stage].inputs[e];
    return NULL;
}

/* watch_in edges are told apart by their names, for no key of the stage holds them. */
static const struct rn_artifact *job_watched(struct rn_runner *r, const char *name)
{
    const struct rn_pstage *s = &r->plan->p->stages[r->stage];
    for (size_t e = 0; e < s->n_edges; e++)
        if (s->edges[e].neutral && rn_starts_with(s->edges[e].key, "watch_in.") &&
            strcmp(s->edges[e].key + strlen("watch_in."), name) == 0)
            return r->plan->nodes[r->stage].inputs[e];
    return NULL;
}

static void job_metrics(struct rn_runner *r, int64_t step, const struct rn_metric_value *v,
                        size_t n)
{
    if (r->metrics)
        rn_metrics_add(r->metrics, step, v, n);
}

static double job_last_metric(struct rn_runner *r, const char *name)
{
    json_t *value = r->metrics ? json_object_get(r->metrics->last, name) : NULL;
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int64_t job_metrics_offset(struct rn_runner *r)
{
    return r->metrics ? rn_metrics_offset(r->metrics) : 0;
}

static int job_metrics_cut(struct rn_runner *r, int64_t offset, struct rn_err *err)
{
    return r->metrics ? rn_metrics_cut(r->metrics, offset, err) : RN_OK;
}

static void job_progress(struct rn_runner *r, double done, double total, const char *unit,
                         const char *text)
{
    if (r->ui)
        rn_ui_progress(r->ui, r->plan->p->stages[r->stage].name, done, total, unit, text);
}

static const struct rn_job_ops job_ops = {.stopping = job_stopping,
                                          .artifact = job_artifact,
                                          .watched = job_watched,
                                          .metrics = job_metrics,
                                          .last_metric = job_last_metric,
                                          .metrics_offset = job_metrics_offset,
                                          .metrics_cut = job_metrics_cut,
                                          .progress = job_progress};

struct rn_job rn_plan_job(struct rn_plan *plan, struct rn_runner *r)
{
    const struct rn_planned *n = &plan->nodes[r->stage];
    const struct rn_pstage *s = &plan->p->stages[r->stage];
    char *work = rn_store_path(plan->store, s->stage->kind, n->keys.progress, ".work");
    struct rn_job job = {.stage = s->name,
                         .out_dir = "",
                         .work_dir = n->keyed ? rn_arena_dup(&plan->arena, work) : "",
                         .key = n->keys.progress,
                         .pipeline_dir = plan->p->dir,
                         .run_dir = plan->run_dir,
                         .lock_path = plan->lock_path,
                         .device = plan->how->device,
                         .threads = plan->how->threads,
                         .offline = plan->how->offline,
                         .locked = plan->how->locked,
                         .resume_from = n->resume_named ? plan->how->resume_from : NULL,
                         .runner = r,
                         .ops = &job_ops};
    free(work);
    return job;
}

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

static int take_input(struct rn_plan *plan, size_t stage, size_t e, struct rn_err *err)
{
    const struct rn_edge *edge = &plan->p->stages[stage].edges[e];
    const struct rn_artifact *whole;
    if (!plan->nodes[edge->producer].entry)
        return RN_OK;
    RN_TRY(select_output(plan, edge, &whole, err));
    return rn_artifact_slice(&plan->arena, whole, edge->ref, &plan->nodes[stage].inputs[e], err);
}

/* Resolves all inputs that exist; *missing is a producer without outputs, or n_stages. */
static int take_inputs(struct rn_plan *plan, size_t stage, size_t *missing, struct rn_err *err)
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

static int make_keys(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    json_t *fingerprint = json_object(), *inputs = json_object();
    struct rn_runner runner = {.plan = plan, .stage = stage};
    struct rn_job job = rn_plan_job(plan, &runner);
    int rc = RN_OK;
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

int rn_plan_rekey(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    struct rn_planned *n = &plan->nodes[stage];
    struct rn_keys before = n->keys;
    if (!plan->p->stages[stage].stage->fingerprint)
        return RN_OK;
    n->keys = (struct rn_keys){0};
    int rc = make_keys(plan, stage, err);
    if (rc == RN_OK && only_added(before.doc, n->keys.doc)) {
        rn_keys_release(&before);
        return RN_OK;
    }
    rn_keys_release(&n->keys);
    n->keys = before;
    n->keyed = true;
    return rc;
}

static int ask_cost(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    const struct rn_stage *kind = plan->p->stages[stage].stage;
    struct rn_planned *n = &plan->nodes[stage];
    struct rn_runner runner = {.plan = plan, .stage = stage};
    struct rn_job job = rn_plan_job(plan, &runner);
    n->cost = (struct rn_estimate){.resume_step = -1};
    return kind->estimate ? kind->estimate(&job, plan->p->stages[stage].cfg, &n->cost, err) : RN_OK;
}

/* --- why --- */

/* The document behind a key: of the finished entry, else of the work directory; new or NULL. */
static json_t *doc_of_keys(const struct rn_plan *plan, const char *kind, const char *out,
                           const char *progress)
{
    enum { DOC_CAP = 64 << 20 };
    json_t *doc = NULL, *made_from = NULL;
    char *entry = rn_store_path(plan->store, kind, out, "/manifest.json");
    char *work = rn_store_path(plan->store, kind, progress, ".work/key.json");
    if (rn_exists(entry) && rn_json_read(entry, DOC_CAP, &doc, NULL) == RN_OK)
        made_from = json_incref(json_object_get(doc, "made_from"));
    else if (rn_exists(work) && rn_json_read(work, DOC_CAP, &doc, NULL) == RN_OK)
        made_from = json_incref(doc);
    json_decref(doc);
    free(entry);
    free(work);
    return made_from;
}

/* The finished entry of the same kind that differs least, how in text; SIZE_MAX: none. */
static size_t nearest_entry(const struct rn_plan *plan, const struct rn_pstage *s,
                            const json_t *doc, char *text, size_t text_bytes)
{
    size_t best = SIZE_MAX, seen = 0, n = strlen(s->stage->kind);
    DIR *d = opendir(plan->store);
    for (struct dirent *e; d && seen < CANDIDATES_MAX && (e = readdir(d));) {
        if (strncmp(e->d_name, s->stage->kind, n) != 0 || e->d_name[n] != '-' ||
            strchr(e->d_name + n, '.'))
            continue;
        seen++;
        char line[256], *key = e->d_name + n + 1;
        json_t *old = doc_of_keys(plan, s->stage->kind, key, "");
        size_t diffs = old ? rn_keys_diff(old, doc, line, sizeof line) : 0;
        if (diffs > 0 && (diffs < best || (diffs == best && strcmp(line, text) < 0))) {
            best = diffs;
            snprintf(text, text_bytes, "%s", line);
        }
        json_decref(old);
    }
    if (d)
        closedir(d);
    return best;
}

/* Same key as before, yet no outputs: what the journal says happened. */
static void tell_unfinished(struct rn_planned *n, const json_t *last)
{
    const char *event = rn_json_str(last, "event", "");
    if (strcmp(event, "done") == 0 || strcmp(event, "kept") == 0)
        decide(n, RN_ACT_RUN, "output missing from the store");
    else if (strcmp(event, "failed") == 0)
        decide(n, RN_ACT_RUN, "failed before: %.200s", rn_json_str(last, "message", ""));
    else
        decide(n, RN_ACT_RUN, "interrupted before its first checkpoint");
}

/* Sets the reason of a stage that runs from the start. */
static void tell_why(struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    const json_t *last =
        rn_journal_last(plan->journal, s->name, "started|done|kept|failed|interrupted");
    char diff[256] = "";
    const char *progress = rn_json_str(last, "progress", "");
    if (last && strcmp(rn_json_str(last, "out", ""), n->keys.out) == 0) {
        tell_unfinished(n, last);
        return;
    }
    json_t *old =
        last ? doc_of_keys(plan, s->stage->kind, rn_json_str(last, "out", ""), progress) : NULL;
    if (old && rn_keys_diff(old, n->keys.doc, diff, sizeof diff) > 0)
        decide(n, RN_ACT_RUN, "%s", diff);
    else if (last)
        decide(n, RN_ACT_RUN, "changed since its last run");
    else if (nearest_entry(plan, s, n->keys.doc, diff, sizeof diff) <= TELLING_DIFFS)
        decide(n, RN_ACT_RUN, "%s", diff);
    else
        decide(n, RN_ACT_RUN, "never run");
    json_decref(old);
}

/* Checkpoints of a finished training go on to a later end, all others from where they broke off. */
static void tell_resumed(struct rn_plan *plan, size_t stage)
{
    struct rn_planned *n = &plan->nodes[stage];
    const json_t *last = rn_journal_last(plan->journal, plan->p->stages[stage].name,
                                         "started|done|kept|failed|interrupted");
    const char *event = rn_json_str(last, "event", "");
    bool finished = strcmp(event, "done") == 0 || strcmp(event, "kept") == 0;
    bool other = strcmp(rn_json_str(last, "out", ""), n->keys.out) != 0;
    char of[48] = "";
    if (n->cost.steps > 0)
        snprintf(of, sizeof of, " of %lld", (long long)n->cost.steps);
    decide(n, RN_ACT_RESUME, "%s at step %lld%s",
           finished && other ? "goes on"
           : finished        ? "output missing, goes on"
                             : "interrupted",
           (long long)n->cost.resume_step, of);
}

/* --- cost --- */

/* What the stage took last time in this run, scaled by steps where both are known. */
static double expected_time(const struct rn_plan *plan, size_t stage)
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
static void weigh(struct rn_plan *plan, size_t stage, bool forced)
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

/* --- deciding --- */

static bool needed_later(const struct rn_plan *plan, size_t stage)
{
    for (size_t i = stage + 1; i < plan->p->n_stages; i++) {
        const struct rn_pstage *s = &plan->p->stages[i];
        for (size_t e = 0; e < s->n_edges; e++)
            if (s->edges[e].producer == stage && !s->edges[e].neutral &&
                (before_range(plan, i) ? needed_later(plan, i) : !after_range(plan, i)))
                return true;
    }
    return false;
}

/* A stage before --from whose outputs are not what the pipeline asks for. */
static void decide_stale(struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    const char *why = rn_arena_dup(&plan->arena, n->reason);
    n->consent = false;
    if (!needed_later(plan, stage)) {
        decide(n, RN_ACT_SKIP, "not asked for");
        return;
    }
    char *dir = plan->how->accept_stale
                    ? rn_runs_link(plan->how->runs, plan->p->tag, plan->p->name, s->name)
                    : NULL;
    if (dir && rn_store_load_dir(&n->entry, dir, plan->how->verify, NULL) == RN_OK) {
        n->stale = true;
        decide(n, RN_ACT_KEEP, "stale, accepted (%s): %s", n->entry->name, why);
    } else {
        decide(n, RN_ACT_BLOCKED,
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
    json_t *more = json_object();
    if (s->n_gates) {
        json_t *lines = rn_metrics_read(path);
        for (size_t i = 0; i < json_array_size(lines); i++)
            json_object_update(more, json_array_get(lines, i));
        json_decref(lines);
    }
    if (rn_gates_check(s, rn_stored_metrics(n->entry), more, &gate) == RN_OK) {
        decide(n, RN_ACT_KEEP, "up to date");
    } else {
        n->gated = true;
        decide(n, RN_ACT_BLOCKED, "%s", gate.msg);
    }
    json_decref(more);
    free(path);
}

/* Whether --resume-from means this stage: the one that --only or --from names, else the first that
 * trains and has work to do. */
static bool takes_resume(const struct rn_plan *plan, size_t stage)
{
    const struct rn_run_how *how = plan->how;
    const char *named = how->only ? how->only : how->from;
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
    RN_TRY(ask_cost(plan, stage, err));
    n->time_s = expected_time(plan, stage);
    if (forced) {
        n->cost.resume_step = -1;
        decide(n, RN_ACT_RUN, "forced");
        weigh(plan, stage, true);
    } else if (n->resume_named) {
        decide(n, RN_ACT_RESUME, "continued from %s", plan->how->resume_from);
    } else if (n->cost.resume_step >= 0) {
        tell_resumed(plan, stage);
    } else if (damage) {
        decide(n, RN_ACT_RUN, "output damaged: %s", damage);
    } else {
        tell_why(plan, stage);
        weigh(plan, stage, false);
    }
    return RN_OK;
}

static int decide_known(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    bool forced = rn_in_list(plan->how->force, s->name);
    struct rn_err damage = {0};
    int rc = rn_store_load(&n->entry, plan->store, s->stage->kind, n->keys.out, plan->how->verify,
                           &damage);
    n->damaged = rc != RN_OK;
    n->resume_named = takes_resume(plan, stage);
    if (n->entry && !forced && !n->resume_named) {
        decide_kept(plan, stage);
        return RN_OK;
    }
    rn_stored_free(n->entry);
    n->entry = NULL;
    const char *what = rn_arena_printf(&plan->arena, "%s %s", damage.path, damage.msg);
    return decide_work(plan, stage, forced, n->damaged ? what : NULL, err);
}

static void decide_unknown(struct rn_plan *plan, size_t stage, size_t producer)
{
    struct rn_planned *n = &plan->nodes[stage];
    const struct rn_planned *before = &plan->nodes[producer];
    ask_cost(plan, stage, NULL); /* without inputs it may not know, which is no error here */
    n->cost.resume_step = -1;
    n->time_s = expected_time(plan, stage);
    if (before->action == RN_ACT_BLOCKED || before->action == RN_ACT_SKIP)
        decide(n, RN_ACT_BLOCKED, "needs %s", plan->p->stages[producer].name);
    else
        decide(n, RN_ACT_RUN, "after %s", plan->p->stages[producer].name);
}

/* A gate that is not met upstream ends the run before this stage, though inputs exist. */
static size_t gated_before(const struct rn_plan *plan, size_t stage)
{
    size_t i = 0;
    while (i < stage && !plan->nodes[i].gated)
        i++;
    return i;
}

int rn_plan_decide(struct rn_plan *plan, size_t stage, struct rn_err *err)
{
    struct rn_planned *n = &plan->nodes[stage];
    size_t missing, gate = gated_before(plan, stage);
    if (after_range(plan, stage)) {
        decide(n, RN_ACT_SKIP, "not asked for");
        return RN_OK;
    }
    RN_TRY(take_inputs(plan, stage, &missing, err));
    if (missing == plan->p->n_stages) {
        RN_TRY(make_keys(plan, stage, err));
        RN_TRY(decide_known(plan, stage, err));
    } else {
        decide_unknown(plan, stage, missing);
    }
    bool idle = n->action != RN_ACT_KEEP && !n->gated;
    if (idle && before_range(plan, stage))
        decide_stale(plan, stage);
    else if (idle && gate < stage && n->action != RN_ACT_BLOCKED)
        decide(n, RN_ACT_BLOCKED, "after the gate of %s", plan->p->stages[gate].name);
    if (n->action != RN_ACT_RUN)
        n->consent = false;
    return RN_OK;
}
