/* runnel checkpoints - the checkpoints of a run's training stages, each verified. Reads only. */
#include "checkpoint.h"
#include "file.h"
#include "journal.h"
#include "metrics.h"
#include "store.h"
#include "str.h"
#include "target.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    RN_OPT_STAGE,
    {"verify", 0, "size|hash", "check files by size, or by digest (default)"},
    RN_OPTS_PIPELINE,
    {0}};

/* Names in a .work directory, sorted; NULL-ended. */
struct names {
    char **items;
    size_t n, cap;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct names list_names(const char *dir, bool checkpoints)
{
    struct names l = {0};
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && rn_starts_with(e->d_name, "step_") == checkpoints &&
            !rn_ends_with(e->d_name, ".json"))
            RN_PUSH(l.items, l.n, l.cap, rn_xdup(e->d_name));
    if (d)
        closedir(d);
    if (l.n)
        qsort(l.items, l.n, sizeof *l.items, by_text);
    return l;
}

static void free_names(struct names *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i]);
    free(l->items);
}

/* "latest, best": small files beside the checkpoints that hold this step. */
static void add_aliases(struct rn_str *s, const char *work, int64_t step)
{
    struct names l = list_names(work, false);
    const struct rn_ckpt in = {.dir = work};
    for (size_t i = 0; i < l.n; i++)
        if (rn_ckpt_pointed(&in, l.items[i]) == step)
            rn_str_printf(s, "%s%s", s->n ? ", " : "", l.items[i]);
    free_names(&l);
}

/* Values of validation at a step, as the metrics file has them: a new object. */
static json_t *scores_at(const json_t *lines, int64_t step)
{
    json_t *scores = json_object(), *value;
    const char *name;
    for (size_t i = 0; i < json_array_size(lines); i++)
        if (rn_json_int(json_array_get(lines, i), "step", -1) == step)
            json_object_foreach(json_array_get(lines, i), name,
                                value) if (rn_starts_with(name, "val_") ||
                                           strcmp(name, "core") == 0)
                json_object_set(scores, name, value);
    return scores;
}

static int add_size(void *ctx, const char *relative, struct rn_err *err)
{
    (void)err;
    const char *dir = ((void **)ctx)[0];
    int64_t *total = ((void **)ctx)[1];
    char *path = rn_join(dir, relative);
    *total += rn_file_size(path);
    free(path);
    return RN_OK;
}

struct checkpoint {
    const char *stage, *name, *state;
    int64_t step, size_bytes;
    struct rn_str aliases;
    json_t *scores;
};

static void print_checkpoint(const struct checkpoint *c)
{
    char size[32];
    const char *name;
    json_t *value;
    printf("%-10s  %-14s %10lld  %10s  %-10s", c->stage, c->name, (long long)c->step,
           rn_show_bytes(size, (double)c->size_bytes), c->state);
    json_object_foreach(c->scores, name, value) if (json_is_number(value))
        printf("  %s %.4f", name, json_number_value(value));
    printf("%s%s\n", c->aliases.n ? "  <- " : "", c->aliases.n ? c->aliases.p : "");
}

static void print_checkpoint_json(const struct checkpoint *c)
{
    json_t *doc =
        json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:O}", "stage", c->stage, "name", c->name, "step",
                  (json_int_t)c->step, "size_bytes", (json_int_t)c->size_bytes, "state", c->state,
                  "aliases", c->aliases.n ? c->aliases.p : "", "metrics", c->scores);
    char *line = rn_json_canonical(doc);
    printf("%s\n", line);
    free(line);
    json_decref(doc);
}

/* The stage whose checkpoints are listed. */
struct stage {
    const struct rn_cli *cli;
    const char *name, *progress;
    char *work;
    json_t *lines; /* its metrics */
    bool hash;
};

static void show_checkpoint(const struct stage *s, const char *name)
{
    struct rn_arena arena = {0};
    struct rn_err bad = {0};
    const struct rn_artifact *model;
    struct checkpoint c = {.stage = s->name, .name = name, .step = -1};
    char *dir = rn_join(s->work, name);
    void *sum[] = {dir, &c.size_bytes};
    int rc = rn_checkpoint_load(&arena, dir, s->progress, s->hash, &model, &c.step, &bad);
    c.state = rc != RN_OK ? rn_arena_printf(&arena, "bad: %s: %s", rn_basename(bad.path), bad.msg)
              : s->hash   ? "verified"
                          : "whole";
    rn_walk(dir, add_size, sum, NULL);
    c.scores = scores_at(s->lines, c.step);
    add_aliases(&c.aliases, s->work, c.step);
    if (rn_cli_json(s->cli))
        print_checkpoint_json(&c);
    else
        print_checkpoint(&c);
    rn_str_release(&c.aliases);
    json_decref(c.scores);
    free(dir);
    rn_arena_release(&arena);
}

static size_t show_stage(const struct stage *s)
{
    struct names l = list_names(s->work, true);
    size_t n = l.n;
    for (size_t i = 0; i < n; i++)
        show_checkpoint(s, l.items[i]);
    free_names(&l);
    return n;
}

/* Newest work of a stage in this run. The store lies beside the run's directory. */
static size_t show_newest(const struct rn_cli *cli, const char *dir, const json_t *records,
                          const char *name, bool hash)
{
    const json_t *last = rn_journal_last(records, name, "started|done|kept|failed|interrupted");
    const char *progress = rn_json_str(last, "progress", "");
    if (strlen(progress) != RN_HEX - 1)
        return 0;
    char *store = rn_join(dir, "../.store"), *path = rn_xprintf("%s/metrics/%s.jsonl", dir, name);
    struct stage s = {.cli = cli,
                      .name = name,
                      .progress = progress,
                      .work =
                          rn_store_path(store, rn_json_str(last, "kind", ""), progress, ".work"),
                      .lines = rn_metrics_read(path),
                      .hash = hash};
    size_t n = show_stage(&s);
    json_decref(s.lines);
    free(s.work);
    free(path);
    free(store);
    return n;
}

static size_t show_run(const struct rn_cli *cli, const char *dir, const json_t *records, bool hash)
{
    const char *only = rn_cli_opt(cli, "stage");
    json_t *stages = rn_journal_stages(records);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const char *name = json_string_value(json_array_get(stages, i));
        if (!only || strcmp(only, name) == 0)
            n += show_newest(cli, dir, records, name, hash);
    }
    json_decref(stages);
    return n;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    const char *verify = rn_cli_opt(cli, "verify");
    RN_TRY(rn_target_run(&dir, cli, err));
    char *path = rn_join(dir, "journal.jsonl");
    json_t *records = rn_journal_read(path);
    if (show_run(cli, dir, records, !verify || strcmp(verify, "size") != 0) == 0)
        fprintf(stderr, "no checkpoints in %s\n", dir);
    json_decref(records);
    free(path);
    free(dir);
    return RN_OK;
}

static const struct rn_example examples[] = {
    {"checkpoints smoke-1a2b3c4d --stage base", "what a training could go on from"}, {0}};
const struct rn_command rn_command_checkpoints = {
    "checkpoints", "RUN [key=value ...]", "checkpoints of a run, each verified", opts,
    run,           .examples = examples};
