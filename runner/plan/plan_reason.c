#include "planning.h"

#include "journal.h"
#include "str.h"

#include <stdarg.h>
#include <string.h>

enum { TELLING_DIFFS = 3 };

void rn_plan_say(struct rn_planned *n, enum rn_action action, const char *fmt, ...)
{
    n->action = action;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(n->reason, sizeof n->reason, fmt, ap);
    va_end(ap);
}

/* The newest record of what became of a stage under this tag; NULL if it never came to it. */
static const json_t *last_record(const struct rn_plan *plan, size_t stage)
{
    return rn_journal_last(plan->journal, plan->p->stages[stage].name, RN_EVENTS_OF_WORK);
}

static bool is_event(const json_t *record, const char *event)
{
    return strcmp(rn_json_str(record, "event", ""), event) == 0;
}

static bool was_finished(const json_t *record)
{
    return is_event(record, "done") || is_event(record, "kept") || is_event(record, "adopted");
}

/* --- compared with what --- */

static void compare(struct rn_planned *n, const json_t *old)
{
    rn_keydiff_release(&n->diff);
    rn_keydiff_make(&n->diff, old, n->keys.doc);
}

static bool compare_with_tag(struct rn_plan *plan, size_t stage)
{
    struct rn_planned *n = &plan->nodes[stage];
    const json_t *last = last_record(plan, stage);
    const char *kind = plan->p->stages[stage].stage->kind;
    json_t *old = last ? rn_history_doc(plan->history, kind, rn_json_str(last, "out", ""),
                                        rn_json_str(last, "progress", ""))
                       : NULL;
    if (!old)
        return false;
    compare(n, old);
    n->past = rn_arena_printf(&plan->arena, "%s-%.16s", kind, rn_json_str(last, "out", ""));
    json_decref(old);
    return true;
}

bool rn_plan_compare(struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct rn_planned *n = &plan->nodes[stage];
    struct rn_past past;
    if (compare_with_tag(plan, stage))
        return true;
    if (!rn_history_of_stage(plan->history, plan->p->tag, plan->p->name, s->name, s->stage->kind,
                             &past) &&
        !rn_history_nearest(plan->history, s->stage->kind, n->keys.doc, TELLING_DIFFS, &past))
        return false;
    compare(n, past.doc);
    n->past = past.name;
    return true;
}

/* --- why --- */

void rn_plan_tell_kept(struct rn_planned *n)
{
    struct rn_keydiff d;
    char text[sizeof n->reason];
    const json_t *adopted = json_object_get(n->entry->manifest, "adopted");
    if (!adopted) {
        rn_plan_say(n, RN_ACT_KEEP, "up to date");
        return;
    }
    rn_keydiff_make(&d, json_object_get(adopted, "made_from"), n->keys.doc);
    rn_keydiff_tell(&d, NULL, "", text, sizeof text);
    rn_plan_say(n, RN_ACT_KEEP, "adopted from %s: %s", rn_json_str(adopted, "from", "?"), text);
    rn_keydiff_release(&d);
}

/* Same key as before, yet no outputs: what the journal says happened. */
static void tell_unfinished(struct rn_planned *n, const json_t *last)
{
    if (was_finished(last))
        rn_plan_say(n, RN_ACT_RUN, "output missing from the store");
    else if (is_event(last, "failed"))
        rn_plan_say(n, RN_ACT_RUN, "failed before: %.200s", rn_json_str(last, "message", ""));
    else
        rn_plan_say(n, RN_ACT_RUN, "interrupted before its first checkpoint");
}

void rn_plan_tell_why(struct rn_plan *plan, size_t stage)
{
    const char *name = plan->p->stages[stage].name;
    struct rn_planned *n = &plan->nodes[stage];
    const json_t *last = last_record(plan, stage);
    char diff[sizeof n->reason];
    if (last && strcmp(rn_json_str(last, "out", ""), n->keys.out) == 0) {
        tell_unfinished(n, last);
        return;
    }
    bool compared = rn_plan_compare(plan, stage);
    rn_keydiff_tell(&n->diff, plan->p, name, diff, sizeof diff);
    if (compared && n->diff.n > 0)
        rn_plan_say(n, RN_ACT_RUN, "%s%s", diff,
                    n->cost.restart_key ? "; from step 0: no whole checkpoint saw this schedule"
                                        : "");
    else if (compared) /* as an entry that is gone or damaged, of another run */
        rn_plan_say(n, RN_ACT_RUN, "output missing from the store");
    else if (last)
        rn_plan_say(n, RN_ACT_RUN, "changed since its last run, of which nothing is left");
    else
        rn_plan_say(n, RN_ACT_RUN, "never run");
}

/* Checkpoints of a finished training go on to a later end, all others from where they broke off. */
void rn_plan_tell_resumed(struct rn_plan *plan, size_t stage)
{
    struct rn_planned *n = &plan->nodes[stage];
    const json_t *last = last_record(plan, stage);
    bool other = strcmp(rn_json_str(last, "out", ""), n->keys.out) != 0;
    char of[48] = "", why[sizeof n->reason] = "";
    if (n->cost.steps > 0)
        snprintf(of, sizeof of, " of %lld", (long long)n->cost.steps);
    if (other && rn_plan_compare(plan, stage))
        rn_keydiff_tell(&n->diff, plan->p, plan->p->stages[stage].name, why, sizeof why);
    rn_plan_say(n, RN_ACT_RESUME, "%s at step %lld%s%s%s",
                *why                 ? "goes on"
                : was_finished(last) ? "output missing, goes on"
                                     : "interrupted",
                (long long)n->cost.resume_step, of, *why ? ": " : "", why);
}
