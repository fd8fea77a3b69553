/* runnel fetch - the files of all fetch stages, without a run: into the cache, with their pins. */
#include "fetch_work.h"
#include "hash.h"
#include "progress.h"
#include "signals.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    RN_OPTS_PIPELINE,
    {"check", 0, NULL, "ask every source of every file; keep nothing"},
    {"update", 0, NULL, "fetch NAME anew and replace its pin"},
    {"verify", 0, NULL, "hash again what is cached, and say whose word each digest rests on"},
    {"yes", 0, NULL, "with --update: replace without asking"},
    RN_OPT_OFFLINE,
    RN_OPT_LOCKED,
    {0}};

/* --- fetching --- */

static bool stopping(void *ctx)
{
    (void)ctx;
    return rn_signals_stopping();
}

static void show_progress(void *ctx, const struct rn_fetch_progress *p)
{
    struct rn_fetch_work *w = ctx;
    char text[128], done[32], speed[32];
    snprintf(text, sizeof text, "%s, %s/s, %zu at once", rn_show_bytes(done, (double)p->done_bytes),
             rn_show_bytes(speed, p->bytes_s), p->running);
    rn_ui_progress(&w->ui, w->stage, (double)p->files_done, (double)w->total, "files", text);
}

static struct rn_fetch_row *row_of(struct rn_fetch_work *w, const struct rn_fetch_file *file)
{
    return &w->rows.rows[w->first_row + (size_t)(file - w->files)];
}

static void note_failed(void *ctx, const struct rn_fetch_file *file, const struct rn_err *why)
{
    struct rn_fetch_work *w = ctx;
    struct rn_fetch_row *row = row_of(w, file);
    row->state = "failed";
    row->message = rn_arena_dup(&w->rows.texts, why->msg);
    row->alone = true;
}

static int note_file(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got,
                     struct rn_err *err)
{
    struct rn_fetch_work *w = ctx;
    struct rn_fetch_row *row = row_of(w, file);
    (void)err;
    if (!got)
        return RN_OK;
    struct rn_fetched_words words = rn_fetched_tell(got, file, w->lock);
    row->state = words.state;
    row->trust = words.trust;
    row->where = rn_arena_dup(&w->rows.texts, words.where);
    row->size_bytes = got->size_bytes;
    memcpy(row->sha256, got->sha256, RN_HEX);
    return RN_OK;
}

static int get_files(struct rn_fetch_work *w, struct rn_fetcher *f, struct rn_err *err)
{
    struct rn_fetch_list list = {
        .next = rn_fetch_work_next, .failed = note_failed, .done = note_file, .ctx = w};
    w->first_row = w->rows.n;
    for (size_t i = 0; i < w->total; i++)
        rn_fetch_rows_add(&w->rows, w->files[i].id, "pending");
    RN_TRY(rn_fetch_work_need(w, f, err));
    return rn_fetch_all(f, &list, err);
}

/* --- which files, and what to do with them --- */

static const struct {
    const char *option;
    int (*use)(struct rn_fetch_work *, struct rn_fetcher *, struct rn_err *);
} modes[] = {{"update", rn_fetch_update}, {"verify", rn_fetch_verify}, {"check", rn_fetch_probe}};

static bool is_wanted(const struct rn_fetch_work *w, const char *id)
{
    size_t n = w->name ? strlen(w->name) : 0;
    return !w->name || (strncmp(id, w->name, n) == 0 && strchr("./", id[n]));
}

static int use_files(void *ctx, struct rn_fetcher *f, struct rn_fetch_file *files, size_t n,
                     struct rn_err *err)
{
    struct rn_fetch_work *w = ctx;
    w->files = files;
    w->lock = f->lock;
    w->next = w->total = 0;
    for (size_t i = 0; i < n; i++)
        if (is_wanted(w, files[i].id))
            files[w->total++] = files[i];
    w->matched += w->total;
    f->stopping = stopping;
    f->progress = show_progress;
    f->ctx = w;
    if (w->total == 0)
        return RN_OK;
    for (size_t i = 0; i < RN_COUNT(modes); i++)
        if (rn_cli_opt(w->cli, modes[i].option))
            return modes[i].use(w, f, err);
    return get_files(w, f, err);
}

static void hear(void *ctx, enum rn_level level, const char *text)
{
    struct rn_fetch_work *w = ctx;
    if (level == RN_WARN)
        rn_ui_log(&w->ui, w->stage, level, text);
}

static int fetch_stage(struct rn_fetch_work *w, struct rn_plan *plan, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &plan->p->stages[i];
    struct rn_runner runner = {.plan = plan, .stage = i};
    struct rn_job job = rn_plan_job(plan, &runner);
    w->stage = s->name;
    job.log = &w->log;
    return s->stage->files(&job, s->cfg, use_files, w, err);
}

/* A stage that fails does not keep the others from being fetched; the first failure is told. */
static int fetch_stages(struct rn_fetch_work *w, struct rn_plan *plan, struct rn_err *err)
{
    int first = RN_OK;
    for (size_t i = 0; i < plan->p->n_stages; i++) {
        struct rn_err own = {0};
        if (!plan->p->stages[i].stage->files)
            continue;
        int rc = fetch_stage(w, plan, i, &own);
        if (rc != RN_OK && first == RN_OK) {
            first = rc;
            rn_fail_as(err, &own);
        }
    }
    if (first == RN_OK && w->matched == 0 && w->name) {
        rn_hint(err, "NAME is STAGE, STAGE.ENTRY or STAGE.ENTRY/FILE");
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no fetch stage has a file '%s'", w->name);
    }
    return first;
}

static int check_options(const struct rn_cli *cli, const char *name, struct rn_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < RN_COUNT(modes); i++)
        n += rn_cli_opt(cli, modes[i].option) != NULL;
    if (n > 1)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "one of --check, --update and --verify");
    if (rn_cli_opt(cli, "update") && !name)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--update needs the NAME of what to update");
    if (rn_cli_opt(cli, "check") && rn_cli_opt(cli, "offline"))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--offline forbids what --check does");
    if (rn_cli_opt(cli, "update") && rn_cli_opt(cli, "locked"))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--locked forbids what --update does");
    return RN_OK;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_run_how how = {.runs = rn_cli_runs(cli),
                             .device = "cpu",
                             .offline = rn_cli_opt(cli, "offline"),
                             .locked = rn_cli_opt(cli, "locked")};
    struct rn_fetch_work w = {.cli = cli, .name = rn_target_word(cli, 0)};
    struct rn_pipeline *p;
    struct rn_plan plan;
    RN_TRY(rn_target_words(cli, 1, err));
    RN_TRY(check_options(cli, w.name, err));
    RN_TRY(rn_target_pipeline(&p, cli, err));
    rn_signals_install();
    rn_ui_init(&w.ui, rn_cli_json(cli), 4);
    w.log = (struct rn_log){hear, &w};
    int rc = rn_plan_init(&plan, p, &how, err);
    if (rc == RN_OK)
        rc = fetch_stages(&w, &plan, err);
    rn_ui_release(&w.ui);
    rn_fetch_rows_print(&w.rows, rn_cli_json(cli));
    rn_fetch_rows_release(&w.rows);
    rn_plan_release(&plan);
    rn_pipeline_free(p);
    return rc;
}

static const struct rn_example examples[] = {
    {"fetch speedrun.yaml", "everything into the cache, with pins in speedrun.lock"},
    {"fetch speedrun.yaml data.shards", "the files of one entry"},
    {"fetch speedrun.yaml --check", "is every mirror still alive?"},
    {"fetch speedrun.yaml data.identity --update", "the publisher has a new version: take it"},
    {0}};

const struct rn_command rn_command_fetch = {
    "fetch",
    "FILE [NAME] [key=value ...]",
    "fetch and prove files without a run",
    opts,
    run,
    .details = "NAME is a stage, stage.entry or stage.entry/file; without it all files of all "
               "fetch stages are meant. What comes is proven as in a run and lies in the cache "
               "afterwards; digests are pinned in the lock file beside FILE.\n\n"
               "TRUST says what a digest rests on: yaml, lock, sums (the publisher's SHA256SUMS), "
               "header (the server's own claim), agreed (two sources), first-use (one source, "
               "taken at its word).\n\n"
               "More than eight neighbours of one entry that say the same share a line, FIRST .. "
               "LAST; a file that failed or changed has its own, and with --json every file has; "
               "there `message` says why one failed.",
    .examples = examples};
