#include "ckpt_rows.h"

#include "checkpoint.h"
#include "file.h"
#include "journal.h"
#include "locks.h"
#include "mem.h"
#include "metrics.h"
#include "path.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A stage whose checkpoints are looked at. */
struct stage {
    const char *name, *key;
    struct rn_ckpt in;
    char *work_name;
    json_t *lines; /* its metrics */
    bool hash;
};

/* --- what the numbers say of it --- */

static bool is_validation(const char *name)
{
    return rn_starts_with(name, "val_") || strcmp(name, "core") == 0;
}

/* A checkpoint of step N is made after step N - 1, and validated as step N. */
static void add_numbers(json_t *row, const json_t *lines, int64_t step)
{
    json_t *scores = json_object(), *value;
    const char *name;
    for (size_t i = 0; i < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i);
        int64_t at = rn_json_int(line, "step", -1);
        json_object_foreach(line, name, value)
        {
            if (at == step && is_validation(name))
                json_object_set(scores, name, value);
            else if (at < step && (strcmp(name, "loss") == 0 || strcmp(name, "epoch") == 0))
                json_object_set(row, name, value);
        }
    }
    json_object_set_new(row, "metrics", scores);
}

/* --- what the files say --- */

static double made_s(const char *dir)
{
    struct stat st;
    char *path = rn_join(dir, "manifest.json");
    double when_s = stat(path, &st) == 0 ? (double)st.st_mtime : 0;
    free(path);
    return when_s;
}

static json_t *row_of(const struct stage *s, const char *dir, int64_t step, bool *sound)
{
    struct rn_arena arena = {0};
    struct rn_err bad = {0};
    struct rn_str names = {0};
    const struct rn_artifact *model;
    int64_t found;
    *sound = rn_checkpoint_load(&arena, dir, s->key, s->hash, &model, &found, &bad) == RN_OK;
    const char *state = !*sound
                            ? rn_arena_printf(&arena, "bad: %s: %s", rn_basename(bad.path), bad.msg)
                        : s->hash ? "verified"
                                  : "whole";
    rn_ckpt_names(&s->in, step, &names);
    json_t *row = json_pack("{s:s, s:s, s:I, s:s, s:s, s:f}", "stage", s->name, "name",
                            rn_basename(dir), "step", (json_int_t)step, "state", state, "aliases",
                            names.p ? names.p : "", "time", made_s(dir));
    rn_str_release(&names);
    rn_arena_release(&arena);
    return row;
}

static void add_checkpoint(struct rn_ckpt_rows *all, const struct stage *s, int64_t step)
{
    char *dir = rn_ckpt_path(&s->in, step);
    struct rn_ckpt_row saved = {
        .work = rn_xdup(s->in.dir), .work_name = rn_xdup(s->work_name), .step = step};
    saved.row = row_of(s, dir, step, &saved.sound);
    saved.stage = rn_json_str(saved.row, "stage", "");
    saved.size_bytes = rn_tree_bytes(dir);
    json_object_set_new(saved.row, "size_bytes", json_real(saved.size_bytes));
    add_numbers(saved.row, s->lines, step);
    RN_PUSH(all->items, all->n, all->cap, saved);
    free(dir);
}

/* Newest work of a stage in this run. The store lies beside the run's directory. */
static void add_stage(struct rn_ckpt_rows *all, const char *run_dir, const json_t *records,
                      const char *name, bool hash)
{
    const json_t *last = rn_journal_last(records, name, "started|done|kept|failed|interrupted");
    const char *progress = rn_json_str(last, "progress", ""), *kind = rn_json_str(last, "kind", "");
    if (strlen(progress) != RN_HEX - 1)
        return;
    char *store = rn_join(run_dir, "../.store");
    char *path = rn_xprintf("%s/metrics/%s.jsonl", run_dir, name);
    char *work = rn_store_path(store, kind, progress, ".work");
    struct stage s = {.name = name,
                      .key = progress,
                      .in = {.dir = work, .key = progress},
                      .work_name = rn_store_name(kind, progress),
                      .lines = rn_metrics_read(path),
                      .hash = hash};
    int64_t *steps;
    size_t n = rn_ckpt_list(&s.in, &steps);
    for (size_t i = 0; i < n; i++)
        add_checkpoint(all, &s, steps[i]);
    free(steps);
    json_decref(s.lines);
    free(s.work_name);
    free(work);
    free(path);
    free(store);
}

void rn_ckpt_rows_find(struct rn_ckpt_rows *all, const char *run_dir, const char *only, bool hash)
{
    char *path = rn_join(run_dir, "journal.jsonl");
    json_t *records = rn_journal_read(path), *stages = rn_journal_stages(records);
    *all = (struct rn_ckpt_rows){0};
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const char *name = json_string_value(json_array_get(stages, i));
        if (!only || strcmp(only, name) == 0)
            add_stage(all, run_dir, records, name, hash);
    }
    json_decref(stages);
    json_decref(records);
    free(path);
}

/* --- thinning --- */

static bool is_among(int64_t step, const int64_t *steps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (steps[i] == step)
            return true;
    return false;
}

size_t rn_ckpt_rows_spare(struct rn_ckpt_rows *all, int64_t keep, double *size_bytes)
{
    size_t n_spare = 0;
    *size_bytes = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct rn_ckpt_row *s = &all->items[i];
        const struct rn_ckpt in = {.dir = s->work};
        int64_t *steps;
        size_t n = rn_ckpt_spare(&in, keep, &steps);
        s->spare = is_among(s->step, steps, n);
        n_spare += s->spare;
        *size_bytes += s->spare ? s->size_bytes : 0;
        free(steps);
    }
    return n_spare;
}

int rn_ckpt_rows_thin(const struct rn_ckpt_rows *all, size_t i, const char *runs, int64_t keep,
                      struct rn_err *err)
{
    const struct rn_ckpt_row *s = &all->items[i];
    const struct rn_ckpt in = {.dir = s->work};
    struct rn_lock lock;
    char *what = rn_xprintf("stage '%s'", s->stage);
    int rc = rn_lock_take_work(&lock, runs, s->work_name, what, err);
    free(what);
    RN_TRY(rc);
    rc = rn_ckpt_thin(&in, keep, err);
    rn_lock_release(&lock);
    return rc;
}

/* --- by name --- */

static bool is_called(const struct rn_ckpt_row *s, const char *name)
{
    const struct rn_ckpt in = {.dir = s->work};
    return strcmp(rn_json_str(s->row, "name", ""), name) == 0 ||
           (!strchr(name, '/') && rn_ckpt_pointed(&in, name) == s->step);
}

int rn_ckpt_rows_named(const struct rn_ckpt_rows *all, const char *name,
                       const struct rn_ckpt_row **out, struct rn_err *err)
{
    *out = NULL;
    for (size_t i = 0; i < all->n; i++) {
        if (!is_called(&all->items[i], name))
            continue;
        if (*out) {
            rn_fail(err, RN_EUSAGE, RN_NOWHERE, "stages '%s' and '%s' have a checkpoint '%s'",
                    (*out)->stage, all->items[i].stage, name);
            rn_hint(err, "choose one: --stage %s", all->items[i].stage);
            return RN_EUSAGE;
        }
        *out = &all->items[i];
    }
    return *out ? RN_OK : rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no checkpoint '%.100s'", name);
}

void rn_ckpt_rows_release(struct rn_ckpt_rows *all)
{
    for (size_t i = 0; i < all->n; i++) {
        json_decref(all->items[i].row);
        free(all->items[i].work);
        free(all->items[i].work_name);
    }
    free(all->items);
    *all = (struct rn_ckpt_rows){0};
}
