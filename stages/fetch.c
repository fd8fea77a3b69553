/* fetch.c - kind `fetch`: files from elsewhere, proven, one output for each entry.
 *
 * The stage has each file of its entries (fetch_files.h) fetched and proven (fetch/fetcher.h), and
 * lays them into out_dir/<entry>/ as links to the cache, or unpacked. */
#include "fetcher.h"

#include "fetch_files.h"
#include "file.h"
#include "formats.h"
#include "path.h"
#include "space.h"
#include "stage.h"
#include "str.h"
#include "tiny_world.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_builtin builtins[] = {{"tiny-world", rn_tiny_world_write}, {0}};

static size_t list_outputs(const void *cfg, struct rn_arena *arena, struct rn_output **out)
{
    const struct rn_fetch_cfg *c = cfg;
    *out = rn_arena_alloc(arena, (c->files.n + 1) * sizeof **out);
    for (size_t i = 0; i < c->files.n; i++)
        (*out)[i] = (struct rn_output){c->files.names[i], "files"};
    return c->files.n;
}

static int check(const void *cfg, struct rn_err *err)
{
    return rn_fetch_check(cfg, err);
}

/* --- what the outputs depend on beside the keys --- */

struct survey {
    const struct rn_job *job;
    const struct rn_pins *pins;
    json_t *into;                 /* fingerprint */
    const struct rn_cache *cache; /* estimate */
    struct rn_estimate *estimate;
    size_t n_remote, n_unknown; /* files from elsewhere, and those of them without a size */
};

static int add_local_digests(struct survey *s, const char *label, const struct rn_fetch_file *f,
                             struct rn_err *err)
{
    for (size_t i = 0; i < f->n_sources; i++) {
        char hex[RN_HEX] = "absent";
        char *path = rn_source_path(s->job->pipeline_dir, f->sources[i].url);
        int rc =
            path && rn_exists(path) ? rn_memo_sha256(s->job->memo, path, hex, NULL, err) : RN_OK;
        if (path) {
            char *key = i ? rn_xprintf("local %s, source %zu", label, i + 1)
                          : rn_xprintf("local %s", label);
            json_object_set_new(s->into, key, json_string(hex));
            free(key);
        }
        free(path);
        if (rc != RN_OK)
            rn_hint(err, "a source is one file that can be read; of many, name each, or count "
                         "them with {i}");
        RN_TRY(rc);
    }
    return RN_OK;
}

static int add_fingerprint(void *ctx, const char *entry, const struct rn_fetch_file *f,
                           struct rn_err *err)
{
    struct survey *s = ctx;
    char *key = rn_xprintf("pin %s/%s", entry, f->name);
    const struct rn_pin *pin = rn_pins_find(s->pins, f->id);
    if (pin && !f->sha256)
        json_object_set_new(s->into, key, json_string(pin->sha256));
    int rc = add_local_digests(s, key + strlen("pin "), f, err);
    free(key);
    return rc;
}

/* -1: not known before it is there. */
static int64_t exact_bytes(const struct rn_pins *pins, const struct rn_fetch_file *f)
{
    const struct rn_pin *pin = rn_pins_find(pins, f->id);
    return f->size_bytes >= 0 ? f->size_bytes : pin ? pin->size_bytes : -1;
}

/* At least; 0: nobody knows. */
static double size_of(const struct rn_pins *pins, const struct rn_fetch_file *f)
{
    int64_t exact = exact_bytes(pins, f), known = exact >= 0 ? exact : f->expect.min_size;
    return known > 0 ? (double)known : 0;
}

/* Whether none of the sources is elsewhere, and none of those here is there. */
static bool is_nowhere(const struct survey *s, const struct rn_fetch_file *f)
{
    bool found = false;
    for (size_t i = 0; i < f->n_sources && !found; i++) {
        char *path = rn_source_path(s->job->pipeline_dir, f->sources[i].url);
        found = !path || rn_exists(path);
        free(path);
    }
    return !found;
}

static int add_estimate(void *ctx, const char *entry, const struct rn_fetch_file *f,
                        struct rn_err *err)
{
    struct survey *s = ctx;
    (void)entry;
    (void)err;
    enum rn_trust trust;
    const char *digest = rn_fetch_pin(s->pins, f, &trust);
    double size_bytes = size_of(s->pins, f);
    bool remote = false;
    for (size_t i = 0; i < f->n_sources; i++)
        remote = remote || rn_source_is_remote(f->sources[i].url);
    s->estimate->disk_bytes += size_bytes;
    s->n_remote += remote;
    s->n_unknown += remote && exact_bytes(s->pins, f) < 0;
    bool cached = digest && rn_cache_has(s->cache, digest);
    if (!s->estimate->note[0] && !cached && is_nowhere(s, f))
        snprintf(s->estimate->note, sizeof s->estimate->note, "no such file: %s",
                 f->sources[0].url);
    if (remote && !cached)
        s->estimate->download_bytes += size_bytes;
    return RN_OK;
}

static int fingerprint(const struct rn_job *job, const void *cfg, json_t *into, struct rn_err *err)
{
    struct rn_pins pins;
    struct survey s = {.job = job, .pins = &pins, .into = into};
    RN_TRY(rn_pins_open(&pins, job->lock_path, job->run_dir, err));
    int rc = rn_fetch_each(cfg, job->stage, add_fingerprint, &s, err);
    rn_pins_release(&pins);
    return rc;
}

static int estimate(const struct rn_job *job, const void *cfg, struct rn_estimate *out,
                    struct rn_err *err)
{
    struct rn_pins pins;
    struct rn_cache cache;
    struct survey s = {.job = job, .pins = &pins, .cache = &cache, .estimate = out};
    RN_TRY(rn_pins_open(&pins, job->lock_path, job->run_dir, err));
    rn_cache_locate(&cache, NULL);
    int rc = rn_fetch_each(cfg, job->stage, add_estimate, &s, err);
    if (s.n_unknown && !out->note[0])
        snprintf(out->note, sizeof out->note,
                 "the size of %zu of %zu files from elsewhere is not known before they are fetched",
                 s.n_unknown, s.n_remote);
    rn_cache_release(&cache);
    rn_pins_release(&pins);
    return rc;
}

/* --- running --- */

struct fetching {
    struct rn_job *job;
    const struct rn_fetch_cfg *cfg;
    struct rn_fetcher fetcher;
    atomic_bool *made; /* by entry: the folder of its output is there; owned */
    size_t entry;      /* of the next file, and which of its files */
    int64_t k;
    double total, total_bytes, done, from_cache, size_bytes;
};

/* A file on its way, with what its strings live in. */
struct item {
    struct rn_fetch_file file; /* first: the fetcher hands it back */
    struct rn_arena arena;
    const char *entry;
    size_t entry_index;
    int64_t index, count; /* of the file among those of its entry */
};

static bool stopping(void *ctx)
{
    return rn_job_stopping(((struct fetching *)ctx)->job);
}

static void progress(void *ctx, const struct rn_fetch_progress *p)
{
    struct fetching *f = ctx;
    char text[160], done[32], total[32], speed[32], left[32];
    double rest_bytes = f->total_bytes - (double)p->done_bytes;
    int n = snprintf(text, sizeof text, "%s", rn_show_bytes(done, (double)p->done_bytes));
    if (rest_bytes > 0)
        n += snprintf(text + n, sizeof text - (size_t)n, " of %s",
                      rn_show_bytes(total, f->total_bytes));
    if (p->bytes_s > 0)
        n +=
            snprintf(text + n, sizeof text - (size_t)n, ", %s/s", rn_show_bytes(speed, p->bytes_s));
    if (p->bytes_s > 0 && rest_bytes > 0)
        snprintf(text + n, sizeof text - (size_t)n, ", %s left",
                 rn_show_time(left, rest_bytes / p->bytes_s));
    rn_job_progress(f->job, (double)p->files_done, f->total, "files", text);
}

static int next_file(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct fetching *f = ctx;
    while (f->entry < f->cfg->files.n && f->k == rn_fetch_count(f->cfg, f->entry)) {
        f->entry++;
        f->k = 0;
    }
    if (f->entry == f->cfg->files.n)
        return RN_OK;
    struct item *item = rn_new(struct item);
    item->entry = f->cfg->files.names[f->entry];
    item->entry_index = f->entry;
    item->index = f->k++;
    item->count = rn_fetch_count(f->cfg, f->entry);
    *file = &item->file;
    int rc = rn_fetch_make(&item->arena, f->cfg, f->job->stage, f->entry, item->index, *file, err);
    if (rc != RN_OK) {
        rn_arena_release(&item->arena);
        free(item);
        *file = NULL;
    }
    return rc;
}

static int lay_link(const struct fetching *f, const struct rn_fetched *got, const char *path,
                    struct rn_err *err)
{
    const struct rn_cache_item item = {.sha256 = got->sha256, .path = got->path, .seen = got->seen};
    struct rn_seen now;
    RN_TRY(rn_cache_take(f->fetcher.cache, &item, path, &now, err));
    if (f->job->memo) /* the runner need not read it to know its digest */
        rn_memo_learn_seen(f->job->memo, &now, got->sha256);
    return RN_OK;
}

static int lay_out(void *ctx, const struct rn_fetch_file *file, const struct rn_fetched *got,
                   struct rn_err *err)
{
    const struct fetching *f = ctx;
    const struct item *item = (const struct item *)file;
    char *dir = rn_join(f->job->out_dir, item->entry), *path = rn_join(dir, file->name);
    int rc;
    if (file->unpack) {
        rc = rn_archive_unpack(got->path, dir, file->unpack, err);
    } else {
        atomic_bool *made = &f->made[item->entry_index];
        rc = atomic_load(made) ? RN_OK : rn_mkdirs(dir, err);
        atomic_store(made, rc == RN_OK);
        if (rc == RN_OK)
            rc = lay_link(f, got, path, err);
    }
    free(path);
    free(dir);
    return rc;
}

/* What is unpacked becomes an output only as a whole. */
static void announce(const struct fetching *f, const struct item *item,
                     const struct rn_fetched *got)
{
    struct rn_arrival a = {.output = item->entry,
                           .index = item->index,
                           .count = item->count,
                           .name = item->file.name,
                           .path = got->path,
                           .size_bytes = got->size_bytes,
                           .sha256 = got->sha256,
                           .more = got->more};
    if (!item->file.unpack)
        rn_job_arrived(f->job, &a);
}

static void tell_had(const struct fetching *f, const struct rn_fetch_file *file,
                     const struct rn_fetched *got)
{
    struct rn_fetched_words words = rn_fetched_tell(got, file, f->fetcher.lock);
    rn_job_file_ended(f->job, &(struct rn_file_end){.file = file->id,
                                                    .state = words.state,
                                                    .sha256 = got->sha256,
                                                    .size_bytes = got->size_bytes,
                                                    .trust = words.trust,
                                                    .where = words.where,
                                                    .message = "",
                                                    .more = got->more});
}

static void tell_failed(void *ctx, const struct rn_fetch_file *file, const struct rn_err *why)
{
    const struct fetching *f = ctx;
    rn_job_file_ended(f->job, &(struct rn_file_end){.file = file->id,
                                                    .state = "failed",
                                                    .sha256 = "",
                                                    .size_bytes = -1,
                                                    .trust = "-",
                                                    .where = "",
                                                    .message = why->msg});
}

static int done_with(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got,
                     struct rn_err *err)
{
    struct fetching *f = ctx;
    struct item *item = (struct item *)file;
    (void)err;
    if (got) {
        f->done++;
        f->from_cache += got->from_cache;
        f->size_bytes += (double)got->size_bytes;
        announce(f, item, got);
        tell_had(f, file, got);
    }
    rn_arena_release(&item->arena);
    free(item);
    return RN_OK;
}

/* What was found when the stage was decided, a moment ago, is not looked for again, unless this
 * run's own folder stands in for a cache that cannot be written. */
static int look_ahead(const struct fetching *f, const struct rn_fetch_cfg *c,
                      struct rn_estimate *known, struct rn_err *err)
{
    struct survey s = {
        .job = f->job, .pins = f->fetcher.lock, .cache = f->fetcher.cache, .estimate = known};
    if (!f->job->expected || f->fetcher.cache->spare)
        return rn_fetch_each(c, f->job->stage, add_estimate, &s, err);
    *known = *f->job->expected;
    return RN_OK;
}

/* The files of an entry are alike: unless the first one's library lacks, none does. What is
 * unpacked, a single file then, is read in any case. */
static int check_entry(const struct fetching *f, const struct rn_fetch_cfg *c, size_t entry,
                       double *unpacked_bytes, struct rn_err *err)
{
    int rc = RN_OK;
    for (int64_t k = 0; k < rn_fetch_count(c, entry) && rc == RN_OK; k++) {
        struct rn_arena arena = {0};
        struct rn_err missing = {0};
        struct rn_fetch_file file;
        rc = rn_fetch_make(&arena, c, f->job->stage, entry, k, &file, err);
        bool done = rc == RN_OK && rn_prove_need(&file, &missing) == RN_OK;
        if (rc == RN_OK && !done)
            rc = file.unpack ? rn_fail_as(err, &missing) : rn_fetch_need(&f->fetcher, &file, err);
        if (rc == RN_OK && file.unpack)
            *unpacked_bytes += size_of(f->fetcher.lock, &file);
        rn_arena_release(&arena);
        if (done)
            break;
    }
    return rc;
}

/* What is missing goes into the cache; an output takes room of its own where it is unpacked, or
 * lies on another disk. */
static int check_machine(const struct fetching *f, const struct rn_fetch_cfg *c,
                         struct rn_estimate *known, struct rn_err *err)
{
    const char *home = rn_cache_home(f->fetcher.cache);
    double unpacked_bytes = 0;
    struct rn_space need = {0};
    for (size_t i = 0; i < c->files.n; i++)
        RN_TRY(check_entry(f, c, i, &unpacked_bytes, err));
    RN_TRY(look_ahead(f, c, known, err));
    rn_space_add(&need, home, (int64_t)known->download_bytes);
    bool shared = rn_space_shared(home, f->job->out_dir);
    rn_space_add(&need, f->job->out_dir, (int64_t)(shared ? unpacked_bytes : known->disk_bytes));
    return rn_space_check(&need, err);
}

static int fetch_all(struct fetching *f, const struct rn_fetch_cfg *c, struct rn_err *err)
{
    char size[32];
    struct rn_estimate known = {0};
    struct rn_fetch_list list = {
        .next = next_file, .lay_out = lay_out, .failed = tell_failed, .done = done_with, .ctx = f};
    RN_TRY(check_machine(f, c, &known, err));
    f->cfg = c;
    f->total_bytes = known.disk_bytes;
    for (size_t i = 0; i < c->files.n; i++)
        f->total += (double)rn_fetch_count(c, i);
    RN_TRY(rn_fetch_all(&f->fetcher, &list, err));
    rn_log(f->job->log, RN_INFO, "%.0f files, %s, %.0f of them from the cache", f->done,
           rn_show_bytes(size, f->size_bytes), f->from_cache);
    return RN_OK;
}

/* All that a fetcher needs for the files of one stage. */
struct desk {
    struct rn_pins pins;
    struct rn_cache cache;
    struct rn_who who;
    char *quarantine;
    const char **mirrors; /* NULL-ended */
    struct rn_fetcher fetcher;
};

/* $RUNNEL_MIRROR, then those of the pipeline file; the array is the caller's. */
static const char **list_mirrors(const struct rn_fetch_cfg *c)
{
    const char **mirrors = rn_xalloc((c->mirrors.n + 2) * sizeof *mirrors);
    const char *own = getenv("RUNNEL_MIRROR");
    size_t n = 0;
    if (own && *own)
        mirrors[n++] = own;
    for (size_t i = 0; i < c->mirrors.n; i++)
        if (*((const char *const *)c->mirrors.items)[i]) /* "${env.MIRROR:-}" may be empty */
            mirrors[n++] = ((const char *const *)c->mirrors.items)[i];
    return mirrors;
}

static void close_desk(struct desk *d)
{
    free(d->mirrors);
    free(d->quarantine);
    rn_who_release(&d->who);
    rn_cache_release(&d->cache);
    rn_pins_release(&d->pins);
}

static int open_desk(struct desk *d, const struct rn_job *job, const struct rn_fetch_cfg *c,
                     struct rn_err *err)
{
    *d = (struct desk){0};
    RN_TRY(rn_pins_open(&d->pins, job->lock_path, job->run_dir, err));
    rn_cache_init(&d->cache, NULL);
    char *spare = rn_join(job->run_dir, "cache");
    rn_cache_fall_back(&d->cache, spare);
    free(spare);
    d->quarantine = rn_join(job->run_dir, "quarantine");
    d->mirrors = list_mirrors(c);
    d->fetcher = (struct rn_fetcher){.from = {job->pipeline_dir, builtins},
                                     .formats = rn_data_formats,
                                     .cache = &d->cache,
                                     .lock = &d->pins,
                                     .who = &d->who,
                                     .mirrors = d->mirrors,
                                     .quarantine_dir = d->quarantine,
                                     .retries = c->retries,
                                     .per_host = c->per_host,
                                     .stall_s = c->stall_s,
                                     .pause_s = 1,
                                     .offline = job->offline,
                                     .locked = job->locked,
                                     .log = job->log};
    int rc = rn_who_read(&d->who, err);
    if (rc != RN_OK)
        close_desk(d);
    return rc;
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    struct desk d;
    RN_TRY(open_desk(&d, job, cfg, err));
    size_t n_entries = ((const struct rn_fetch_cfg *)cfg)->files.n;
    struct fetching f = {.job = job, .fetcher = d.fetcher};
    f.made = rn_xalloc(n_entries * sizeof *f.made);
    f.fetcher.stopping = stopping;
    f.fetcher.progress = progress;
    f.fetcher.ctx = &f;
    int rc = fetch_all(&f, cfg, err);
    free(f.made);
    close_desk(&d);
    return rc;
}

/* --- without a run --- */

static int make_all(struct rn_arena *arena, const struct rn_fetch_cfg *c, const char *stage,
                    struct rn_fetch_file **files, size_t *n, struct rn_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < c->files.n; i++)
        total += (size_t)rn_fetch_count(c, i);
    *files = rn_arena_alloc(arena, (total + 1) * sizeof **files);
    for (size_t i = 0; i < c->files.n; i++)
        for (int64_t k = 0; k < rn_fetch_count(c, i); k++)
            RN_TRY(rn_fetch_make(arena, c, stage, i, k, &(*files)[(*n)++], err));
    return RN_OK;
}

static int files(const struct rn_job *job, const void *cfg,
                 int (*use)(void *ctx, struct rn_fetcher *, struct rn_fetch_file *files, size_t n,
                            struct rn_err *),
                 void *ctx, struct rn_err *err)
{
    struct desk d;
    struct rn_arena arena = {0};
    struct rn_fetch_file *all = NULL;
    size_t n = 0;
    RN_TRY(open_desk(&d, job, cfg, err));
    int rc = make_all(&arena, cfg, job->stage, &all, &n, err);
    if (rc == RN_OK)
        rc = use(ctx, &d.fetcher, all, n, err);
    rn_arena_release(&arena);
    close_desk(&d);
    return rc;
}

const struct rn_stage rn_stage_fetch = {.kind = "fetch",
                                        .doc = "files from elsewhere, proven before they are used",
                                        .version = 1,
                                        .keys = rn_fetch_keys,
                                        .cfg_bytes = sizeof(struct rn_fetch_cfg),
                                        .list_outputs = list_outputs,
                                        .check = check,
                                        .fingerprint = fingerprint,
                                        .estimate = estimate,
                                        .run = run,
                                        .files = files};
