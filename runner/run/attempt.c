/* attempt.c - one attempt at a stage, as the runner sees it.
 *
 *     runner                          the stage's process (inside.c)
 *     journal `started`
 *     lock, empty attempt
 *     fork                            numbers, stage->run, digests, rename to the store
 *     listens                         progress, log, numbers, its end
 *     reaps, links, journal `done`
 */
#include "running.h"

#include "arrivals.h"
#include "clock.h"
#include "file.h"
#include "links.h"
#include "locks.h"
#include "path.h"
#include "receipt.h"
#include "snapshot.h"
#include "team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- before it --- */

/* Inputs whose producer is still at work lie in the cache until it is done. */
static int link_arrived(struct rn_work *w, struct rn_err *err)
{
    struct rn_plan *plan = &w->run->plan;
    char *all = rn_join(w->dir, "arrived");
    int rc = rn_remove_tree(all, err);
    for (size_t e = 0; e < w->stage->n_edges && rc == RN_OK; e++) {
        if (plan->nodes[w->stage->edges[e].producer].entry || !w->node->inputs[e])
            continue;
        char *dir = rn_xprintf("%s/%zu", all, e);
        rc = rn_arrivals_link(&w->node->inputs[e], dir, &plan->arena, err);
        free(dir);
    }
    free(all);
    return rc;
}

/* Takes the .work directory, emptied where the stage was forced, and an empty attempt. */
static int open_work(struct rn_work *w, struct rn_err *err)
{
    RN_TRY(rn_lock_take_stage(&w->lock, &w->run->plan, w->index, err));
    if (rn_in_list(w->run->plan.how->force, w->stage->name) && !w->node->begun)
        RN_TRY(rn_remove_tree(w->dir, err));
    RN_TRY(rn_mkdirs_lasting(w->dir, err));
    rn_sweep_tmp(w->dir);
    char *key = rn_join(w->dir, "key.json");
    int rc = rn_exists(key) ? RN_OK : rn_json_write(key, w->node->keys.doc, err);
    free(key);
    RN_TRY(rc);
    RN_TRY(link_arrived(w, err));
    RN_TRY(rn_remove_tree(w->attempt, err));
    return rn_mkdirs(w->attempt, err);
}

/* Half-made outputs go, checkpoints stay; a stage that does not train leaves no .work behind. */
static void close_work(struct rn_work *w, bool done)
{
    char *arrived = rn_join(w->dir, "arrived");
    if (w->lock.fd >= 0)
        rn_remove_tree(arrived, NULL);
    if (!done && w->lock.fd >= 0)
        rn_remove_tree(w->attempt, NULL);
    free(arrived);
    if (done && !w->stage->stage->trains)
        rn_remove_tree(w->dir, NULL);
    rn_lock_release(&w->lock);
}

static int start(struct rn_work *w, struct rn_err *err)
{
    json_t *record = rn_run_record(w->run, w->index, "started");
    json_object_set_new(record, "step", json_integer((json_int_t)w->node->cost.resume_step));
    json_object_set_new(record, "steps", json_integer((json_int_t)w->node->cost.steps));
    json_object_set_new(record, "reason", json_string(w->node->reason));
    RN_TRY(rn_journal_add(&w->run->journal, record, err));
    RN_TRY(open_work(w, err));
    return rn_team_shares(w) ? rn_team_train(w, err)
                             : rn_child_start(&w->child, rn_work_inside, w, w->log.fd, err);
}

static struct rn_work *make_work(struct rn_running *r, size_t i, int threads)
{
    struct rn_work *w = rn_new(struct rn_work);
    const struct rn_pstage *s = &r->plan.p->stages[i];
    struct rn_planned *n = &r->plan.nodes[i];
    *w = (struct rn_work){.run = r,
                          .index = i,
                          .stage = s,
                          .node = n,
                          .lock = {.fd = -1},
                          .child = {.fd = -1},
                          .threads = threads,
                          .start_s = rn_clock_s(),
                          .kill_s = INFINITY,
                          .step = -1};
    rn_watching_start(&w->watching, &s->watch, w->start_s);
    w->numbers = rn_watch_is_on(&s->watch) ? json_object() : NULL;
    rn_alerting_begin(w);
    w->dir = rn_store_path(r->plan.store, s->stage->kind, n->keys.progress, ".work");
    w->attempt = rn_store_path(r->plan.store, s->stage->kind, n->keys.out, ".attempt");
    return w;
}

void rn_work_free(struct rn_work *w)
{
    rn_team_part(w);
    rn_child_release(&w->child);
    close_work(w, false);
    rn_stagelog_close(&w->log);
    rn_watching_stop(&w->watching);
    rn_vigil_stop(&w->vigil);
    json_decref(w->numbers);
    free(w->attempt);
    free(w->dir);
    free(w);
}

/* --- after it --- */

/* The stage ended badly; the journal's own trouble does not replace the reason. */
static void record_end(struct rn_work *w, int rc, int status, const struct rn_err *err)
{
    json_t *record = rn_run_record(w->run, w->index, rc == RN_ESTOPPED ? "interrupted" : "failed");
    json_object_set_new(record, "wall_s", json_real(rn_clock_s() - w->start_s));
    json_object_set_new(record, "code", json_integer(rn_code_exit((enum rn_code)rc)));
    if (!w->ended && rn_child_signal_name(status))
        json_object_set_new(record, "signal", json_string(rn_child_signal_name(status)));
    char message[sizeof err->msg];
    snprintf(message, sizeof message, "%s", err->msg);
    rn_ui_clean(message);
    json_object_set_new(record, "message", json_string(message));
    rn_journal_add(&w->run->journal, record, NULL);
}

static int record_done(struct rn_work *w, double wall_s, struct rn_err *err)
{
    json_t *record = rn_run_record(w->run, w->index, "done");
    json_object_set_new(record, "wall_s", json_real(wall_s));
    rn_plan_note_work(&w->run->plan, w->index, record);
    if (rn_work_steps(w) > 0)
        json_object_set_new(record, "steps", json_integer((json_int_t)rn_work_steps(w)));
    json_object_set_new(record, "outputs", rn_run_digests(w->node->entry));
    return rn_journal_add(&w->run->journal, record, err);
}

static int end_badly(struct rn_work *w, int rc, int status, const struct rn_err *err)
{
    record_end(w, rc, status, err);
    rn_tell_end(w, rc, err);
    if (rc != RN_ESTOPPED)
        rn_alerting_tell(w->run, w->index, w, RN_ALERT_failed, err->msg);
    rn_work_free(w);
    return rc;
}

int rn_work_start(struct rn_running *r, size_t i, int threads, struct rn_err *err)
{
    rn_helpers_start(r);
    struct rn_work *w = make_work(r, i, threads);
    char *log = rn_run_path(r, "log", w->stage->name, ".log");
    rn_tell_start(r, i);
    int rc = rn_stagelog_open(&w->log, log, w->stage->name, err);
    free(log);
    if (rc == RN_OK)
        rc = start(w, err);
    if (rc != RN_OK)
        return end_badly(w, rc, 0, err);
    r->works[i] = w;
    w->node->begun = true;
    rn_monitoring_mark(&r->monitoring, i, -1);
    return RN_OK;
}

static void keep_numbers(struct rn_work *w, const struct rn_news *news)
{
    for (size_t i = 0; w->numbers && i < news->n_values; i++) {
        const struct rn_metric_value *v = &news->values[i];
        json_object_set_new(w->numbers, v->name,
                            isfinite(v->value) ? json_real(v->value) : json_null());
    }
}

void rn_work_hear(struct rn_work *w, const struct rn_news *news)
{
    struct rn_ui *ui = w->run->ui;
    rn_watching_hear(&w->watching, news, rn_clock_s());
    rn_alerting_hear(w, news);
    switch (news->kind) {
    case RN_NEWS_LOG:
        rn_ui_log(ui, w->stage->name, news->level, news->text);
        break;
    case RN_NEWS_PROGRESS:
        rn_ui_progress(ui, w->stage->name, news->done, news->total, news->unit, news->text);
        break;
    case RN_NEWS_NUMBERS:
        w->step = news->step;
        keep_numbers(w, news);
        rn_monitoring_mark(&w->run->monitoring, w->index, w->step);
        break;
    case RN_NEWS_ARRIVAL:
        rn_arrivals_add(&w->node->arrivals, &news->arrival);
        break;
    case RN_NEWS_FILE:
        rn_tell_file(w, &news->file);
        break;
    case RN_NEWS_TICK:
        rn_team_hear_own(w, (int64_t)news->done);
        break;
    case RN_NEWS_MEET:
        rn_team_pass_on(w, news->text);
        break;
    case RN_NEWS_END:
        w->ended = true;
        w->step = news->end.step;
        w->end = news->end;
        w->end.err = (struct rn_err){0};
        rn_fail_as(&w->end.err, &news->end.err);
        w->run->stage_s += news->end.stage_s;
        w->run->sync_s += news->end.sync_s;
        break;
    }
}

/* What the stage said last, or what became of its process. */
static int outcome(const struct rn_work *w, int status, struct rn_err *err)
{
    char fate[64];
    if (w->ended && w->end.rc == RN_OK)
        return RN_OK;
    if (w->ended && w->end.err.code != RN_OK) {
        rn_fail_as(err, &w->end.err);
        return w->end.rc;
    }
    if (w->blame.code != RN_OK)
        return rn_fail_as(err, &w->blame);
    if (w->alarmed && w->run->closing)
        return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "asked to stop, then ended by its watch: %s",
                       w->watching.why);
    int rc =
        rn_fail(err, RN_ESTAGE, RN_NOWHERE, "the stage's process %s", rn_child_fate(status, fate));
    if (strcmp(fate, "was ended by SIGKILL") == 0)
        rn_hint(err, "someone killed it, or the machine ran out of memory");
    return rc;
}

/* Its outputs stand in the store: take them in. */
static int settle(struct rn_work *w, struct rn_err *err)
{
    struct rn_plan *plan = &w->run->plan;
    rn_memo_refresh(plan->memo);
    RN_TRY(rn_plan_take_outputs(plan, w->index, w->end.out, err));
    RN_TRY(rn_link_set(plan->run_dir, w->stage->name, w->node->entry->name, err));
    RN_TRY(rn_receipt_add(plan, w->index, w->threads, err));
    return record_done(w, rn_clock_s() - w->start_s, err);
}

/* A stage that its watch stopped, or that found the same itself. */
static enum rn_alarm alarm_of(const struct rn_work *w, int rc)
{
    if (rc == RN_OK || w->run->closing)
        return RN_QUIET;
    if (rc == RN_EDEVICE && w->stage->watch.nan)
        return RN_DERAILS;
    return w->watching.alarm;
}

/* A training repeats itself bit for bit: what derailed twice at one step does so for ever. */
static bool repeats_itself(const struct rn_work *w, enum rn_alarm alarm)
{
    return alarm == RN_DERAILS && w->run->sent_back[w->index].derailed_at == w->watching.step;
}

static int fail_watched(struct rn_work *w, enum rn_alarm alarm, struct rn_err *err)
{
    long long times = (long long)w->run->sent_back[w->index].times;
    char why[sizeof err->msg];
    snprintf(why, sizeof why, "%s", *w->watching.why ? w->watching.why : err->msg);
    *err = (struct rn_err){0};
    if (repeats_itself(w, alarm))
        return rn_fail(err, rn_alarm_code(alarm), RN_NOWHERE,
                       "watch: %s, again where it was before: going on repeats it", why);
    return rn_fail(err, rn_alarm_code(alarm), RN_NOWHERE, "watch: %s (restarted %lld time%s)", why,
                   times, times == 1 ? "" : "s");
}

static int send_back(struct rn_work *w, enum rn_alarm alarm, struct rn_err *err)
{
    struct rn_running *r = w->run;
    size_t i = w->index;
    const char *why = *w->watching.why ? w->watching.why : err->msg;
    json_t *record = rn_run_record(r, i, "interrupted");
    json_object_set_new(record, "wall_s", json_real(rn_clock_s() - w->start_s));
    json_object_set_new(record, "watch", json_string(why));
    json_object_set_new(record, "message", json_string("stopped by its watch"));
    rn_journal_add(&r->journal, record, NULL);
    r->sent_back[i].times++;
    if (alarm == RN_DERAILS)
        r->sent_back[i].derailed_at = w->watching.step;
    *err = (struct rn_err){0};
    rn_work_free(w);
    rn_tell_again(r, i);
    return RN_OK;
}

int rn_work_finish(struct rn_work *w, int status, bool *again, struct rn_err *err)
{
    int rc = outcome(w, status, err);
    enum rn_alarm alarm = alarm_of(w, rc);
    w->run->works[w->index] = NULL;
    *again = alarm != RN_QUIET && !repeats_itself(w, alarm) &&
             w->run->sent_back[w->index].times < w->stage->watch.max;
    if (*again)
        return send_back(w, alarm, err);
    if (alarm != RN_QUIET)
        rc = fail_watched(w, alarm, err);
    if (rc == RN_OK)
        rc = settle(w, err);
    if (rc != RN_OK)
        return end_badly(w, rc, status, err);
    rn_tell_done(w, rn_clock_s() - w->start_s);
    close_work(w, true);
    rn_work_free(w);
    return RN_OK;
}

/* --- its watch --- */

static void describe(struct rn_str *s, const struct rn_work *w)
{
    enum { LINES = 40 };
    char *numbers = rn_json_canonical(w->numbers), *log = rn_stagelog_tail(&w->log, LINES);
    rn_str_printf(s, "stage     %s\nwhy       %s\nafter     %.3f s\nprogress  %g\nstep      %lld\n",
                  w->stage->name, w->watching.why, rn_clock_s() - w->start_s, w->watching.done,
                  (long long)w->step);
    rn_str_printf(s, "numbers   %s\n\n", numbers);
    rn_snapshot_processes(s, w->child.pid);
    rn_str_printf(s, "\nlast lines of its log\n%s", log);
    free(log);
    free(numbers);
}

/* runs/<tag>/watch/<stage>-<n>.txt, best effort; caller frees the path. */
static char *take_snapshot(const struct rn_work *w)
{
    struct rn_str text = {0};
    char *dir = rn_run_path(w->run, "", "watch", ""), *path = NULL;
    for (int n = 1; !path || rn_exists(path); n++) {
        free(path);
        path = rn_xprintf("%s/%s-%d.txt", dir, w->stage->name, n);
    }
    describe(&text, w);
    if (rn_mkdirs(dir, NULL) == RN_OK)
        rn_file_write(path, text.p, text.n, NULL);
    rn_str_release(&text);
    free(dir);
    return path;
}

static void sound_alarm(struct rn_work *w, enum rn_alarm alarm)
{
    char *snapshot = take_snapshot(w);
    w->alarmed = true;
    rn_tell_alarm(w, snapshot);
    rn_alerting_tell(w->run, w->index, w, RN_ALERT_watched, w->watching.why);
    free(snapshot);
    if (alarm == RN_HANGS)
        rn_child_ask(&w->child);
    w->kill_s = alarm == RN_HANGS ? rn_clock_s() + w->stage->watch.grace_s : 0;
}

void rn_work_look(struct rn_work *w)
{
    bool watched = !w->alarmed && !w->ended;
    enum rn_alarm alarm = watched ? rn_watching_look(&w->watching, rn_clock_s()) : RN_QUIET;
    if (alarm != RN_QUIET)
        sound_alarm(w, alarm);
    if (rn_clock_s() >= w->kill_s) {
        rn_child_kill(&w->child);
        w->kill_s = INFINITY;
    }
    rn_alerting_look(w);
}

void rn_work_blame(struct rn_work *w, const struct rn_err *why, double grace_s)
{
    rn_fail_as(&w->blame, why);
    w->kill_s = fmin(w->kill_s, rn_clock_s() + grace_s);
}

double rn_work_due_s(const struct rn_work *w)
{
    return fmin(w->kill_s, rn_watching_due_s(&w->watching));
}
