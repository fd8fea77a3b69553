#define _GNU_SOURCE
#include "runs.h"

#include "file.h"
#include "journal.h"
#include "links.h"
#include "mem.h"
#include "metrics.h"
#include "nearest.h"
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool has_journal(const char *dir)
{
    char *path = rn_join(dir, "journal.jsonl");
    bool has = !rn_absent(path);
    free(path);
    return has;
}

int rn_runs_check(const char *runs, struct rn_err *err)
{
    DIR *d = opendir(runs);
    if (!d && errno != ENOENT)
        return rn_fail_errno(err, RN_PATH(runs), "cannot list the runs");
    if (d)
        closedir(d);
    return RN_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **rn_runs_tags(const char *runs)
{
    char **tags = NULL;
    size_t n = 0, cap = 0;
    DIR *d = opendir(runs);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char *dir = rn_join(runs, e->d_name);
        if (has_journal(dir))
            RN_PUSH(tags, n, cap, rn_xdup(e->d_name));
        free(dir);
    }
    if (d)
        closedir(d);
    if (n)
        qsort(tags, n, sizeof *tags, by_text);
    RN_PUSH(tags, n, cap, NULL);
    return tags;
}

void rn_runs_free_tags(char **tags)
{
    for (char **t = tags; t && *t; t++)
        free(*t);
    free(tags);
}

int rn_runs_find(const char *runs, const char *arg, char **dir, struct rn_err *err)
{
    *dir = strchr(arg, '/') ? NULL : rn_join(runs, arg);
    if (*dir && has_journal(*dir))
        return RN_OK;
    free(*dir);
    *dir = rn_xdup(arg);
    size_t n = strlen(*dir);
    while (n > 1 && (*dir)[n - 1] == '/')
        (*dir)[--n] = '\0';
    if (has_journal(*dir))
        return RN_OK;
    free(*dir);
    *dir = NULL;
    char **tags = rn_runs_tags(runs);
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no run '%s' in %s", arg, runs);
    if (!*tags)
        rn_hint(err, "nothing has run here yet: runnel run PIPELINE.yaml");
    else if (!rn_hint_near(err, rn_nearest_of(arg, (const char *const *)tags)))
        rn_hint(err, "there are %s%s%s", tags[0], tags[1] ? ", " : "", tags[1] ? tags[1] : "");
    rn_runs_free_tags(tags);
    return RN_EUSAGE;
}

/* When the journal was written to; before all times if there is none. */
static struct timespec journal_time(const char *runs, const char *tag)
{
    struct stat st = {.st_mtim = {-1, 0}};
    char *path = rn_xprintf("%s/%s/journal.jsonl", runs, tag);
    if (stat(path, &st) != 0)
        st.st_mtim.tv_sec = -1;
    free(path);
    return st.st_mtim;
}

bool rn_runs_is_newer(const char *runs, const char *a, const char *b)
{
    struct timespec x = journal_time(runs, a), y = journal_time(runs, b);
    return x.tv_sec != y.tv_sec ? x.tv_sec > y.tv_sec : x.tv_nsec > y.tv_nsec;
}

json_t *rn_runs_journal(const char *runs, const char *tag)
{
    char *path = rn_xprintf("%s/%s/journal.jsonl", runs, tag);
    json_t *records = rn_journal_read(path);
    free(path);
    return records;
}

double rn_runs_killed_after(const char *run_dir, const json_t *records, const char *stage)
{
    const json_t *last = rn_journal_last(records, stage, "started|done|failed|interrupted");
    if (strcmp(rn_json_str(last, "event", ""), "started") != 0)
        return -1;
    char *path = rn_xprintf("%s/metrics/%s.jsonl", run_dir, stage);
    json_t *lines = rn_metrics_newest(path);
    size_t n = json_array_size(lines);
    double start_s = rn_json_real(last, "time", 0);
    double end_s = n ? rn_json_real(json_array_get(lines, n - 1), "time", 0) : 0;
    json_decref(lines);
    free(path);
    return end_s > start_s ? end_s - start_s : 0;
}

/* Attempts on the key that were killed and not yet written off by a later start of the run. */
static double killed_work(const char *runs, const char *tag, const json_t *records,
                          const char *progress)
{
    double spent_s = 0;
    char *dir = rn_join(runs, tag);
    json_t *stages = rn_journal_stages(records);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const char *stage = json_string_value(json_array_get(stages, i));
        const json_t *last = rn_journal_last(records, stage, "started");
        if (strcmp(rn_json_str(last, "progress", ""), progress) != 0)
            continue;
        double s = rn_runs_killed_after(dir, records, stage);
        spent_s += s > 0 ? s : 0;
    }
    json_decref(stages);
    free(dir);
    return spent_s;
}

double rn_runs_spent(const char *runs, const char *progress)
{
    double spent_s = 0;
    char **tags = rn_runs_tags(runs);
    for (char **t = tags; *t; t++) {
        json_t *records = rn_runs_journal(runs, *t);
        spent_s += rn_journal_spent(records, progress);
        spent_s += killed_work(runs, *t, records, progress);
        json_decref(records);
    }
    rn_runs_free_tags(tags);
    return spent_s;
}

/* Stage that last worked on the key, in the time of its newest record; NULL if none did. */
static const char *worked_on(const json_t *records, const char *progress, double *when)
{
    for (size_t i = json_array_size(records); i-- > 0;) {
        const json_t *r = json_array_get(records, i);
        if (strcmp(rn_json_str(r, "progress", ""), progress) == 0 &&
            strcmp(rn_json_str(r, "event", ""), "kept") != 0) {
            *when = rn_json_real(r, "time", 0);
            return rn_json_str(r, "stage", NULL);
        }
    }
    return NULL;
}

char *rn_runs_metrics_of(const char *runs, const char *progress, const char *but_tag)
{
    char *found = NULL;
    double newest = -1, when;
    char **tags = rn_runs_tags(runs);
    for (char **t = tags; *t; t++) {
        json_t *records = strcmp(*t, but_tag) == 0 ? NULL : rn_runs_journal(runs, *t);
        const char *stage = worked_on(records, progress, &when);
        char *path = stage ? rn_xprintf("%s/%s/metrics/%s.jsonl", runs, *t, stage) : NULL;
        if (path && when > newest && rn_file_size(path) > 0) {
            free(found);
            found = path;
            newest = when;
        } else {
            free(path);
        }
        json_decref(records);
    }
    rn_runs_free_tags(tags);
    return found;
}

/* --- links --- */

static char *link_target(const char *runs, const char *tag, const char *stage)
{
    char *dir = rn_join(runs, tag), *target = rn_link_target(dir, stage, "");
    free(dir);
    return target;
}

/* When the newest record of a run of the pipeline was written; -1: not of this pipeline. */
static double time_of_pipeline(const char *runs, const char *tag, const char *name)
{
    double when = -1;
    json_t *records = rn_runs_journal(runs, tag);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (strcmp(rn_json_str(r, "event", ""), "run") == 0 &&
            strcmp(rn_json_str(r, "pipeline", ""), name) == 0)
            when = rn_json_real(r, "time", 0);
    }
    json_decref(records);
    return when;
}

char *rn_runs_link(const char *runs, const char *first, const char *name, const char *stage)
{
    char *found = link_target(runs, first, stage);
    if (found)
        return found;
    double newest = -1;
    char **tags = rn_runs_tags(runs);
    for (char **t = tags; *t; t++) {
        double when = time_of_pipeline(runs, *t, name);
        char *target = when > newest ? link_target(runs, *t, stage) : NULL;
        if (!target)
            continue;
        free(found);
        found = target;
        newest = when;
    }
    rn_runs_free_tags(tags);
    return found;
}
