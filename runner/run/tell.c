/* tell.c - the transcript of a run: short, one line per transition, and where things lie. */
#include "clock.h"
#include "running.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { TAIL_LINES = 20, HEADLINES = 4 };

void rn_tell_event(struct rn_running *r, size_t i, const char *state, double wall_s,
                   const char *message)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    char *clean = message ? rn_xdup(message) : NULL;
    if (clean)
        rn_ui_clean(clean);
    rn_ui_event(r->ui, json_pack("{s:s, s:s, s:s, s:s, s:f, s:s*, s:O*}", "event", "stage", "stage",
                                 r->plan.p->stages[i].name, "state", state, "reason", n->reason,
                                 "wall_s", wall_s, "message", clean, "metrics",
                                 n->entry ? rn_stored_metrics(n->entry) : NULL));
    free(clean);
}

static void describe_output(struct rn_str *s, const struct rn_artifact *a)
{
    char size[32];
    double bytes = 0;
    for (size_t f = 0; f < a->n_files; f++)
        bytes += (double)a->files[f].size_bytes;
    rn_str_printf(s, "%s%s (%zu file%s, %s)", s->n ? ", " : "", a->name, a->n_files,
                  a->n_files == 1 ? "" : "s", rn_show_bytes(size, bytes));
}

/* In the order in which the stage declares them. */
static void describe_outputs(struct rn_str *s, const struct rn_pstage *stage,
                             const struct rn_stored *e)
{
    enum { SHOWN = 3 };
    struct rn_str list = {0};
    for (size_t i = 0; i < stage->n_outputs && i < SHOWN; i++) {
        const struct rn_artifact *a = rn_stored_output(e, stage->outputs[i].name);
        if (a)
            describe_output(&list, a);
    }
    rn_str_puts(s, list.n ? list.p : "");
    if (stage->n_outputs > SHOWN)
        rn_str_printf(s, " and %zu more", stage->n_outputs - SHOWN);
    rn_str_release(&list);
}

/* Whether a final value belongs in the one line about a stage: scores and the like. */
static bool is_headline(const struct rn_pstage *s, const char *name)
{
    const struct rn_metric *m = s->stage->metrics;
    while (m && m->name && strcmp(m->name, name) != 0)
        m++;
    return m && m->name ? m->better != 0 : strchr(name, '.') != NULL;
}

static bool is_gated(const struct rn_pstage *s, const char *name)
{
    for (size_t i = 0; i < s->n_gates; i++)
        if (strcmp(s->gates[i].metric, name) == 0)
            return true;
    return false;
}

/* What gates look at first, then what else the stage measured, as far as a line goes. */
static void describe_metrics(struct rn_str *s, const struct rn_pstage *stage, const json_t *metrics)
{
    const char *name;
    json_t *value;
    int shown = 0;
    for (int gated = 1; gated >= 0; gated--)
        json_object_foreach((json_t *)metrics, name,
                            value) if (json_is_number(value) &&
                                       is_gated(stage, name) == (gated == 1) &&
                                       (gated || is_headline(stage, name)) && shown++ < HEADLINES)
            rn_str_printf(s, ", %s %.4g", name, json_number_value(value));
}

void rn_tell_kept(struct rn_running *r, size_t i)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    struct rn_str s = {0};
    if (n->stale)
        rn_str_printf(&s, "kept     %s", n->reason);
    else {
        rn_str_puts(&s, "kept     ");
        describe_outputs(&s, &r->plan.p->stages[i], n->entry);
        describe_metrics(&s, &r->plan.p->stages[i], rn_stored_metrics(n->entry));
    }
    rn_ui_stage(r->ui, n->stale ? '!' : '=', r->plan.p->stages[i].name, "%s", s.p);
    rn_str_release(&s);
    rn_tell_event(r, i, "kept", 0, NULL);
}

/* The first time needs no reason. */
static bool goes_without_saying(const char *reason)
{
    return strcmp(reason, "never run") == 0;
}

void rn_tell_start(struct rn_running *r, size_t i)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    bool resumed = n->action == RN_ACT_RESUME;
    const char *word = resumed ? "resumes" : "runs";
    if (goes_without_saying(n->reason))
        rn_ui_stage(r->ui, '>', r->plan.p->stages[i].name, "%s", word);
    else
        rn_ui_stage(r->ui, '>', r->plan.p->stages[i].name, "%-8s %s", word, n->reason);
    rn_tell_event(r, i, resumed ? "resumed" : "started", 0, NULL);
}

int64_t rn_work_steps(const struct rn_work *w)
{
    if (!w->stage->stage->trains)
        return 0;
    return w->node->cost.steps > 0 ? w->node->cost.steps : w->step;
}

void rn_tell_done(const struct rn_work *w, double wall_s)
{
    char time[32];
    struct rn_str s = {0};
    if (rn_work_steps(w) > 0)
        rn_str_printf(&s, "trained  %lld steps", (long long)rn_work_steps(w));
    else {
        rn_str_puts(&s, "made     ");
        describe_outputs(&s, w->stage, w->node->entry);
    }
    describe_metrics(&s, w->stage, rn_stored_metrics(w->node->entry));
    rn_ui_stage(w->run->ui, '+', w->stage->name, "%s, %s", s.p, rn_show_time(time, wall_s));
    rn_str_release(&s);
    rn_tell_event(w->run, w->index, "done", wall_s, NULL);
}

void rn_tell_how_to_continue(struct rn_running *r)
{
    if (r->plan.how->command)
        rn_ui_say(r->ui, "to continue:  %s", r->plan.how->command);
}

/* A training that has read all its checkpoints and could take up none says that of its directory;
 * what a glance shows was told before it began. */
static bool is_stuck(const struct rn_work *w, const struct rn_err *err)
{
    return w->stage->stage->trains && err->code == RN_ECORRUPT && strcmp(err->path, w->dir) == 0 &&
           !w->run->plan.how->resume_from;
}

static void tell_how_to_begin_anew(struct rn_running *r, size_t i)
{
    const char *name = r->plan.p->stages[i].name, *command = r->plan.how->command;
    rn_ui_say(r->ui, "%s cannot continue: none of its checkpoints is whole", name);
    if (command)
        rn_ui_say(r->ui, "to begin it anew:  %s --force %s", command, name);
}

void rn_tell_stuck(struct rn_running *r, size_t i, const struct rn_err *err)
{
    rn_ui_stage(r->ui, '-', r->plan.p->stages[i].name, "failed   %s", r->plan.nodes[i].cost.stuck);
    tell_how_to_begin_anew(r, i);
    rn_tell_event(r, i, "failed", 0, err->msg);
}

static void tell_failure(struct rn_work *w, const struct rn_err *err)
{
    struct rn_running *r = w->run;
    rn_ui_stage(r->ui, '-', w->stage->name, "failed   %s", err->msg);
    char *tail = rn_stagelog_tail(&w->log, TAIL_LINES);
    if (*tail)
        rn_ui_say(r->ui, "last lines of %s:", w->log.path);
    for (char *line = tail, *end; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        rn_ui_say(r->ui, "  %.*s", (int)(end - line), line);
        if (!*end)
            break;
    }
    free(tail);
    if (is_stuck(w, err))
        tell_how_to_begin_anew(r, w->index);
    else
        rn_tell_how_to_continue(r);
    rn_tell_event(r, w->index, "failed", rn_clock_s() - w->start_s, err->msg);
}

void rn_tell_end(struct rn_work *w, int rc, const struct rn_err *err)
{
    if (rc != RN_ESTOPPED) {
        tell_failure(w, err);
        return;
    }
    rn_ui_stage(w->run->ui, '!', w->stage->name, "stopped  %s",
                w->stage->stage->trains ? "saved; the same command continues here"
                                        : "the same command does it again");
    rn_tell_how_to_continue(w->run);
    rn_tell_event(w->run, w->index, "interrupted", rn_clock_s() - w->start_s, err->msg);
}

/* Names and messages hold what servers said. */
static json_t *any_text(const char *s)
{
    return rn_json_text(s, strlen(s));
}

void rn_tell_file(const struct rn_work *w, const struct rn_file_end *f)
{
    json_t *event =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:o}", "event", "file", "stage",
                  w->stage->name, "file", any_text(f->file), "state", any_text(f->state), "sha256",
                  any_text(f->sha256), "size_bytes", (json_int_t)f->size_bytes, "trust",
                  any_text(f->trust), "where", any_text(f->where));
    if (*f->message)
        json_object_set_new(event, "message", any_text(f->message));
    rn_ui_event(w->run->ui, event);
}

void rn_tell_alarm(struct rn_work *w, const char *snapshot)
{
    rn_ui_stage(w->run->ui, '!', w->stage->name, "watch    %s; see %s", w->watching.why, snapshot);
    rn_tell_event(w->run, w->index, "watch", rn_clock_s() - w->start_s, w->watching.why);
}

void rn_tell_again(struct rn_running *r, size_t i)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    rn_ui_stage(r->ui, '!', s->name,
                "stopped  by its watch; goes on from its last checkpoint (%lld of %lld)",
                (long long)r->sent_back[i].times, (long long)s->watch.max);
    rn_tell_event(r, i, "interrupted", 0, "stopped by its watch");
}

void rn_tell_lost(struct rn_running *r, size_t i, size_t producer)
{
    const char *needed = r->plan.p->stages[producer].name;
    rn_ui_stage(r->ui, '-', r->plan.p->stages[i].name, "not run  needs %s", needed);
    char *message = rn_xprintf("needs %s", needed);
    rn_tell_event(r, i, "blocked", 0, message);
    free(message);
}

/* The last stage that made a model, to talk to. */
static const struct rn_pstage *last_model(const struct rn_running *r)
{
    for (size_t i = r->plan.p->n_stages; i-- > 0;)
        for (size_t o = 0; r->plan.nodes[i].entry && o < r->plan.nodes[i].entry->n_outputs; o++)
            if (strcmp(r->plan.nodes[i].entry->outputs[o].kind, "model") == 0)
                return &r->plan.p->stages[i];
    return NULL;
}

/* By the run's folder, which is found under any --runs. */
static void say_what_next(struct rn_running *r)
{
    const struct rn_pstage *model = last_model(r);
    struct rn_str word = {0};
    rn_str_shell(&word, r->plan.run_dir);
    rn_ui_say(r->ui, "  numbers    runnel metrics %s --to csv", word.p);
    if (model) {
        char *asked = rn_xprintf("%s:%s", r->plan.run_dir, model->name);
        rn_str_clear(&word);
        rn_str_shell(&word, asked);
        rn_ui_say(r->ui, "  ask it     runnel %s %s", model->stage->talks ? "chat" : "sample",
                  word.p);
        free(asked);
    }
    rn_str_release(&word);
}

void rn_tell_summary(struct rn_running *r)
{
    char time[32];
    json_t *end = rn_run_costs(r);
    json_object_update_new(end, json_pack("{s:s, s:s, s:o, s:i, s:i}", "event", "end", "tag",
                                          r->plan.p->tag, "dir", rn_json_text(r->plan.run_dir, 0),
                                          "made", (int)r->n_made, "kept", (int)r->n_kept));
    rn_ui_event(r->ui, end);
    rn_ui_say(r->ui, "%s", "");
    if (r->n_made)
        rn_ui_say(r->ui, "done in %s: %zu made, %zu kept",
                  rn_show_time(time, rn_clock_s() - r->start_s), r->n_made, r->n_kept);
    else
        rn_ui_say(r->ui, "nothing to do: %zu stages are up to date", r->n_kept);
    rn_ui_say(r->ui, "  outputs    %s/stages/", r->plan.run_dir);
    say_what_next(r);
}
