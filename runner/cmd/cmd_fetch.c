/* runnel fetch - the files of all fetch stages, without a run: into the cache, with their pins. */
#include "consent.h"
#include "fetcher.h"
#include "file.h"
#include "probe.h"
#include "progress.h"
#include "signals.h"
#include "table.h"
#include "target.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rn_opt opts[] = {
    RN_OPTS_PIPELINE,
    {"check", 0, NULL, "ask every source of every file; keep nothing"},
    {"update", 0, NULL, "fetch NAME anew and replace its pin"},
    {"verify", 0, NULL, "hash again what is cached, and say whose word each digest rests on"},
    {"yes", 0, NULL, "with --update: replace without asking"},
    RN_OPT_OFFLINE,
    RN_OPT_LOCKED,
    {0}};

struct fetching {
    const struct rn_cli *cli;
    const char *name; /* STAGE, STAGE.ENTRY or STAGE.ENTRY/FILE; NULL: all */
    struct rn_ui ui;
    const char *stage;
    struct rn_log log;
    json_t *rows;     /* of the answer */
    size_t first_row; /* of the stage at hand */
    size_t next, total, matched;
    struct rn_fetch_file *files; /* of the stage at hand */
    const struct rn_pins *lock;
};

/* --- rows --- */

static const struct rn_column columns[] = {
    {"state", "state", rn_cell_text},      {"file", "file", rn_cell_text},
    {"size", "size_bytes", rn_cell_bytes}, {"sha256", "sha256", rn_cell_digest},
    {"trust", "trust", rn_cell_text},      {"where", "where", rn_cell_text},
    {"health", "health", rn_cell_text},    {0}};

static void set_text(json_t *row, const char *key, const char *text)
{
    json_object_set_new(row, key, json_string(text));
}

static void set_size(json_t *row, int64_t size_bytes)
{
    json_object_set_new(row, "size_bytes", json_integer(size_bytes));
}

/* A row of which only this is known; borrowed. */
static json_t *add_row(struct fetching *w, const char *id, const char *state)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "file", id, "state", state, "sha256",
                            "", "size_bytes", -1, "trust", "-", "where", "");
    RN_ASSERT(row); /* ids are made of names */
    json_array_append_new(w->rows, row);
    return row;
}

/* --- fetching --- */

static bool stopping(void *ctx)
{
    (void)ctx;
    return rn_signals_stopping();
}

static void show_progress(void *ctx, const struct rn_fetch_progress *p)
{
    struct fetching *w = ctx;
    char text[128], done[32], speed[32];
    snprintf(text, sizeof text, "%s, %s/s, %zu at once", rn_show_bytes(done, (double)p->done_bytes),
             rn_show_bytes(speed, p->bytes_s), p->running);
    rn_ui_progress(&w->ui, w->stage, (double)p->files_done, (double)w->total, "files", text);
}

static int next_file(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct fetching *w = ctx;
    (void)err;
    *file = w->next < w->total ? &w->files[w->next++] : NULL;
    return RN_OK;
}

static int note_file(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got,
                     struct rn_err *err)
{
    struct fetching *w = ctx;
    json_t *row = json_array_get(w->rows, w->first_row + (size_t)(file - w->files));
    (void)err;
    if (!got)
        return RN_OK;
    const struct rn_pin *pin = rn_pins_find(w->lock, file->id);
    set_text(row, "state", got->from_cache ? "cached" : "fetched");
    set_text(row, "trust", rn_trust_word(got->trust == RN_TRUST_LOCK ? pin->trust : got->trust));
    set_text(row, "where", pin ? pin->host : "");
    set_text(row, "sha256", got->sha256);
    set_size(row, got->size_bytes);
    return RN_OK;
}

static int get_files(struct fetching *w, struct rn_fetcher *f, struct rn_err *err)
{
    struct rn_fetch_list list = {.next = next_file, .done = note_file, .ctx = w};
    w->first_row = json_array_size(w->rows);
    for (size_t i = 0; i < w->total; i++)
        add_row(w, w->files[i].id, "failed");
    return rn_fetch_all(f, &list, err);
}

/* --- updating --- */

static bool agreed(const struct fetching *w, size_t changes)
{
    if (rn_cli_opt(w->cli, "yes"))
        return true;
    return !rn_cli_json(w->cli) && rn_consent_possible() &&
           rn_consent_ask("replace %zu pin%s?", changes, changes == 1 ? "" : "s");
}

/* What came differs from the pin, or there was none: into `changes`, with a row that shows both. */
static size_t compare_pins(struct fetching *w, const struct rn_pins *old,
                           const struct rn_pins *fresh, struct rn_pin *changes)
{
    size_t n = 0;
    for (size_t i = 0; i < w->total; i++) {
        const struct rn_pin *was = rn_pins_find(old, w->files[i].id),
                            *is = rn_pins_find(fresh, w->files[i].id);
        json_t *row = add_row(w, w->files[i].id, "as-was");
        char from[64];
        if (!is)
            continue;
        set_text(row, "trust", rn_trust_word(is->trust));
        set_text(row, "sha256", is->sha256);
        set_size(row, is->size_bytes);
        if (was && strcmp(was->sha256, is->sha256) == 0)
            continue;
        snprintf(from, sizeof from, "was %.12s", was ? was->sha256 : "not pinned");
        set_text(row, "state", was ? "changed" : "new");
        set_text(row, "where", from);
        changes[n] = *is;
        snprintf(changes[n++].replaces, RN_HEX, "%s", was ? was->sha256 : "");
    }
    return n;
}

static int replace_pins(struct fetching *w, struct rn_pins *lock, const struct rn_pins *fresh,
                        struct rn_err *err)
{
    struct rn_pin *changes = rn_xalloc((w->total + 1) * sizeof *changes);
    size_t n = compare_pins(w, lock, fresh, changes);
    int rc = RN_OK;
    if (n > 0 && agreed(w, n)) {
        rc = rn_pins_add(lock, changes, n, err);
    } else if (n > 0) {
        rn_hint(err, "look at the table; if that is what the file should be now, add --yes");
        rc = rn_fail(err, RN_EUSAGE, RN_PATH(lock->path), "%zu pin%s would be replaced", n,
                     n == 1 ? "" : "s");
    }
    free(changes);
    return rc;
}

static int forget_file(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got,
                       struct rn_err *err)
{
    (void)ctx, (void)file, (void)got, (void)err;
    return RN_OK;
}

/* Fetches as if nothing were pinned: the real lock is touched only when all is there and somebody
 * agreed. */
static int update_files(struct fetching *w, struct rn_fetcher *f, struct rn_err *err)
{
    struct rn_pins fresh = {0};
    struct rn_fetcher anew = *f;
    struct rn_fetch_list list = {.next = next_file, .done = forget_file, .ctx = w};
    anew.lock = &fresh;
    int rc = rn_fetch_all(&anew, &list, err);
    if (rc == RN_OK)
        rc = replace_pins(w, f->lock, &fresh, err);
    rn_pins_release(&fresh);
    return rc;
}

/* --- verifying --- */

/* What is known of the file; its digest, or NULL. */
static const char *describe_pin(const struct rn_pins *lock, const struct rn_fetch_file *file,
                                json_t *row)
{
    enum rn_trust trust;
    char where[192];
    const char *digest = rn_fetch_pin(lock, file, &trust);
    const struct rn_pin *pin = rn_pins_find(lock, file->id);
    if (!digest)
        return NULL;
    set_text(row, "trust", rn_trust_word(file->sha256 ? RN_TRUST_YAML : pin->trust));
    set_text(row, "sha256", digest);
    set_size(row, pin ? pin->size_bytes : file->size_bytes);
    snprintf(where, sizeof where, "%s %s", pin ? pin->host : "",
             pin && strcmp(pin->date, "-") ? pin->date : "");
    set_text(row, "where", where);
    return digest;
}

RN_PRINTF(2, 3)
static int call_damaged(json_t *row, const char *fmt, ...)
{
    char where[192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    set_text(row, "state", "damaged");
    set_text(row, "where", where);
    return RN_OK;
}

/* Looks at the file itself, whatever is remembered of it. */
static int hash_file(const struct rn_fetcher *f, const struct rn_fetch_file *file, const char *path,
                     const char *digest, json_t *row, struct rn_err *err)
{
    char hex[RN_HEX];
    size_t size_bytes;
    struct rn_finding found;
    RN_TRY(rn_sha256_file(path, hex, &size_bytes, err));
    set_size(row, (int64_t)size_bytes);
    if (strcmp(hex, digest) != 0) {
        unlink(path);
        return call_damaged(row, "holds %.12s; removed from the cache", hex);
    }
    RN_TRY(rn_prove_check(f->formats, file, path, (int64_t)size_bytes, &found, err));
    if (found.verdict != RN_ACCEPTED)
        return call_damaged(row, "%s: %.120s", rn_verdict_id(found.verdict), found.detail);
    set_text(row, "state", "good");
    return RN_OK;
}

static int hash_again(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                      const char *digest, json_t *row, struct rn_err *err)
{
    char *path;
    bool there = rn_cache_has(f->cache, digest);
    RN_TRY(rn_cache_find(f->cache, digest, &path, err));
    if (!path && there)
        return call_damaged(row, "was changed; removed from the cache");
    set_text(row, "state", "absent");
    int rc = path ? hash_file(f, file, path, digest, row, err) : RN_OK;
    free(path);
    return rc;
}

static int verify_files(struct fetching *w, struct rn_fetcher *f, struct rn_err *err)
{
    size_t damaged = 0;
    for (size_t i = 0; i < w->total && !rn_signals_stopping(); i++) {
        json_t *row = add_row(w, w->files[i].id, "unpinned");
        const char *digest = describe_pin(f->lock, &w->files[i], row);
        if (digest)
            RN_TRY(hash_again(f, &w->files[i], digest, row, err));
        damaged += strcmp(rn_json_str(row, "state", ""), "damaged") == 0;
        rn_ui_progress(&w->ui, w->stage, (double)i + 1, (double)w->total, "files", "");
    }
    if (damaged == 0)
        return RN_OK;
    rn_hint(err, "fetch it again: runnel fetch %s", rn_cli_arg(w->cli, 0));
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "%zu cached file%s not what the pin says", damaged,
                   damaged == 1 ? " is" : "s are");
}

/* --- checking --- */

static void add_probe_row(struct fetching *w, const struct rn_probe *probe)
{
    char where[600];
    const struct rn_response *r = &probe->r;
    json_t *row = add_row(w, probe->file->id, rn_verdict_id(r->finding.verdict));
    snprintf(where, sizeof where, "%s%s%s%s%s", r->host, *r->finding.detail ? ": " : "",
             r->finding.detail, *r->hint ? "; " : "", r->hint);
    set_text(row, "where", where);
    set_text(row, "health", probe->health);
    set_size(row, r->declared_bytes);
}

/* Rows for all probes; how many of them are bad, and how many files have no good one. */
static void count_probes(struct fetching *w, const struct rn_probe *probes, size_t n, size_t *bad,
                         size_t *without)
{
    for (size_t i = 0, good = 0; i < n; i++) {
        bool is_good = probes[i].r.finding.verdict == RN_ACCEPTED;
        add_probe_row(w, &probes[i]);
        good += is_good;
        *bad += !is_good;
        if (i + 1 == n || probes[i + 1].file != probes[i].file) {
            *without += good == 0;
            good = 0;
        }
    }
}

/* Asks all sources of all files; RN_EFETCH if one file has none that is good. */
static int check_files(struct fetching *w, struct rn_fetcher *f, struct rn_err *err)
{
    struct rn_probe *probes = NULL;
    size_t n = 0, cap = 0, bad = 0, without = 0;
    for (size_t i = 0; i < w->total; i++)
        for (size_t k = 0; k < w->files[i].n_sources; k++)
            RN_PUSH(probes, n, cap,
                    ((struct rn_probe){.file = &w->files[i], .source = &w->files[i].sources[k]}));
    int rc = rn_probe_all(f, probes, n, err);
    if (rc == RN_OK)
        count_probes(w, probes, n, &bad, &without);
    free(probes);
    RN_TRY(rc);
    if (without > 0)
        return rn_fail(err, RN_EFETCH, RN_NOWHERE, "%zu file%s no source that is good", without,
                       without == 1 ? " has" : "s have");
    if (bad > 0)
        rn_ui_say(&w->ui, "warning: %zu source%s not what the pipeline file says; others stand in",
                  bad, bad == 1 ? " is" : "s are");
    return RN_OK;
}

/* --- which files, and what to do with them --- */

static const struct {
    const char *option;
    int (*use)(struct fetching *, struct rn_fetcher *, struct rn_err *);
} modes[] = {{"update", update_files}, {"verify", verify_files}, {"check", check_files}};

static bool is_wanted(const struct fetching *w, const char *id)
{
    size_t n = w->name ? strlen(w->name) : 0;
    return !w->name || (strncmp(id, w->name, n) == 0 && strchr("./", id[n]));
}

static int use_files(void *ctx, struct rn_fetcher *f, struct rn_fetch_file *files, size_t n,
                     struct rn_err *err)
{
    struct fetching *w = ctx;
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
    struct fetching *w = ctx;
    if (level == RN_WARN)
        rn_ui_log(&w->ui, w->stage, level, text);
}

static int fetch_stage(struct fetching *w, struct rn_plan *plan, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &plan->p->stages[i];
    struct rn_runner runner = {.plan = plan, .stage = i};
    struct rn_job job = rn_plan_job(plan, &runner);
    w->stage = s->name;
    job.log = &w->log;
    return s->stage->files(&job, s->cfg, use_files, w, err);
}

/* A stage that fails does not keep the others from being fetched; the first failure is told. */
static int fetch_stages(struct fetching *w, struct rn_plan *plan, struct rn_err *err)
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
    struct fetching w = {.cli = cli, .name = rn_target_word(cli, 0)};
    struct rn_pipeline *p;
    struct rn_plan plan;
    RN_TRY(rn_target_words(cli, 1, err));
    RN_TRY(check_options(cli, w.name, err));
    RN_TRY(rn_target_pipeline(&p, cli, err));
    rn_signals_install();
    rn_ui_init(&w.ui, rn_cli_json(cli), 4);
    w.log = (struct rn_log){hear, &w};
    w.rows = json_array();
    int rc = rn_plan_init(&plan, p, &how, err);
    if (rc == RN_OK)
        rc = fetch_stages(&w, &plan, err);
    rn_ui_release(&w.ui);
    rn_table_print(columns, w.rows, rn_cli_json(cli));
    json_decref(w.rows);
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
               "taken at its word).",
    .examples = examples};
