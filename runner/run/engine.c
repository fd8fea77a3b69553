#include "engine.h"

#include "clock.h"
#include "file.h"
#include "locks.h"
#include "running.h"
#include "runs.h"
#include "signals.h"
#include "synctime.h"
#include "team.h"

#include <stdlib.h>
#include <string.h>

/* --- the run's directory --- */

static int keep_text(const struct rn_running *r, const char *name, const char *text,
                     struct rn_err *err)
{
    if (!text)
        return RN_OK;
    char *path = rn_run_path(r, "", name, "");
    int rc = rn_run_write_if_other(path, text, strlen(text), err);
    free(path);
    return rc;
}

static int make_dirs(const struct rn_running *r, struct rn_err *err)
{
    static const char *const folders[] = {"metrics", "log", "stages"};
    RN_TRY(rn_mkdirs_lasting(r->plan.store, err));
    int rc = RN_OK;
    for (size_t i = 0; i < RN_COUNT(folders) && rc == RN_OK; i++) {
        char *dir = rn_run_path(r, "", folders[i], "");
        rc = rn_mkdirs_lasting(dir, err);
        free(dir);
    }
    return rc;
}

static int take_run_lock(struct rn_running *r, struct rn_err *err)
{
    RN_TRY(rn_lock_take_run(&r->lock, r->plan.how->runs, r->plan.p->tag, err));
    if (*r->lock.took_over)
        rn_ui_say(r->ui, "took over from %s, which is gone", r->lock.took_over);
    return RN_OK;
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

static json_t *start_record(const struct rn_running *r)
{
    const struct rn_pipeline *p = r->plan.p;
    json_t *stages = json_array();
    for (size_t i = 0; i < p->n_stages; i++)
        json_array_append_new(stages, json_string(p->stages[i].name));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:o}", "event", "run", "tag",
                     p->tag, "pipeline", p->name, "path", p->path, "profile",
                     p->profile ? p->profile : "", "device", r->plan.how->device, "ranks",
                     rn_plan_ranks(r->plan.how), "threads", r->plan.how->threads, "version",
                     RUNNEL_VERSION, "stages", stages);
}

/* The run began with the same words last time. */
static bool is_said(const struct rn_running *r, const json_t *record)
{
    const json_t *last = NULL;
    for (size_t i = json_array_size(r->plan.journal); i-- > 0 && !last;)
        if (strcmp(rn_json_str(json_array_get(r->plan.journal, i), "event", ""), "run") == 0)
            last = json_array_get(r->plan.journal, i);
    json_t *timeless = json_copy((json_t *)last);
    json_object_del(timeless, "time");
    bool same = json_equal(timeless, record);
    json_decref(timeless);
    return same;
}

static int open_run(struct rn_running *r, struct rn_err *err)
{
    const struct rn_pipeline *p = r->plan.p;
    RN_TRY(take_run_lock(r, err));
    RN_TRY(make_dirs(r, err));
    rn_sweep_tmp(r->plan.run_dir);
    rn_sweep_tmp(r->plan.how->runs); /* of the memo; who loses one at work only hashes again */
    RN_TRY(keep_text(r, "pipeline.yaml", p->text, err));
    RN_TRY(keep_text(r, "resolved.yaml", r->plan.how->resolved_yaml, err));
    char *path = rn_run_path(r, "", "journal.jsonl", "");
    int rc = rn_journal_open(&r->journal, path, err);
    free(path);
    RN_TRY(rc);
    if (r->journal.damaged)
        rn_ui_say(r->ui, "%s: %zu damaged line%s left out; as it was: journal.jsonl.damaged",
                  r->journal.path, r->journal.damaged, r->journal.damaged == 1 ? "" : "s");
    r->plan.journal = json_copy(r->journal.found);
    json_t *record = start_record(r);
    RN_TRY(end_killed(r, json_object_get(record, "stages"), err));
    if (!r->journal.torn && is_said(r, record)) {
        rn_journal_announce(&r->journal, record);
        return RN_OK;
    }
    return rn_journal_add(&r->journal, record, err);
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

static bool has_commands(const struct rn_pipeline *p)
{
    for (size_t i = 0; i < p->n_stages; i++)
        if (p->stages[i].stage->executes)
            return true;
    return false;
}

static bool will_run(const struct rn_planned *n)
{
    return n->action == RN_ACT_RUN || n->action == RN_ACT_RESUME;
}

/* The processes that were started can share the work. */
static int check_ranks(const struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    if (!r->plan.how->team || !s->stage->share)
        return RN_OK;
    int rc = s->stage->share(s->cfg, s->stage, rn_team_world(r->plan.how->team), err);
    return rc == RN_OK ? RN_OK : rn_while(err, "stage '%s'", s->name);
}

/* Before anything runs, not hours later when the stage's turn comes. A look of its own: the run
 * decides each stage anew. What cannot be decided now is told when it must be. */
static int look_ahead(const struct rn_running *r, struct rn_err *err)
{
    struct rn_plan plan;
    int rc = RN_OK;
    if (!r->plan.how->team && (r->plan.how->allow_exec || !has_commands(r->plan.p)))
        return RN_OK;
    RN_TRY(rn_plan_init(&plan, r->plan.p, r->plan.how, err));
    for (size_t i = 0; i < plan.p->n_stages && rc == RN_OK; i++) {
        if (rn_plan_decide(&plan, i, NULL) != RN_OK)
            break;
        if (!will_run(&plan.nodes[i]))
            continue;
        rc = rn_schedule_permit(r, i, err);
        if (rc == RN_OK)
            rc = check_ranks(r, i, err);
    }
    rn_plan_release(&plan);
    return rc;
}

/* What the run cost, and where: written when there was work to do. */
static int record_costs(struct rn_running *r, struct rn_err *err)
{
    if (r->n_made == 0)
        return RN_OK;
    json_t *record = rn_run_costs(r);
    json_object_set_new(record, "event", json_string("end"));
    return rn_journal_add(&r->journal, record, err);
}

static void tell_ranks(const struct rn_running *r)
{
    char *text = r->plan.how->team ? rn_team_describe(r->plan.how->team) : NULL;
    if (text)
        rn_ui_say(r->ui, "%s", text);
    free(text);
}

static void greet(const struct rn_running *r)
{
    const struct rn_pipeline *p = r->plan.p;
    const struct rn_run_how *how = r->plan.how;
    rn_ui_say(r->ui, "%s  (%s, %zu stage%s, %s, %d thread%s)", p->tag, p->path, p->n_stages,
              p->n_stages == 1 ? "" : "s", how->device, how->threads, how->threads == 1 ? "" : "s");
    tell_ranks(r);
    rn_ui_event(r->ui, json_pack("{s:s, s:i, s:s, s:s, s:i}", "event", "run", "schema", 1, "tag",
                                 p->tag, "dir", r->plan.run_dir, "stages", (int)p->n_stages));
}

static void close_run(struct rn_running *r)
{
    for (size_t i = 0; r->works && i < r->plan.p->n_stages; i++)
        if (r->works[i])
            rn_work_free(r->works[i]);
    rn_helpers_stop(r);
    rn_alerting_close(r);
    free(r->works);
    free(r->sent_back);
    free(r->states);
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
    rn_signals_install();
    rn_sync_time_start();
    r.before_sync_s = rn_sync_time_s();
    r.states = rn_xalloc((p->n_stages + 1) * sizeof *r.states);
    r.sent_back = rn_xalloc((p->n_stages + 1) * sizeof *r.sent_back);
    for (size_t i = 0; i < p->n_stages; i++)
        r.sent_back[i].derailed_at = INT64_MIN;
    r.works = rn_xalloc((p->n_stages + 1) * sizeof *r.works);
    int rc = rn_plan_init(&r.plan, p, how, err);
    if (rc == RN_OK)
        rc = look_ahead(&r, err);
    if (rc == RN_OK)
        rc = open_run(&r, err);
    if (rc == RN_OK) {
        greet(&r);
        rn_alerting_open(&r);
        rc = rn_schedule(&r, err);
    }
    if (rc == RN_OK)
        rc = check_resumed(&r, err);
    if (rc == RN_OK)
        rc = record_costs(&r, err);
    if (rc == RN_OK)
        rn_tell_summary(&r);
    close_run(&r);
    rn_sync_time_stop();
    return rc;
}
