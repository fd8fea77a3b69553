#include "planning.h"

#include "board.h"
#include "metrics.h"
#include "signals.h"
#include "spent.h"
#include "str.h"
#include "wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static const struct rn_estimate *job_expected(struct rn_runner *r, const struct rn_ref *ref)
{
    const struct rn_pstage *s = &r->plan->p->stages[r->stage];
    for (size_t e = 0; e < s->n_edges; e++)
        if (same_ref(s->edges[e].ref, ref))
            return &r->plan->nodes[s->edges[e].producer].cost;
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

/* With the power that was drawn, where somebody samples it. */
static void job_metrics(struct rn_runner *r, int64_t step, const struct rn_metric_value *values,
                        size_t n)
{
    if (!r->metrics)
        return;
    struct rn_metric_value *v = rn_xalloc((n + RN_SPENT_VALUES) * sizeof *v);
    memcpy(v, values, n * sizeof *v);
    n += rn_spent_since(r->spent, v, n, v + n);
    rn_metrics_add(r->metrics, step, v, n);
    rn_board_add(r->board, step, v, n);
    rn_wire_numbers(r->wire, step, v, n);
    free(v);
}

static void job_said(struct rn_runner *r, int64_t step, const char *name, const char *text)
{
    if (!r->metrics)
        return;
    rn_metrics_say(r->metrics, step, name, text);
    rn_board_say(r->board, step, name, text);
}

static void job_histogram(struct rn_runner *r, int64_t step, const char *name, const double *bins,
                          size_t n)
{
    if (r->metrics)
        rn_board_spread(r->board, step, name, bins, n);
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
    if (r->wire)
        rn_wire_progress(r->wire, done, total, unit, text);
}

static void job_arrived(struct rn_runner *r, const struct rn_arrival *a)
{
    if (r->wire && r->plan->p->stages[r->stage].background)
        rn_wire_arrival(r->wire, a);
}

static void job_file_ended(struct rn_runner *r, const struct rn_file_end *f)
{
    if (r->wire && r->each_file)
        rn_wire_file(r->wire, f);
}

static const struct rn_job_ops job_ops = {.stopping = job_stopping,
                                          .artifact = job_artifact,
                                          .watched = job_watched,
                                          .expected = job_expected,
                                          .metrics = job_metrics,
                                          .said = job_said,
                                          .histogram = job_histogram,
                                          .last_metric = job_last_metric,
                                          .metrics_offset = job_metrics_offset,
                                          .metrics_cut = job_metrics_cut,
                                          .progress = job_progress,
                                          .arrived = job_arrived,
                                          .file_ended = job_file_ended};

struct rn_job rn_plan_job(struct rn_plan *plan, struct rn_runner *r)
{
    const struct rn_planned *n = &plan->nodes[r->stage];
    const struct rn_pstage *s = &plan->p->stages[r->stage];
    char *work = rn_store_path(plan->store, s->stage->kind, n->keys.progress, ".work");
    struct rn_job job = {.kind = s->stage,
                         .stage = s->name,
                         .out_dir = "",
                         .work_dir = n->keyed ? rn_arena_dup(&plan->arena, work) : "",
                         .key = n->keys.progress,
                         .pipeline_dir = plan->p->dir,
                         .run_dir = plan->run_dir,
                         .lock_path = plan->lock_path,
                         .device = plan->how->device,
                         .ranks = plan->how->gpus,
                         .threads = plan->how->threads,
                         .offline = plan->how->offline,
                         .locked = plan->how->locked,
                         .op_times = plan->how->op_times,
                         .rehash = plan->how->verify == RN_VERIFY_HASH,
                         .memo = plan->memo,
                         .resume_from =
                             n->resume_named && !n->begun ? plan->how->resume_from : NULL,
                         .runner = r,
                         .ops = &job_ops};
    free(work);
    return job;
}
