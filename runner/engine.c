#include "running.h"

#include "file.h"
#include "gate_check.h"
#include "runs.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *in_run(const struct rn_running *r, const char *folder, const char *name,
                    const char *suffix)
{
    return rn_xprintf("%s/%s%s%s%s", r->plan.run_dir, folder, *folder ? "/" : "", name, suffix);
}

/* --- the run's directory --- */

static int write_if_other(const struct rn_running *r, const char *name, const char *text,
                          struct rn_err *err)
{
    if (!text)
        return RN_OK;
    char *path = in_run(r, "", name, ""), *old = NULL;
    size_t n = 0;
    enum { COPY_CAP = 64 << 20 };
    bool same = rn_exists(path) && rn_file_read(path, COPY_CAP, &old, &n, NULL) == RN_OK &&
                n == strlen(text) && memcmp(old, text, n) == 0;
    int rc = same ? RN_OK : rn_file_write(path, text, strlen(text), err);
    free(old);
    free(path);
    return rc;
}

static int make_dirs(const struct rn_running *r, struct rn_err *err)
{
    static const char *const folders[] = {"metrics", "log", "stages"};
    RN_TRY(rn_mkdirs(r->plan.store, err));
    int rc = RN_OK;
    for (size_t i = 0; i < RN_COUNT(folders) && rc == RN_OK; i++) {
        char *dir = in_run(r, "", folders[i], "");
        rc = rn_mkdirs(dir, err);
        free(dir);
    }
    return rc;
}

static int take_run_lock(struct rn_running *r, struct rn_err *err)
{
    char *path = in_run(r, "", ".lock", "");
    char *what = rn_xprintf("run '%s'", r->plan.p->tag);
    int rc = rn_lock_take(&r->lock, path, what, err);
    free(what);
    free(path);
    return rc;
}

/* Between the plan's first look and the lock, another runner may have ended. */
static void refresh_journal(struct rn_running *r)
{
    json_decref(r->plan.journal);
    r->plan.journal = rn_runs_journal(r->plan.how->runs, r->plan.p->tag);
}

/* Attempts whose process died get their end, with what they cost. */
static int end_killed(struct rn_running *r, const json_t *stages, struct rn_err *err)
{
    int rc = RN_OK;
    for (size_t i = 0; i < json_array_size(stages) && rc == RN_OK; i++) {
        const char *stage = json_string_value(json_array_get(stages, i));
        double wall_s = rn_runs_killed_after(r->plan.run_dir, r->plan.journal, stage);
        if (wall_s < 0)
            continue;
        json_t *record = json_copy(rn_journal_last(r->plan.journal, stage, "started"));
        json_object_set_new(record, "event", json_string("interrupted"));
        json_object_set_new(record, "message", json_string("its process ended without a word"));
        json_object_set_new(record, "wall_s", json_real(wall_s));
        json_array_append(r->plan.journal, record);
        rc = rn_journal_add(&r->journal, record, err);
    }
    return rc;
}

static int open_run(struct rn_running *r, struct rn_err *err)
{
    const struct rn_pipeline *p = r->plan.p;
    RN_TRY(make_dirs(r, err));
    RN_TRY(take_run_lock(r, err));
    rn_sweep_tmp(r->plan.run_dir);
    RN_TRY(write_if_other(r, "pipeline.yaml", p->text, err));
    RN_TRY(write_if_other(r, "resolved.yaml", r->plan.how->resolved_yaml, err));
    char *path = in_run(r, "", "journal.jsonl", "");
    int rc = rn_journal_open(&r->journal, path, err);
    free(path);
    RN_TRY(rc);
    refresh_journal(r);
    json_t *stages = json_array();
    for (size_t i = 0; i < p->n_stages; i++)
        json_array_append_new(stages, json_string(p->stages[i].name));
    RN_TRY(end_killed(r, stages, err));
    return rn_journal_add(&r->journal,
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o}", "event", "run",
                                    "tag", p->tag, "pipeline", p->name, "path", p->path, "profile",
                                    p->profile ? p->profile : "", "device", r->plan.how->device,
                                    "threads", r->plan.how->threads, "version", RUNNEL_VERSION,
                                    "stages", stages),
                          err);
}

/* runs/<tag>/stages/<stage> -> ../../.store/<entry>; relative, so that runs/ can be moved. */
static int link_stage(struct rn_running *r, size_t i, struct rn_err *err)
{
    char old[512], *path = in_run(r, "stages", r->plan.p->stages[i].name, "");
    char *target = rn_xprintf("../../.store/%s", r->plan.nodes[i].entry->name);
    char *tmp = in_run(r, "stages", ".link", ".tmp");
    ssize_t n = readlink(path, old, sizeof old);
    int rc = RN_OK;
    if (n != (ssize_t)strlen(target) || memcmp(old, target, (size_t)n) != 0) {
        unlink(tmp);
        rc = symlink(target, tmp) == 0 ? rn_rename(tmp, path, err)
                                       : rn_fail_errno(err, RN_PATH(path), "cannot link");
    }
    free(tmp);
    free(target);
    free(path);
    return rc;
}

/* --- journal --- */

static json_t *stage_record(const struct rn_running *r, size_t i, const char *event)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const struct rn_pstage *s = &r->plan.p->stages[i];
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", event, "stage", s->name, "kind",
                     s->stage->kind, "progress", n->keys.progress, "out", n->keys.out);
}

static json_t *output_digests(const struct rn_stored *e)
{
    json_t *digests = json_object();
    for (size_t i = 0; i < e->n_outputs; i++)
        json_object_set_new(digests, e->outputs[i].name, json_string(e->outputs[i].digest));
    return digests;
}

static int record_kept(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const json_t *last = rn_journal_last(r->plan.journal, r->plan.p->stages[i].name, "done|kept");
    json_t *record = stage_record(r, i, "kept");
    json_object_set_new(record, "outputs", output_digests(n->entry));
    if (n->stale)
        json_object_set_new(record, "accepted_stale", json_string(n->entry->name));
    if (!n->stale && strcmp(rn_json_str(last, "out", ""), n->keys.out) == 0) {
        json_decref(record); /* known already: a run without work writes one line */
        return RN_OK;
    }
    return rn_journal_add(&r->journal, record, err);
}

/* --- one stage --- */

/* Final values that belong to the result, not to the machine. */
static json_t *final_metrics(const struct rn_work *w)
{
    json_t *final = json_object(), *value;
    const char *name;
    json_object_foreach(w->metrics.last, name,
                        value) if (!rn_metric_of_machine(w->stage->stage->metrics, name))
        json_object_set(final, name, value);
    return final;
}

/* Numbers of earlier steps may lie with another tag that worked on the same key. */
static int fetch_metrics(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const char *stage = r->plan.p->stages[i].name;
    const json_t *mine = rn_journal_last(r->plan.journal, stage, "started|done|kept");
    if (strcmp(rn_json_str(mine, "progress", ""), n->keys.progress) == 0)
        return RN_OK; /* this run has seen the key: what there is lies here */
    const char *progress = n->cost.resume_key ? n->cost.resume_key : n->keys.progress;
    char *path = in_run(r, "metrics", stage, ".jsonl");
    char *other = rn_runs_metrics_of(r->plan.how->runs, progress, r->plan.p->tag);
    char *text = NULL;
    size_t size;
    enum { METRICS_CAP = 1 << 30 };
    int rc = RN_OK;
    if (other && rn_file_read(other, METRICS_CAP, &text, &size, NULL) == RN_OK)
        rc = rn_file_write(path, text, size, err);
    free(text);
    free(other);
    free(path);
    return rc;
}

static int open_metrics(struct rn_work *w, struct rn_err *err)
{
    char *path = in_run(w->run, "metrics", w->stage->name, ".jsonl");
    int rc = fetch_metrics(w->run, w->index, err);
    if (rc == RN_OK)
        rc = rn_metrics_open(&w->metrics, path, err);
    free(path);
    RN_TRY(rc);
    return w->node->action == RN_ACT_RESUME ? RN_OK : rn_metrics_cut(&w->metrics, 0, err);
}

/* runs/.locks/<kind>-<progresskey16>: not in the store, which knows no processes. */
static int lock_work(struct rn_lock *lock, const struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    char *locks = rn_join(r->plan.how->runs, ".locks");
    char *path = rn_store_path(locks, s->stage->kind, r->plan.nodes[i].keys.progress, "");
    char *what = rn_xprintf("stage '%s'", s->name);
    int rc = rn_mkdirs(locks, err);
    if (rc == RN_OK)
        rc = rn_lock_take(lock, path, what, err);
    free(what);
    free(path);
    free(locks);
    return rc;
}

/* Takes the .work directory, emptied where the stage was forced, and an empty attempt. */
static int open_work(struct rn_work *w, struct rn_err *err)
{
    RN_TRY(lock_work(&w->lock, w->run, w->index, err));
    if (rn_in_list(w->run->plan.how->force, w->stage->name))
        RN_TRY(rn_remove_tree(w->dir, err));
    RN_TRY(rn_mkdirs(w->dir, err));
    rn_sweep_tmp(w->dir);
    char *key = rn_join(w->dir, "key.json");
    int rc = rn_exists(key) ? RN_OK : rn_json_write(key, w->node->keys.doc, err);
    free(key);
    RN_TRY(rc);
    RN_TRY(rn_remove_tree(w->attempt, err));
    RN_TRY(rn_mkdirs(w->attempt, err));
    return open_metrics(w, err);
}

/* Half-made outputs go, checkpoints stay; a stage that does not train leaves no .work behind. */
static void close_work(struct rn_work *w, bool done)
{
    rn_metrics_close(&w->metrics);
    if (!done && w->lock.fd >= 0)
        rn_remove_tree(w->attempt, NULL);
    if (done && !w->stage->stage->trains)
        rn_remove_tree(w->dir, NULL);
    rn_lock_release(&w->lock);
}

/* What a process that was killed after its outputs were final left lying beside them. */
static void sweep(const struct rn_running *r, size_t i)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    const struct rn_keys *keys = &r->plan.nodes[i].keys;
    struct rn_lock lock = {.fd = -1};
    char *dir = rn_store_path(r->plan.store, s->stage->kind, keys->progress, ".work");
    char *attempt = rn_store_path(r->plan.store, s->stage->kind, keys->out, ".attempt");
    bool leftover = rn_exists(attempt) || (!s->stage->trains && rn_exists(dir));
    if (leftover && lock_work(&lock, r, i, NULL) == RN_OK) {
        rn_remove_tree(attempt, NULL);
        if (!s->stage->trains)
            rn_remove_tree(dir, NULL);
    }
    rn_lock_release(&lock);
    free(attempt);
    free(dir);
}

static int call_stage(struct rn_work *w, struct rn_err *err)
{
    struct rn_running *r = w->run;
    struct rn_runner runner = {&r->plan, w->index, &w->metrics, r->ui};
    struct rn_job job = rn_plan_job(&r->plan, &runner);
    struct rn_log log = rn_stagelog_log(&w->log);
    struct rn_earlier earlier;
    job.n_earlier = rn_plan_earlier(&r->plan, w->index, &earlier);
    job.earlier = &earlier;
    job.out_dir = w->attempt;
    job.log = &log;
    int rc = w->stage->stage->run(&job, w->stage->cfg, err);
    if (rc != RN_OK && err->code == RN_OK)
        rc = rn_fail(err, (enum rn_code)rc, RN_NOWHERE, "%s", rn_code_word((enum rn_code)rc));
    return rc;
}

static int publish(struct rn_work *w, struct rn_err *err)
{
    struct rn_plan *plan = &w->run->plan;
    rn_metrics_offset(&w->metrics); /* the numbers are on disk before the outputs are */
    json_t *final = final_metrics(w);
    struct rn_publication what = {.metrics = final, .memo = plan->memo};
    int rc = rn_store_publish(plan->store, w->attempt, w->stage, &w->node->keys, &what, err);
    json_decref(final);
    RN_TRY(rc);
    RN_TRY(rn_store_load(&w->node->entry, plan->store, w->stage->stage->kind, w->node->keys.out,
                         RN_VERIFY_SIZE, err));
    return link_stage(w->run, w->index, err);
}

static int record_done(struct rn_work *w, double wall_s, struct rn_err *err)
{
    json_t *record = stage_record(w->run, w->index, "done");
    json_object_set_new(record, "wall_s", json_real(wall_s));
    rn_plan_note_work(&w->run->plan, w->index, record);
    if (rn_work_steps(w) > 0)
        json_object_set_new(record, "steps", json_integer((json_int_t)rn_work_steps(w)));
    json_object_set_new(record, "outputs", output_digests(w->node->entry));
    return rn_journal_add(&w->run->journal, record, err);
}

/* The stage ended badly; the journal's own trouble does not replace the reason. */
static void record_end(struct rn_work *w, int rc, const struct rn_err *err)
{
    json_t *record = stage_record(w->run, w->index, rc == RN_ESTOPPED ? "interrupted" : "failed");
    json_object_set_new(record, "wall_s", json_real(rn_clock_s() - w->start_s));
    json_object_set_new(record, "code", json_integer(rn_code_exit((enum rn_code)rc)));
    char message[sizeof err->msg];
    snprintf(message, sizeof message, "%s", err->msg);
    rn_ui_clean(message);
    json_object_set_new(record, "message", json_string(message));
    rn_journal_add(&w->run->journal, record, NULL);
}

static int start_and_run(struct rn_work *w, struct rn_err *err)
{
    json_t *record = stage_record(w->run, w->index, "started");
    json_object_set_new(record, "step", json_integer((json_int_t)w->node->cost.resume_step));
    json_object_set_new(record, "reason", json_string(w->node->reason));
    RN_TRY(rn_journal_add(&w->run->journal, record, err));
    RN_TRY(open_work(w, err));
    RN_TRY(call_stage(w, err));
    RN_TRY(rn_plan_rekey(&w->run->plan, w->index, err));
    return publish(w, err);
}

static int make_stage(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    struct rn_planned *n = &r->plan.nodes[i];
    struct rn_work w = {.run = r, .index = i, .stage = s, .node = n, .lock = {.fd = -1}};
    char *log = in_run(r, "log", s->name, ".log");
    w.start_s = rn_clock_s();
    w.dir = rn_store_path(r->plan.store, s->stage->kind, n->keys.progress, ".work");
    w.attempt = rn_store_path(r->plan.store, s->stage->kind, n->keys.out, ".attempt");
    rn_tell_start(r, i);
    int rc = rn_stagelog_open(&w.log, log, s->name, r->ui, err);
    if (rc == RN_OK)
        rc = start_and_run(&w, err);
    double wall_s = rn_clock_s() - w.start_s;
    if (rc == RN_OK)
        rc = record_done(&w, wall_s, err);
    if (rc == RN_OK)
        rn_tell_done(&w, wall_s);
    else {
        record_end(&w, rc, err);
        rn_tell_end(&w, rc, err);
    }
    close_work(&w, rc == RN_OK);
    rn_stagelog_close(&w.log);
    free(w.attempt);
    free(w.dir);
    free(log);
    return rc;
}

/* --- consent --- */

static bool asked_and_agreed(const struct rn_running *r, size_t i)
{
    char answer[16] = "";
    if (!r->plan.how->ask)
        return false;
    rn_ui_say(r->ui, "stage '%s' runs from the start (%s) and %s. Go on? [y/N]",
              r->plan.p->stages[i].name, r->plan.nodes[i].reason, r->plan.nodes[i].consent_for);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int need_consent(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const char *stage = r->plan.p->stages[i].name;
    if (!n->consent || asked_and_agreed(r, i))
        return RN_OK;
    int rc = rn_fail(err, RN_EUSAGE, r->plan.p->stages[i].at,
                     "stage '%s' would run from the start (%s); it %s", stage, n->reason,
                     n->consent_for);
    rn_hint(err, "if that is meant, add --yes=%s", stage);
    return rc;
}

static int fail_blocked(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const char *stage = r->plan.p->stages[i].name;
    int rc = rn_fail(err, RN_EUSAGE, r->plan.p->stages[i].at, "stage '%s' %s", stage, n->reason);
    rn_hint(err, "make it: %s --until %s; or take what there is: --accept-stale",
            r->plan.how->command ? r->plan.how->command : "runnel run", stage);
    return rc;
}

/* --- the run --- */

static int keep_stage(struct rn_running *r, size_t i, struct rn_err *err)
{
    r->n_kept++;
    RN_TRY(link_stage(r, i, err));
    RN_TRY(record_kept(r, i, err));
    RN_TRY(fetch_metrics(r, i, err));
    if (r->plan.nodes[i].keyed)
        sweep(r, i);
    rn_tell_kept(r, i);
    return RN_OK;
}

static int check_gates(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    char *path = in_run(r, "metrics", s->name, ".jsonl");
    json_t *lines = s->n_gates ? rn_metrics_read(path) : json_array(), *more = json_object();
    for (size_t l = 0; l < json_array_size(lines); l++)
        json_object_update(more, json_array_get(lines, l));
    int rc = rn_gates_check(s, rn_stored_metrics(r->plan.nodes[i].entry), more, err);
    json_decref(more);
    json_decref(lines);
    free(path);
    if (rc == RN_OK)
        return RN_OK;
    json_t *record = stage_record(r, i, "gate");
    json_object_set_new(record, "message", json_string(err->msg));
    rn_journal_add(&r->journal, record, NULL);
    rn_ui_stage(r->ui, '-', s->name, "gate     %s", err->msg);
    rn_tell_event(r, i, "gate", 0, err->msg);
    return rc;
}

/* The run's own copy of the pins, so that its data can be told from another's. */
static int copy_pins(const struct rn_running *r, struct rn_err *err)
{
    char *text = NULL;
    enum { PINS_CAP = 64 << 20 };
    if (!rn_exists(r->plan.lock_path))
        return RN_OK;
    RN_TRY(rn_file_read(r->plan.lock_path, PINS_CAP, &text, NULL, err));
    int rc = write_if_other(r, "pins.lock", text, err);
    free(text);
    return rc;
}

static int do_stage(struct rn_running *r, size_t i, struct rn_err *err)
{
    struct rn_planned *n = &r->plan.nodes[i];
    RN_TRY(rn_plan_decide(&r->plan, i, err));
    if (n->action == RN_ACT_SKIP)
        return RN_OK;
    if (n->action == RN_ACT_BLOCKED && !n->gated)
        return fail_blocked(r, i, err);
    if (n->entry)
        RN_TRY(keep_stage(r, i, err));
    else {
        RN_TRY(need_consent(r, i, err));
        RN_TRY(make_stage(r, i, err));
        RN_TRY(copy_pins(r, err));
        r->n_made++;
    }
    return n->stale ? RN_OK : check_gates(r, i, err);
}

static int do_stages(struct rn_running *r, struct rn_err *err)
{
    for (size_t i = 0; i < r->plan.p->n_stages; i++) {
        if (rn_signals_stopping()) {
            rn_tell_how_to_continue(r);
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped before stage '%s'",
                           r->plan.p->stages[i].name);
        }
        RN_TRY(do_stage(r, i, err));
    }
    return RN_OK;
}

static int check_resumed(const struct rn_running *r, struct rn_err *err)
{
    bool used = !r->plan.how->resume_from;
    for (size_t i = 0; i < r->plan.p->n_stages; i++)
        used |= r->plan.nodes[i].resume_named;
    if (used)
        return RN_OK;
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--resume-from %s: no training stage had work to do",
            r->plan.how->resume_from);
    rn_hint(err, "name the stage with --from or --only");
    return RN_EUSAGE;
}

static void close_run(struct rn_running *r)
{
    rn_journal_close(&r->journal);
    if (r->lock.fd >= 0)
        rn_memo_save(r->plan.memo);
    rn_lock_release(&r->lock);
    rn_plan_release(&r->plan);
}

int rn_run(const struct rn_pipeline *p, const struct rn_run_how *how, struct rn_ui *ui,
           struct rn_err *err)
{
    struct rn_running r = {
        .ui = ui, .journal = {.fd = -1}, .lock = {.fd = -1}, .start_s = rn_clock_s()};
    int rc = rn_plan_init(&r.plan, p, how, err);
    if (rc == RN_OK)
        rc = open_run(&r, err);
    if (rc == RN_OK) {
        rn_ui_say(ui, "%s  (%s, %zu stage%s, %s, %d thread%s)", p->tag, p->path, p->n_stages,
                  p->n_stages == 1 ? "" : "s", how->device, how->threads,
                  how->threads == 1 ? "" : "s");
        rn_ui_event(ui, json_pack("{s:s, s:i, s:s, s:s, s:i}", "event", "run", "schema", 1, "tag",
                                  p->tag, "dir", r.plan.run_dir, "stages", (int)p->n_stages));
        rc = do_stages(&r, err);
    }
    if (rc == RN_OK)
        rc = check_resumed(&r, err);
    if (rc == RN_OK)
        rn_tell_summary(&r);
    close_run(&r);
    return rc;
}
