#include "verify.h"

#include "file.h"
#include "journal.h"
#include "metrics.h"
#include "path.h"
#include "receipt.h"
#include "signals.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of losses in the first steps, on another machine: single precision keeps about seven digits and
 * the last ones drift apart; with bf16 three. */
static const double TOLERANCE_FP32 = 1e-3, TOLERANCE_BF16 = 2e-2;

/* One stage that is done again; `runner` first, for that is what a stage hands to its calls. */
struct replay {
    struct rn_runner runner;
    const struct rn_verify_run *v;
    struct rn_verified *seen;
    json_t *recorded;    /* lines of the run's metrics that hold a loss */
    json_t *lines;       /* of this replay, the same */
    const json_t *entry; /* the stage's receipt */
    char *scratch;
};

/* --- what the run recorded --- */

static json_t *lines_with_loss(const struct rn_verify_run *v)
{
    char *path = rn_xprintf("%s/metrics/%s.jsonl", v->run_dir, v->stage);
    json_t *all = rn_metrics_read(path), *some = json_array();
    for (size_t i = 0; i < json_array_size(all); i++)
        if (json_object_get(json_array_get(all, i), "loss"))
            json_array_append(some, json_array_get(all, i));
    json_decref(all);
    free(path);
    return some;
}

/* The numbers in the run's metrics are those that the receipt was written about. */
static int check_receipt(const struct replay *r, struct rn_err *err)
{
    json_t *marks = rn_receipt_marks(r->recorded, rn_json_int(r->entry, "every", 1));
    const json_t *want = json_object_get(r->entry, "marks");
    bool same = json_equal(marks, want);
    size_t i = 0;
    while (i < json_array_size(marks) && i < json_array_size(want) &&
           json_equal(json_array_get(marks, i), json_array_get(want, i)))
        i++;
    int64_t step = rn_json_int(json_array_get(want, i), "step", -1);
    json_decref(marks);
    if (same)
        return RN_OK;
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                   "stage '%s': metrics and receipt of the run differ at or before step %" PRId64,
                   r->v->stage, step);
}

/* --- doing it again --- */

static void take_metrics(struct rn_runner *runner, int64_t step, const struct rn_metric_value *v,
                         size_t n)
{
    struct replay *r = (struct replay *)runner;
    json_t *line = json_pack("{s:I}", "step", (json_int_t)step);
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i].value))
            json_object_set_new(line, v[i].name, json_real(v[i].value));
    if (json_object_get(line, "loss")) {
        json_array_append(r->lines, line);
        if (r->v->progress)
            r->v->progress(r->v->ctx, step + 1, r->v->steps);
    }
    json_decref(line);
}

static bool done_enough(struct rn_runner *runner)
{
    const struct replay *r = (const struct replay *)runner;
    return (int64_t)json_array_size(r->lines) >= r->v->steps || rn_signals_stopping();
}

static void no_progress(struct rn_runner *runner, double done, double total, const char *unit,
                        const char *text)
{
    (void)runner, (void)done, (void)total, (void)unit, (void)text;
}

static int call_stage(struct replay *r, struct rn_plan *plan, struct rn_err *err)
{
    struct rn_job job = rn_plan_job(plan, &r->runner);
    struct rn_job_ops ops = *job.ops;
    const struct rn_pstage *s = &plan->p->stages[r->runner.stage];
    char *out = rn_join(r->scratch, "out"), *work = rn_join(r->scratch, "work");
    ops.metrics = take_metrics;
    ops.stopping = done_enough;
    ops.progress = no_progress;
    job.ops = &ops;
    job.out_dir = out;
    job.work_dir = work;
    job.run_dir = r->scratch;
    job.log = r->v->log;
    int rc = rn_mkdirs(out, err);
    if (rc == RN_OK)
        rc = rn_mkdirs(work, err);
    if (rc == RN_OK)
        rc = s->stage->run(&job, s->cfg, err);
    if (rc == RN_ESTOPPED && !rn_signals_stopping()) {
        *err = (struct rn_err){0}; /* that was us */
        rc = RN_OK;
    }
    free(work);
    free(out);
    return rc;
}

static int in_scratch(struct replay *r, struct rn_plan *plan, struct rn_err *err)
{
    const char *tmp = getenv("TMPDIR");
    r->scratch = rn_xprintf("%s/runnel-verify-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(r->scratch))
        return rn_fail_errno(err, RN_PATH(r->scratch), "cannot make a scratch folder");
    int rc = call_stage(r, plan, err);
    rn_remove_tree(r->scratch, NULL);
    return rc;
}

/* --- comparing --- */

static double relative(double a, double b)
{
    double scale = fmax(fabs(a), fabs(b));
    return scale > 0 ? fabs(a - b) / scale : 0;
}

static int compare_step(struct replay *r, size_t i, struct rn_err *err)
{
    const json_t *was = json_array_get(r->recorded, i), *is = json_array_get(r->lines, i);
    double then = rn_json_real(was, "loss", NAN), now = rn_json_real(is, "loss", NAN);
    double then_order = rn_json_real(was, "data_order", -1);
    double now_order = rn_json_real(is, "data_order", -1), d = relative(then, now);
    r->seen->difference = fmax(r->seen->difference, d);
    r->seen->same_bits &= then == now;
    if (then_order >= 0 && then_order != now_order)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "stage '%s' step %zu: other data than recorded (order %.0f, now %.0f)",
                       r->v->stage, i, then_order, now_order);
    if (!(d <= r->seen->tolerance))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "stage '%s' step %zu: loss %.9g recorded, %.9g now; allowed is %g relative",
                       r->v->stage, i, then, now, r->seen->tolerance);
    return RN_OK;
}

static int compare(struct replay *r, struct rn_err *err)
{
    size_t n = json_array_size(r->lines);
    r->seen->steps = (int64_t)n;
    r->seen->same_bits = true;
    if (n == 0 || n > json_array_size(r->recorded))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "stage '%s': %zu steps recorded, %zu now",
                       r->v->stage, json_array_size(r->recorded), n);
    for (size_t i = 0; i < n; i++)
        RN_TRY(compare_step(r, i, err));
    return RN_OK;
}

/* Machines that are the same give the same bits; others what their precision allows. */
static void set_tolerance(struct replay *r, const char *device)
{
    static const char *const facts[] = {"device", "processor", "features", "isa", "program"};
    json_t *here = rn_receipt_machine(device, 1, r->v->threads);
    const json_t *there = json_object_get(r->entry, "machine");
    const char *precision = rn_json_str(json_object_get(r->entry, "config"), "precision", "");
    r->seen->same_machine = rn_receipt_same_machine(there, here);
    for (size_t i = RN_COUNT(facts); i-- > 0;)
        if (strcmp(rn_json_str(there, facts[i], ""), rn_json_str(here, facts[i], "")) != 0)
            snprintf(r->seen->why, sizeof r->seen->why, "another %s", facts[i]);
    r->seen->tolerance = r->seen->same_machine            ? 0
                         : strcmp(precision, "fp32") == 0 ? TOLERANCE_FP32
                                                          : TOLERANCE_BF16;
    json_decref(here);
}

/* --- the run's pipeline and plan --- */

static int find_stage(const struct rn_pipeline *p, const char *name, size_t *i, struct rn_err *err)
{
    const struct rn_pstage *s = rn_pipeline_stage(p, name);
    if (!s || !s->stage->trains)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "the run has no training stage '%s'", name);
    *i = (size_t)(s - p->stages);
    return RN_OK;
}

/* The stage's inputs are found in the store, and they are those of the recorded training. */
static int plan_stage(struct rn_plan *plan, size_t stage, const char *out, struct rn_err *err)
{
    for (size_t i = 0; i <= stage; i++)
        RN_TRY(rn_plan_decide(plan, i, err));
    if (plan->nodes[stage].keyed && strcmp(plan->nodes[stage].keys.out, out) == 0)
        return RN_OK;
    rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "the inputs of stage '%s' are no longer in the store",
            plan->p->stages[stage].name);
    rn_hint(err, "%s", plan->nodes[stage].reason);
    return RN_ECORRUPT;
}

static int replay_planned(struct replay *r, struct rn_plan *plan, struct rn_err *err)
{
    RN_TRY(plan_stage(plan, r->runner.stage, rn_json_str(r->entry, "out", ""), err));
    r->runner.plan = plan;
    r->recorded = lines_with_loss(r->v);
    r->lines = json_array();
    set_tolerance(r, plan->how->device);
    int rc = check_receipt(r, err);
    if (rc == RN_OK)
        rc = in_scratch(r, plan, err);
    if (rc == RN_OK)
        rc = compare(r, err);
    free(r->scratch);
    json_decref(r->lines);
    json_decref(r->recorded);
    return rc;
}

static int replay_pipeline(struct replay *r, struct rn_pipeline *p, struct rn_err *err)
{
    char *pins = rn_join(r->v->run_dir, "pins.lock");
    const json_t *machine = json_object_get(r->entry, "machine");
    struct rn_run_how how = {.runs = r->v->runs,
                             .device = rn_json_str(machine, "device", "cpu"),
                             .threads = r->v->threads,
                             .offline = true};
    struct rn_plan plan;
    RN_TRY(find_stage(p, r->v->stage, &r->runner.stage, err));
    int rc = rn_plan_init(&plan, p, &how, err);
    if (rn_exists(pins))
        plan.lock_path = pins;
    if (rc == RN_OK)
        rc = replay_planned(r, &plan, err);
    rn_plan_release(&plan);
    free(pins);
    return rc;
}

/* Local files lie beside the pipeline as it was given, not beside the resolved copy. */
static void go_home(struct rn_pipeline *p, const char *run_dir)
{
    char *path = rn_join(run_dir, "journal.jsonl");
    json_t *records = rn_journal_read(path);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const char *file = rn_json_str(json_array_get(records, i), "path", NULL);
        if (file) {
            char *dir = rn_dirname(file);
            p->dir = rn_arena_dup(&p->arena, dir);
            free(dir);
        }
    }
    json_decref(records);
    free(path);
}

/* Evaluation shapes no step and may cost more than all of them. */
static int load(struct rn_pipeline **p, const struct rn_verify_run *v, struct rn_err *err)
{
    char *file = rn_join(v->run_dir, "resolved.yaml");
    char *quiet[] = {rn_xprintf("%s.eval.bpb.every=0", v->stage),
                     rn_xprintf("%s.eval.core.every=0", v->stage),
                     rn_xprintf("%s.eval.sample.every=0", v->stage)};
    const char *overrides[] = {quiet[0], quiet[1], quiet[2], NULL};
    const struct rn_pipeline_how how = {.overrides = overrides};
    int rc = rn_pipeline_load(p, file, &how, err);
    for (size_t i = 0; i < RN_COUNT(quiet); i++)
        free(quiet[i]);
    free(file);
    if (rc == RN_OK)
        go_home(*p, v->run_dir);
    return rc;
}

int rn_verify_run(const struct rn_verify_run *v, struct rn_verified *seen, struct rn_err *err)
{
    json_t *receipt;
    struct rn_pipeline *p = NULL;
    *seen = (struct rn_verified){0};
    RN_TRY(rn_receipt_read(v->run_dir, &receipt, err));
    struct replay r = {.v = v, .seen = seen};
    r.entry = json_object_get(json_object_get(receipt, "stages"), v->stage);
    int rc = r.entry ? RN_OK
                     : rn_fail(err, RN_EUSAGE, RN_PATH(v->run_dir), "no receipt of a stage '%s'",
                               v->stage);
    if (rc == RN_OK)
        rc = load(&p, v, err);
    if (rc == RN_OK)
        rc = replay_pipeline(&r, p, err);
    rn_pipeline_free(p);
    json_decref(receipt);
    return rc;
}
