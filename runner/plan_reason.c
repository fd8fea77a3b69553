#include "planning.h"

#include "file.h"
#include "journal.h"
#include "str.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TELLING_DIFFS = 3, CANDIDATES_MAX = 2000 };

void rn_plan_say(struct rn_planned *n, enum rn_action action, const char *fmt, ...)
{
    n->action = action;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(n->reason, sizeof n->reason, fmt, ap);
    va_end(ap);
}

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
        rn_plan_say(n, RN_ACT_RUN, "output missing from the store");
    else if (strcmp(event, "failed") == 0)
        rn_plan_say(n, RN_ACT_RUN, "failed before: %.200s", rn_json_str(last, "message", ""));
    else
        rn_plan_say(n, RN_ACT_RUN, "interrupted before its first checkpoint");
}

/* Sets the reason of a stage that runs from the start. */
void rn_plan_tell_why(struct rn_plan *plan, size_t stage)
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
        rn_plan_say(n, RN_ACT_RUN, "%s", diff);
    else if (last)
        rn_plan_say(n, RN_ACT_RUN, "changed since its last run");
    else if (nearest_entry(plan, s, n->keys.doc, diff, sizeof diff) <= TELLING_DIFFS)
        rn_plan_say(n, RN_ACT_RUN, "%s", diff);
    else
        rn_plan_say(n, RN_ACT_RUN, "never run");
    json_decref(old);
}

/* Checkpoints of a finished training go on to a later end, all others from where they broke off. */
void rn_plan_tell_resumed(struct rn_plan *plan, size_t stage)
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
    rn_plan_say(n, RN_ACT_RESUME, "%s at step %lld%s",
                finished && other ? "goes on"
                : finished        ? "output missing, goes on"
                                  : "interrupted",
                (long long)n->cost.resume_step, of);
}
