/* scheduler.c - which stage when.
 *
 * Stages are looked at in running order (topological, ties as written) and started when all they
 * need is settled and a slot is free. What a stage gets as input never depends on when it starts:
 * keys are digests of inputs. */
#include "running.h"

#include "arrivals.h"
#include "clock.h"
#include "consent.h"
#include "file.h"
#include "gate_check.h"
#include "links.h"
#include "locks.h"
#include "metrics.h"
#include "receipt.h"
#include "signals.h"
#include "team.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What fails on all ranks alike should be told in rank 0's own words. */
static const double FAILED_RANK_GRACE_S = 2;

/* --- what somebody must agree to --- */

int rn_schedule_permit(const struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    if (!s->stage->executes || r->plan.how->allow_exec)
        return RN_OK;
    rn_fail(err, RN_EUSAGE, s->at, "stage '%s' runs a command that the file names", s->name);
    rn_hint(err, "read what it does; if you trust it, add --allow-exec");
    return RN_EUSAGE;
}

static int refuse(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const char *stage = r->plan.p->stages[i].name;
    int rc = rn_fail(err, RN_EUSAGE, r->plan.p->stages[i].at,
                     "stage '%s' would run from the start (%s); it %s", stage, n->reason,
                     n->consent_for);
    rn_hint(err, "if that is meant, add --yes=%s", stage);
    return rc;
}

/* The answer comes in its time: those at work are listened to meanwhile. */
static int ask(struct rn_running *r, size_t i, struct rn_err *err)
{
    if (!r->plan.how->ask || !rn_consent_possible())
        return refuse(r, i, err);
    rn_consent_open();
    rn_ui_say(r->ui, "stage '%s' runs from the start (%s) and %s. Go on? [y/N]",
              r->plan.p->stages[i].name, r->plan.nodes[i].reason, r->plan.nodes[i].consent_for);
    r->states[i] = RN_ASKS;
    r->asking = true;
    return RN_OK;
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

/* To begin anew is to throw its work away: nobody does that without being asked. */
static int fail_stuck(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    rn_fail(err, RN_ECORRUPT, s->at, "stage '%s' cannot continue: %s", s->name,
            r->plan.nodes[i].cost.stuck);
    rn_hint(err, "--force %s begins it anew", s->name);
    json_t *record = rn_run_record(r, i, "failed");
    json_object_set_new(record, "code", json_integer(rn_code_exit(RN_ECORRUPT)));
    json_object_set_new(record, "message", json_string(err->msg));
    rn_journal_add(&r->journal, record, NULL);
    rn_tell_stuck(r, i, err);
    rn_alerting_tell(r, i, NULL, RN_ALERT_failed, err->msg);
    return RN_ECORRUPT;
}

/* --- a stage that is kept --- */

static int record_kept(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const json_t *last = rn_journal_last(r->plan.journal, r->plan.p->stages[i].name,
                                         "done|kept|failed|interrupted|gate");
    const char *event = rn_json_str(last, "event", "");
    if (!n->stale && strcmp(rn_json_str(last, "out", ""), n->keys.out) == 0 &&
        (strcmp(event, "done") == 0 || strcmp(event, "kept") == 0))
        return RN_OK; /* known already: a run without work writes one line */
    RN_TRY(rn_receipt_inherit(&r->plan, i, err));
    json_t *record = rn_run_record(r, i, "kept");
    json_object_set_new(record, "outputs", rn_run_digests(n->entry));
    if (n->stale)
        json_object_set_new(record, "accepted_stale", json_string(n->entry->name));
    return rn_journal_add(&r->journal, record, err);
}

/* What a process that was killed after its outputs were final left lying beside them. */
static void sweep(const struct rn_running *r, size_t i)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    const struct rn_keys *keys = &r->plan.nodes[i].keys;
    struct rn_lock lock = {.fd = -1};
    char *dir = rn_store_path(r->plan.store, s->stage->kind, keys->progress, ".work");
    char *attempt = rn_store_path(r->plan.store, s->stage->kind, keys->out, ".attempt");
    bool leftover = rn_exists(attempt) || rn_lock_lies_on_stage(&r->plan, i) ||
                    (!s->stage->trains && rn_exists(dir));
    if (leftover && rn_lock_take_stage(&lock, &r->plan, i, NULL) == RN_OK) {
        rn_remove_tree(attempt, NULL);
        if (!s->stage->trains)
            rn_remove_tree(dir, NULL);
    }
    rn_lock_release(&lock);
    free(attempt);
    free(dir);
}

static int keep_stage(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    r->n_kept++;
    RN_TRY(rn_link_set(r->plan.run_dir, r->plan.p->stages[i].name, n->entry->name, err));
    RN_TRY(record_kept(r, i, err));
    RN_TRY(rn_run_fetch_metrics(r, i, err));
    if (n->keyed)
        sweep(r, i);
    rn_tell_kept(r, i);
    return RN_OK;
}

static int check_gates(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    char *path = rn_run_path(r, "metrics", s->name, ".jsonl");
    int rc = rn_gates_check(s, rn_stored_metrics(r->plan.nodes[i].entry), path, err);
    free(path);
    if (rc == RN_OK)
        return RN_OK;
    json_t *record = rn_run_record(r, i, "gate");
    json_object_set_new(record, "message", json_string(err->msg));
    rn_journal_add(&r->journal, record, NULL);
    rn_ui_stage(r->ui, '-', s->name, "gate     %s", err->msg);
    rn_tell_event(r, i, "gate", 0, err->msg);
    rn_alerting_tell(r, i, NULL, RN_ALERT_failed, err->msg);
    return rc;
}

/* The run's own copy of the pins, so that its data can be told from another's. */
static int copy_pins(const struct rn_running *r, struct rn_err *err)
{
    enum { PINS_CAP = 64 << 20 };
    char *text = NULL, *path = rn_run_path(r, "", "pins.lock", "");
    size_t n = 0;
    int rc = RN_OK;
    if (rn_exists(r->plan.lock_path))
        rc = rn_file_read(r->plan.lock_path, PINS_CAP, &text, &n, err);
    if (rc == RN_OK && text)
        rc = rn_run_write_if_other(path, text, n, err);
    free(text);
    free(path);
    return rc;
}

/* --- what becomes of a stage --- */

static void ask_all_to_stop(struct rn_running *r)
{
    r->closing = true;
    for (size_t i = 0; i < r->plan.p->n_stages; i++)
        if (r->works[i])
            rn_child_ask(&r->works[i]->child);
}

/* What fails in the background, or under --keep-going, stops only what needs it. */
static bool spoils_the_rest(const struct rn_running *r, size_t i, int rc)
{
    return rc == RN_ESTOPPED || !(r->plan.how->keep_going || r->plan.p->stages[i].background);
}

/* Only the first failure is the run's; the others stopped because of it, or come on top. */
static void lose(struct rn_running *r, size_t i, int rc, const struct rn_err *err)
{
    r->states[i] = RN_LOST;
    if (r->rc == RN_OK) {
        r->rc = rc;
        rn_fail_as(&r->first, err);
    }
    if (spoils_the_rest(r, i, rc))
        ask_all_to_stop(r);
}

static int settle_made(struct rn_running *r, size_t i, struct rn_err *err)
{
    r->n_made++;
    RN_TRY(copy_pins(r, err));
    return check_gates(r, i, err);
}

static int settle_kept(struct rn_running *r, size_t i, struct rn_err *err)
{
    RN_TRY(keep_stage(r, i, err));
    return r->plan.nodes[i].stale ? RN_OK : check_gates(r, i, err);
}

static size_t slots(const struct rn_running *r)
{
    bool in_turn = r->plan.how->resume_from; /* "the first stage that has work to do" */
    return r->plan.how->jobs > 1 && !in_turn ? (size_t)r->plan.how->jobs : 1;
}

/* An equal part for each slot, whether the others are taken or not: no stage waits for another. */
static int share_of_threads(const struct rn_running *r)
{
    size_t n = slots(r) < r->plan.p->n_stages ? slots(r) : r->plan.p->n_stages;
    int share = r->plan.how->threads / (int)n;
    return share > 0 ? share : 1;
}

/* Two stages of one pipeline may do the same work: the second goes on where the first ends. */
static bool is_at_work(const struct rn_running *r, const char *progress)
{
    for (size_t i = 0; i < r->plan.p->n_stages; i++)
        if (r->works[i] && strcmp(r->works[i]->node->keys.progress, progress) == 0)
            return true;
    return false;
}

static int start_work(struct rn_running *r, size_t i, struct rn_err *err)
{
    RN_TRY(rn_work_start(r, i, share_of_threads(r), err));
    r->states[i] = RN_WORKS;
    r->n_working++;
    r->n_slots_taken += !r->plan.p->stages[i].background;
    return RN_OK;
}

/* Decides the stage; what must be made gets its process. */
static int take_up(struct rn_running *r, size_t i, struct rn_err *err)
{
    struct rn_planned *n = &r->plan.nodes[i];
    r->states[i] = RN_SETTLED;
    RN_TRY(rn_plan_decide(&r->plan, i, err));
    if (n->action == RN_ACT_SKIP)
        return RN_OK;
    if (n->stuck)
        return fail_stuck(r, i, err);
    if (n->action == RN_ACT_BLOCKED && !n->gated)
        return fail_blocked(r, i, err);
    if (n->entry)
        return settle_kept(r, i, err);
    bool in_turn = r->plan.p->stages[i].stage->trains && rn_team_is_busy(r->plan.how->team);
    if (in_turn || is_at_work(r, n->keys.progress)) {
        r->states[i] = RN_WAITS; /* and is decided again when that is done */
        return RN_OK;
    }
    RN_TRY(rn_schedule_permit(r, i, err));
    return n->consent ? ask(r, i, err) : start_work(r, i, err);
}

/* A producer in the background may have given all that is asked of it, whatever becomes of it. */
static bool has_arrived(const struct rn_running *r, const struct rn_edge *edge)
{
    return rn_arrivals_cover(r->plan.nodes[edge->producer].arrivals, edge);
}

static bool is_ready(const struct rn_running *r, size_t i)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    for (size_t e = 0; e < s->n_edges; e++)
        if (r->states[s->edges[e].producer] != RN_SETTLED && !has_arrived(r, &s->edges[e]))
            return false;
    return true;
}

/* LOST through what it needs: true if the stage will never be ready. */
static bool is_lost(struct rn_running *r, size_t i)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    for (size_t e = 0; e < s->n_edges; e++)
        if (r->states[s->edges[e].producer] == RN_LOST && !has_arrived(r, &s->edges[e])) {
            r->states[i] = RN_LOST;
            rn_tell_lost(r, i, s->edges[e].producer);
            return true;
        }
    return false;
}

static bool has_slot(const struct rn_running *r, size_t i)
{
    return r->plan.p->stages[i].background || r->n_slots_taken < slots(r);
}

static void consider(struct rn_running *r, size_t i)
{
    struct rn_err err = {0};
    if (r->states[i] != RN_WAITS || is_lost(r, i) || !has_slot(r, i) || !is_ready(r, i))
        return;
    int rc = take_up(r, i, &err);
    if (rc != RN_OK)
        lose(r, i, rc, &err);
}

/* A signal that came just now is no `closing` yet: those at work have not been asked to stop. */
static bool starts_more(const struct rn_running *r)
{
    return !r->closing && !r->asking && !rn_signals_stopping();
}

static void start_ready(struct rn_running *r)
{
    for (size_t i = 0; i < r->plan.p->n_stages && starts_more(r); i++)
        consider(r, i);
    if (r->n_working > r->most_working)
        r->most_working = r->n_working;
}

/* --- listening --- */

static size_t first_in(const struct rn_running *r, enum rn_progress_of state)
{
    size_t i = 0;
    while (i < r->plan.p->n_stages && r->states[i] != state)
        i++;
    return i;
}

static void hear_answer(struct rn_running *r)
{
    struct rn_err err = {0};
    size_t i = first_in(r, RN_ASKS);
    bool agreed = rn_consent_read();
    r->asking = false;
    r->states[i] = RN_LOST; /* unless it starts */
    int rc = agreed ? start_work(r, i, &err) : refuse(r, i, &err);
    if (rc != RN_OK)
        lose(r, i, rc, &err);
}

/* Nothing new is started any more: the answer does not matter. */
static void withdraw_question(struct rn_running *r)
{
    r->states[first_in(r, RN_ASKS)] = RN_WAITS;
    r->asking = false;
}

static void hear(struct rn_running *r, size_t i)
{
    struct rn_news news;
    while (rn_child_hears(&r->works[i]->child, &news))
        rn_work_hear(r->works[i], &news);
}

static void reap(struct rn_running *r, size_t i, int status)
{
    struct rn_err err = {0};
    hear(r, i);
    bool again;
    int rc = rn_work_finish(r->works[i], status, &again, &err);
    r->n_working--;
    r->n_slots_taken -= !r->plan.p->stages[i].background;
    r->states[i] = again ? RN_WAITS : RN_SETTLED;
    if (rc == RN_OK && !again)
        rc = settle_made(r, i, &err);
    if (rc != RN_OK)
        lose(r, i, rc, &err);
}

/* Until a watch or the lock's beat is due. */
static int sleep_ms(const struct rn_running *r)
{
    double until_s = fmin(rn_clock_s() + RN_LOCK_BEAT_S, rn_team_due_s(r->plan.how->team));
    for (size_t i = 0; i < r->plan.p->n_stages; i++)
        if (r->works[i])
            until_s = fmin(until_s, rn_work_due_s(r->works[i]));
    double ms = ceil((until_s - rn_clock_s()) * 1000);
    return ms > 0 ? (int)ms : 0;
}

/* Sleeps until a stage says something or ends, a signal or an answer comes, or it is time to look.
 * True: the answer. */
static bool sleep_until_news(struct rn_running *r)
{
    size_t n = 0;
    const struct rn_team *team = r->plan.how->team;
    struct pollfd *fds = rn_xalloc((r->n_working + 2 + (team ? RN_ROLL_FDS : 0)) * sizeof *fds);
    fds[n++] = (struct pollfd){.fd = r->asking ? STDIN_FILENO : -1, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = rn_signals_fd(), .events = POLLIN};
    for (size_t i = 0; i < r->plan.p->n_stages; i++)
        if (r->works[i])
            fds[n++] = (struct pollfd){.fd = r->works[i]->child.fd, .events = POLLIN};
    n += rn_team_fds(team, fds + n);
    int ready = poll(fds, (nfds_t)n, sleep_ms(r));
    if (ready < 0)
        RN_ASSERT(errno == EINTR || errno == ENOMEM);
    bool answered = ready > 0 && fds[0].revents;
    rn_signals_drain();
    free(fds);
    return answered;
}

/* Others see that we live, also where only the records of locks can tell. */
static void beat(struct rn_running *r)
{
    rn_lock_beat(&r->lock);
    for (size_t i = 0; i < r->plan.p->n_stages; i++)
        if (r->works[i])
            rn_lock_beat(&r->works[i]->lock);
}

/* Where nothing is in training the next one cannot be: those at work are asked to stop. */
static void lose_rank(struct rn_running *r, const struct rn_err *why, double grace_s)
{
    for (size_t i = 0; i < r->plan.p->n_stages; i++)
        if (r->works[i] && rn_team_shares(r->works[i])) {
            rn_work_blame(r->works[i], why, grace_s);
            return;
        }
    if (r->rc == RN_OK) {
        r->rc = why->code;
        rn_fail_as(&r->first, why);
    }
    ask_all_to_stop(r);
}

static void hear_ranks(struct rn_running *r)
{
    for (;;) {
        struct rn_err why = {0};
        switch (rn_team_hear(r->plan.how->team, &why)) {
        case RN_TEAM_QUIET:
            return;
        case RN_TEAM_STOPS:
            rn_signals_stop();
            break;
        case RN_TEAM_FAILED:
            lose_rank(r, &why, FAILED_RANK_GRACE_S);
            break;
        case RN_TEAM_LOST:
            lose_rank(r, &why, 0);
            break;
        }
    }
}

static void listen_to_all(struct rn_running *r)
{
    bool answered = sleep_until_news(r);
    beat(r);
    hear_ranks(r);
    rn_helpers_listen(r);
    if (rn_signals_stopping() && !r->closing)
        ask_all_to_stop(r);
    if (r->asking && r->closing)
        withdraw_question(r);
    else if (answered)
        hear_answer(r);
    for (size_t i = 0; i < r->plan.p->n_stages; i++) {
        int status;
        if (!r->works[i])
            continue;
        hear(r, i);
        rn_work_look(r->works[i]);
        if (rn_child_ended(&r->works[i]->child, &status))
            reap(r, i, status);
        else if (rn_team_take_back(r->works[i]))
            reap(r, i, 0);
    }
}

/* --- the whole --- */

int rn_schedule(struct rn_running *r, struct rn_err *err)
{
    start_ready(r);
    while (r->n_working > 0 || r->asking) {
        listen_to_all(r);
        start_ready(r);
    }
    size_t left = first_in(r, RN_WAITS);
    if (r->rc == RN_OK && left < r->plan.p->n_stages) {
        rn_tell_how_to_continue(r);
        return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped before stage '%s'",
                       r->plan.p->stages[left].name);
    }
    if (r->rc != RN_OK)
        rn_fail_as(err, &r->first);
    return r->rc;
}
