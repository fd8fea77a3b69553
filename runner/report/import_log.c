#include "import_log.h"

#include "exports.h"
#include "file.h"
#include "foreign_log.h"
#include "journal.h"
#include "mem.h"
#include "path.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* --- reading --- */

static struct rn_import_stage *begin_stage(struct rn_import *in, int64_t total)
{
    static const char *const names[] = {"base",   "mid",    "sft",    "stage4",
                                        "stage5", "stage6", "stage7", "stage8"};
    if (in->n == RN_COUNT(names))
        return &in->stages[in->n - 1];
    struct rn_import_stage s = {.name = names[in->n], .first = -1, .last = -1, .total = total};
    RN_PUSH(in->stages, in->n, in->cap, s);
    return &in->stages[in->n - 1];
}

static bool is_training(const struct rn_foreign_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->values[i].name, "loss") == 0)
            return true;
    return false;
}

/* The stage that a line belongs to. Only lines of training say how long it is. */
static struct rn_import_stage *stage_of(struct rn_import *in, const struct rn_foreign_line *l)
{
    struct rn_import_stage *s = in->n ? &in->stages[in->n - 1] : begin_stage(in, 0);
    if (!is_training(l))
        return s;
    if (s->n_steps == 0)
        s->total = l->total;
    bool back = l->step >= 0 && l->step <= s->last;
    return back && l->total != s->total ? begin_stage(in, l->total) : s;
}

static double step_time_s(const struct rn_foreign_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->values[i].name, "dt_ms") == 0 && isfinite(l->values[i].value))
            return l->values[i].value / 1000;
    return 0;
}

static void add_line(struct rn_import *in, const struct rn_foreign_line *l)
{
    struct rn_import_stage *s = stage_of(in, l);
    int64_t step = l->step >= 0 ? l->step : s->last >= 0 ? s->last : 0;
    char number[32];
    if (is_training(l)) {
        s->n_resumed += step <= s->last;
        s->n_steps++;
        s->time_s += step_time_s(l);
        s->last = step;
        s->first = s->first < 0 ? step : s->first;
    }
    rn_str_printf(&s->lines, "{\"step\":%lld,\"time\":%.3f", (long long)step, s->time_s);
    for (size_t i = 0; i < l->n; i++)
        rn_str_printf(&s->lines, ",\"%s\":%s", l->values[i].name,
                      isfinite(l->values[i].value) ? rn_show_real(number, l->values[i].value)
                                                   : "null");
    rn_str_puts(&s->lines, "}\n");
}

static void take_line(struct rn_import *in, const char *text)
{
    struct rn_foreign_line l;
    in->n_lines++;
    switch (rn_foreign_line_read(&l, text)) {
    case RN_FOREIGN_STEP:
        add_line(in, &l);
        break;
    case RN_FOREIGN_BROKEN:
        in->n_broken++;
        break;
    case RN_FOREIGN_OTHER:
        break;
    }
}

/* Progress bars end their lines with carriage returns: what was printed last counts. */
static const char *last_of_line(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == '\r')
        line[--n] = '\0';
    const char *turn = strrchr(line, '\r');
    return turn ? turn + 1 : line;
}

static int read_file(struct rn_import *in, const char *path, struct rn_err *err)
{
    enum { LINE_CAP = 1 << 16 };
    struct stat st;
    FILE *file = fopen(path, "re");
    if (!file)
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    char *line = rn_xalloc(LINE_CAP);
    while (fgets(line, LINE_CAP, file))
        take_line(in, last_of_line(line));
    int rc = ferror(file) ? rn_fail_errno(err, RN_PATH(path), "cannot read") : RN_OK;
    if (fstat(fileno(file), &st) == 0)
        in->ended_s = (double)st.st_mtime;
    free(line);
    fclose(file);
    return rc;
}

int rn_import_read(struct rn_import *in, const char *const *paths, size_t n, struct rn_err *err)
{
    *in = (struct rn_import){.sources = json_array()};
    int rc = RN_OK;
    for (size_t i = 0; i < n && rc == RN_OK; i++) {
        rc = read_file(in, paths[i], err);
        json_array_append_new(in->sources, json_string_nocheck(paths[i]));
    }
    if (rc == RN_OK && (in->n == 0 || in->stages[0].n_steps == 0)) {
        rn_hint(err, "known are the training lines of nanochat, llm.c and build-nanogpt");
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(paths[0]), "%zu lines, and none is a training step",
                     in->n_lines);
    }
    if (rc != RN_OK)
        rn_import_release(in);
    return rc;
}

void rn_import_release(struct rn_import *in)
{
    for (size_t i = 0; i < in->n; i++)
        rn_str_release(&in->stages[i].lines);
    free(in->stages);
    json_decref(in->sources);
    *in = (struct rn_import){0};
}

/* --- writing --- */

/* Moves the times of the lines so that the last training ends when the last file was written. */
static void put_lines(struct rn_str *out, const struct rn_import_stage *s, double began_s)
{
    static const char mark[] = ",\"time\":";
    for (const char *p = s->lines.p, *end; p && *p; p = end + 1) {
        end = strchr(p, '\n');
        const char *time = strstr(p, mark);
        char *rest;
        double at_s = strtod(time + strlen(mark), &rest);
        rn_str_add(out, p, (size_t)(time - p));
        rn_str_printf(out, "%s%.3f", mark, began_s + at_s);
        rn_str_add(out, rest, (size_t)(end + 1 - rest));
    }
}

static int write_below(const char *dir, const char *name, const struct rn_str *s,
                       struct rn_err *err)
{
    char *path = rn_join(dir, name), *folder = rn_dirname(path);
    int rc = rn_mkdirs(folder, err);
    if (rc == RN_OK)
        rc = rn_file_write(path, s->p ? s->p : "", s->n, err);
    free(folder);
    free(path);
    return rc;
}

static int write_metrics(const struct rn_import *in, const char *dir, struct rn_err *err)
{
    double began_s = in->ended_s;
    for (size_t i = 0; i < in->n; i++)
        began_s -= in->stages[i].time_s;
    for (size_t i = 0; i < in->n; i++) {
        struct rn_str text = {0};
        char *name = rn_xprintf("metrics/%s.jsonl", in->stages[i].name);
        put_lines(&text, &in->stages[i], began_s);
        began_s += in->stages[i].time_s;
        int rc = write_below(dir, name, &text, err);
        free(name);
        rn_str_release(&text);
        RN_TRY(rc);
    }
    return RN_OK;
}

static int write_resolved(const struct rn_import *in, const char *dir, struct rn_err *err)
{
    struct rn_str s = {0};
    char *sources = json_dumps(in->sources, JSON_ENSURE_ASCII); /* which is YAML, too */
    rn_str_puts(&s, "# made by `runnel import-log`\nname: imported\nsources: ");
    rn_str_puts(&s, sources);
    rn_str_putc(&s, '\n');
    free(sources);
    int rc = write_below(dir, "resolved.yaml", &s, err);
    rn_str_release(&s);
    return rc;
}

static bool is_complete(const struct rn_import_stage *s)
{
    return s->total > 0 && s->last + 1 >= s->total;
}

static int write_journal(const struct rn_import *in, const char *dir, struct rn_err *err)
{
    struct rn_journal j;
    char *path = rn_join(dir, "journal.jsonl");
    json_t *names = json_array();
    for (size_t i = 0; i < in->n; i++)
        json_array_append_new(names, json_string(in->stages[i].name));
    int rc = rn_journal_open(&j, path, err);
    if (rc == RN_OK) {
        rc = rn_journal_add(
            &j,
            json_pack("{s:s, s:s, s:O}", "event", "run", "pipeline", "imported", "stages", names),
            err);
        for (size_t i = 0; i < in->n && rc == RN_OK; i++) {
            const struct rn_import_stage *s = &in->stages[i];
            rc = rn_journal_add(&j,
                                json_pack("{s:s, s:s, s:s, s:I, s:f}", "event",
                                          is_complete(s) ? "done" : "interrupted", "stage", s->name,
                                          "kind", "imported", "steps", (json_int_t)s->total,
                                          "wall_s", s->time_s),
                                err);
        }
        rn_journal_close(&j);
    }
    json_decref(names);
    free(path);
    return rc;
}

/* training_20251221_103000.csv: the name and columns that scripts around nanochat look for. */
static int write_csv(const struct rn_import *in, const char *dir, struct rn_err *err)
{
    char stamp[sizeof "20251221_103000"], *text = NULL;
    size_t n;
    struct rn_numbers numbers;
    time_t ended = (time_t)in->ended_s;
    struct tm tm;
    strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", gmtime_r(&ended, &tm));
    RN_TRY(rn_numbers_read(&numbers, dir, NULL, err));
    FILE *out = open_memstream(&text, &n);
    int rc = out ? rn_exporter_find("csv")->write(&numbers, out, NULL, err)
                 : rn_fail_errno(err, RN_NOWHERE, "no memory for the table");
    rn_numbers_release(&numbers);
    if (out)
        fclose(out);
    char *path = rn_xprintf("%s/training_%s.csv", dir, stamp);
    if (rc == RN_OK)
        rc = rn_file_write(path, text, n, err);
    free(path);
    free(text);
    return rc;
}

int rn_import_write(const struct rn_import *in, const char *run_dir, struct rn_err *err)
{
    char *journal = rn_join(run_dir, "journal.jsonl");
    bool taken = rn_exists(journal);
    free(journal);
    if (taken) {
        rn_hint(err, "choose another name with --tag");
        return rn_fail(err, RN_EUSAGE, RN_PATH(run_dir), "there is a run of this name");
    }
    RN_TRY(write_metrics(in, run_dir, err));
    RN_TRY(write_resolved(in, run_dir, err));
    RN_TRY(write_journal(in, run_dir, err));
    return write_csv(in, run_dir, err);
}
