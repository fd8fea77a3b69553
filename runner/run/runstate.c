#include "runstate.h"

#include "file.h"
#include "journal.h"
#include "links.h"
#include "locks.h"
#include "mem.h"
#include "metrics.h"
#include "path.h"
#include "runs.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A stage's newest record of these says how it is; the words of others are the events' own. */
static const char events[] = "done|kept|adopted|failed|interrupted|gate|started";
static const struct {
    const char *event, *word;
} words[] = {{"adopted", "kept"}, {"started", "interrupted"}};
static const struct {
    const char *word;
    char symbol;
} symbols[] = {{"done", '='},   {"kept", '='}, {"running", '>'}, {"interrupted", '!'},
               {"failed", '-'}, {"gate", '-'}, {"lost", '!'},    {"stale", '+'}};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

char rn_runstate_symbol(const char *word)
{
    for (size_t i = 0; i < RN_COUNT(symbols); i++)
        if (is(symbols[i].word, word))
            return symbols[i].symbol;
    return ' ';
}

static double changed_s(const char *dir, const char *folder, const char *name, const char *suffix)
{
    struct stat st;
    char *path = rn_xprintf("%s/%s%s%s", dir, folder, name, suffix);
    double when_s = stat(path, &st) == 0 ? (double)st.st_mtime : 0;
    free(path);
    return when_s;
}

static double newest_of(double a, double b)
{
    return a > b ? a : b;
}

/* --- numbers --- */

/* Pace of the lines since the stage last began, and so the time that the other steps take. */
static double eta(const struct rn_stage_state *s, const json_t *lines)
{
    enum { PACE_LINES = 50 };
    double since_s = rn_json_real(s->last, "time", 0);
    size_t n = json_array_size(lines), i = n > PACE_LINES ? n - PACE_LINES : 0;
    while (i < n && rn_json_real(json_array_get(lines, i), "time", 0) < since_s)
        i++;
    if (i + 1 >= n)
        return 0;
    const json_t *a = json_array_get(lines, i), *b = json_array_get(lines, n - 1);
    double took_s = rn_json_real(b, "time", 0) - rn_json_real(a, "time", 0);
    int64_t made = s->step - rn_json_int(a, "step", 0), left = s->steps - s->step - 1;
    return made > 0 && left > 0 && took_s > 0 ? took_s / (double)made * (double)left : 0;
}

static void take_numbers(json_t *into, json_t *line)
{
    const char *name;
    json_t *value;
    json_object_foreach(line, name, value) if (!json_is_string(value))
        json_object_set(into, name, value);
}

static void read_numbers(struct rn_stage_state *s, const char *dir)
{
    char *path = rn_xprintf("%s/metrics/%s.jsonl", dir, s->name);
    json_t *lines = s->last ? rn_metrics_newest(path) : json_array();
    size_t n = json_array_size(lines);
    for (size_t i = 0; i < n; i++)
        take_numbers(s->numbers, json_array_get(lines, i));
    if (n) {
        const json_t *last = json_array_get(lines, n - 1);
        s->step = rn_json_int(last, "step", -1);
        s->step_s = rn_json_real(last, "time", 0);
        s->seen_s = newest_of(s->seen_s, s->step_s);
    }
    s->eta_s = is(s->word, "running") && s->steps ? eta(s, lines) : 0;
    json_object_del(s->numbers, "step");
    json_object_del(s->numbers, "time");
    s->lines = is(s->word, "running") ? json_incref(lines) : NULL;
    json_decref(lines);
    free(path);
}

void rn_runstate_glance(struct rn_str *s, const json_t *numbers)
{
    static const char *const names[] = {"val_bpb", "core", "loss"};
    for (size_t i = 0; i < RN_COUNT(names); i++) {
        const json_t *v = json_object_get(numbers, names[i]);
        if (json_is_number(v)) {
            rn_str_printf(s, "%s %.4g", names[i], json_number_value(v));
            return;
        }
    }
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)numbers, name, v) if (json_is_number(v) && strchr(name, '.'))
    {
        rn_str_printf(s, "%s %.4g", name, json_number_value(v));
        return;
    }
}

/* --- what it says --- */

/* "2026-11-21T11:20:03Z info    text": the text of the last whole line. */
static void read_said(struct rn_stage_state *s, const char *dir)
{
    enum { TAIL = 4096, STAMP = 29 };
    char tail[TAIL + 1], *path = rn_xprintf("%s/log/%s.log", dir, s->name);
    size_t n = rn_file_tail(path, tail, TAIL);
    while (n > 0 && tail[n - 1] != '\n')
        n--;
    tail[n > 0 ? n - 1 : 0] = '\0';
    const char *line = strrchr(tail, '\n');
    line = line ? line + 1 : tail;
    if (strlen(line) > STAMP)
        snprintf(s->said, sizeof s->said, "%s", line + STAMP);
    free(path);
}

/* --- a stage --- */

/* What stages/<stage> points to; a stage that is done without it has lost its outputs. */
static void look_at_outputs(struct rn_stage_state *s, const char *dir)
{
    char *target = rn_link_target(dir, s->name, "");
    if (target)
        s->size_bytes = rn_tree_bytes(target);
    else if (rn_runstate_symbol(s->word) == '=')
        s->word = "lost";
    free(target);
}

static const char *word_of_event(const char *event)
{
    for (size_t i = 0; i < RN_COUNT(words); i++)
        if (is(words[i].event, event))
            return words[i].word;
    return event;
}

static struct rn_stage_state stage_state(const struct rn_runstate *r, const char *name)
{
    struct rn_stage_state s = {
        .name = name, .word = "never run", .step = -1, .numbers = json_object()};
    s.last = rn_journal_last(r->records, name, events);
    const char *event = rn_json_str(s.last, "event", "");
    if (s.last)
        s.word = r->running && is(event, "started") ? "running" : word_of_event(event);
    s.steps = rn_json_int(s.last, "steps", 0);
    s.seen_s = newest_of(rn_json_real(s.last, "time", 0), changed_s(r->dir, "log/", name, ".log"));
    read_numbers(&s, r->dir);
    if (is(s.word, "running"))
        read_said(&s, r->dir);
    look_at_outputs(&s, r->dir);
    return s;
}

/* --- the run --- */

static void find_starts(struct rn_runstate *r)
{
    for (size_t i = 0; i < json_array_size(r->records); i++) {
        const json_t *record = json_array_get(r->records, i);
        if (!is(rn_json_str(record, "event", ""), "run"))
            continue;
        r->began_s = r->run ? r->began_s : rn_json_real(record, "time", 0);
        r->run = record;
    }
}

static const char *word_of(const struct rn_runstate *r)
{
    size_t failed = 0, interrupted = 0, lost = 0;
    for (size_t i = 0; i < r->n_stages; i++) {
        failed += rn_runstate_symbol(r->stages[i].word) == '-';
        interrupted += is(r->stages[i].word, "interrupted");
        lost += is(r->stages[i].word, "lost");
    }
    return r->running                 ? "running"
           : !r->run                  ? "never run"
           : failed                   ? "failed"
           : interrupted              ? "interrupted"
           : lost                     ? "stale"
           : r->n_done == r->n_stages ? "done"
                                      : "partial";
}

void rn_runstate_init(struct rn_runstate *r, const char *dir)
{
    *r = (struct rn_runstate){.dir = rn_xdup(dir)};
    r->tag = rn_basename(r->dir);
    char *path = rn_join(dir, "journal.jsonl");
    r->running = rn_lock_held_run(r->dir, r->owner, sizeof r->owner);
    size_t damaged;
    bool read = rn_journal_load(&r->records, &damaged, path, NULL) == RN_OK;
    free(path);
    find_starts(r);
    json_t *names = rn_journal_stages(r->records);
    r->stages = rn_xalloc((json_array_size(names) + 1) * sizeof *r->stages);
    for (size_t i = 0; i < json_array_size(names); i++) {
        char *name = rn_xdup(json_string_value(json_array_get(names, i)));
        struct rn_stage_state s = stage_state(r, name);
        r->n_done += rn_runstate_symbol(s.word) == '=';
        r->seen_s = newest_of(r->seen_s, s.seen_s);
        r->size_bytes += s.size_bytes;
        r->stages[r->n_stages++] = s;
    }
    if (r->running)
        r->seen_s = newest_of(r->seen_s, changed_s(dir, "", ".lock", ""));
    r->word = read ? word_of(r) : "unreadable";
    json_decref(names);
}

void rn_runstate_release(struct rn_runstate *r)
{
    for (size_t i = 0; i < r->n_stages; i++) {
        json_decref(r->stages[i].numbers);
        json_decref(r->stages[i].lines);
        free((char *)r->stages[i].name);
    }
    free(r->stages);
    json_decref(r->records);
    free(r->dir);
    *r = (struct rn_runstate){0};
}

json_t *rn_runstate_stage_json(const struct rn_runstate *r, const struct rn_stage_state *s)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:s, s:s, s:O}", "tag", r->tag,
        "run_state", r->word, "stage", s->name, "state", s->word, "step", (json_int_t)s->step,
        "steps", (json_int_t)s->steps, "time", rn_json_real(s->last, "time", 0), "wall_s",
        rn_json_real(s->last, "wall_s", 0), "eta_s", s->eta_s, "seen", s->seen_s, "size_bytes",
        s->size_bytes, "key", rn_json_str(s->last, "out", ""), "message",
        *s->said ? s->said : rn_json_str(s->last, "message", ""), "metrics", s->numbers);
}
