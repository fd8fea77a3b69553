/* stages/fetch.c - kind `fetch`: files from elsewhere, proven, one output for each entry.
 *
 * The stage has each file of its entries (fetch_files.h) fetched and proven (fetch/fetcher.h), and
 * lays them into out_dir/<entry>/ as links to the cache, or unpacked. */
#include "fetcher.h"

#include "fetch_files.h"
#include "file.h"
#include "formats.h"
#include "stage.h"
#include "str.h"
#include "tiny_world.h"

#include <inttypes.h>
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

static bool is_remote(const char *url)
{
    const struct rn_source_kind *kind = rn_source_kind(url);
    return kind && kind->remote;
}

/* --- what the outputs depend on beside the keys --- */

struct survey {
    const struct rn_job *job;
    struct rn_pins pins;
    struct rn_cache cache;
    json_t *into;                 /* fingerprint */
    struct rn_estimate *estimate; /* estimate */
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
        RN_TRY(rc);
    }
    return RN_OK;
}

static int add_fingerprint(void *ctx, const char *entry, const struct rn_fetch_file *f,
                           struct rn_err *err)
{
    struct survey *s = ctx;
    char *label = rn_xprintf("%s/%s", entry, f->name);
    const struct rn_pin *pin = rn_pins_find(&s->pins, f->id);
    if (pin && !f->sha256) {
        char *key = rn_xprintf("pin %s", label);
        json_object_set_new(s->into, key, json_string(pin->sha256));
        free(key);
    }
    int rc = add_local_digests(s, label, f, err);
    free(label);
    return rc;
}

static int add_estimate(void *ctx, const char *entry, const struct rn_fetch_file *f,
                        struct rn_err *err)
{
    struct survey *s = ctx;
    (void)entry;
    (void)err;
    enum rn_trust trust;
    const struct rn_pin *pin = rn_pins_find(&s->pins, f->id);
    const char *digest = rn_fetch_pin(&s->pins, f, &trust);
    int64_t known = f->size_bytes >= 0 ? f->size_bytes : pin ? pin->size_bytes : f->expect.min_size;
    double size_bytes = known > 0 ? (double)known : 0;
    bool remote = false;
    for (size_t i = 0; i < f->n_sources; i++)
        remote = remote || is_remote(f->sources[i].url);
    s->estimate->disk_bytes += size_bytes;
    if (remote && !(digest && rn_cache_has(&s->cache, digest)))
        s->estimate->download_bytes += size_bytes;
    return RN_OK;
}

static int take_survey(struct survey *s, const struct rn_fetch_cfg *c,
                       int (*each)(void *, const char *, const struct rn_fetch_file *,
                                   struct rn_err *),
                       struct rn_err *err)
{
    RN_TRY(rn_pins_open(&s->pins, s->job->lock_path, s->job->run_dir, err));
    rn_cache_init(&s->cache, NULL);
    int rc = rn_fetch_each(c, s->job->stage, each, s, err);
    rn_cache_release(&s->cache);
    rn_pins_release(&s->pins);
    return rc;
}

static int fingerprint(const struct rn_job *job, const void *cfg, json_t *into, struct rn_err *err)
{
    struct survey s = {.job = job, .into = into};
    return take_survey(&s, cfg, add_fingerprint, err);
}

static int estimate(const struct rn_job *job, const void *cfg, struct rn_estimate *out,
                    struct rn_err *err)
{
    struct survey s = {.job = job, .estimate = out};
    return take_survey(&s, cfg, add_estimate, err);
}

/* --- running --- */

struct fetching {
    struct rn_job *job;
    const struct rn_fetch_cfg *cfg;
    const char *entry; /* whose files are on their way */
    int64_t index;     /* of the file among them */
    struct rn_fetcher fetcher;
    const char *name; /* of the file on its way */
    double done, total, from_cache, size_bytes;
};

static bool stopping(void *ctx)
{
    return rn_job_stopping(((struct fetching *)ctx)->job);
}

static void progress(void *ctx, const struct rn_fetch_progress *p)
{
    struct fetching *f = ctx;
    char text[128], done[32], speed[32];
    snprintf(text, sizeof text, "%s, %s/s, %zu at once", rn_show_bytes(done, (double)p->done_bytes),
             rn_show_bytes(speed, p->bytes_s), p->running);
    rn_job_progress(f->job, f->done + (double)p->files_done, f->total, "files", text);
}

static int lay_out(const struct rn_job *job, const char *entry, const struct rn_fetch_file *f,
                   const struct rn_fetched *got, struct rn_err *err)
{
    char *dir = rn_join(job->out_dir, entry), *path = rn_join(dir, f->name);
    int rc;
    if (f->unpack) {
        rc = rn_archive_unpack(got->path, dir, f->unpack, err);
    } else {
        rc = rn_mkdirs(dir, err);
        if (rc == RN_OK)
            rc = rn_copy_file(got->path, path, err);
    }
    free(path);
    free(dir);
    return rc;
}

static int64_t count_of(const struct rn_fetch_cfg *c, const char *entry)
{
    size_t i = 0;
    while (strcmp(c->files.names[i], entry) != 0)
        i++;
    return rn_fetch_count(c, i);
}

/* What is unpacked becomes an output only as a whole. */
static void announce(const struct fetching *f, const struct rn_fetch_file *file,
                     const struct rn_fetched *got)
{
    struct rn_arrival a = {.output = f->entry,
                           .index = f->index,
                           .count = count_of(f->cfg, f->entry),
                           .name = file->name,
                           .path = got->path,
                           .size_bytes = got->size_bytes,
                           .sha256 = got->sha256};
    if (!file->unpack)
        rn_job_arrived(f->job, &a);
}

static int fetch_one(void *ctx, const char *entry, const struct rn_fetch_file *file,
                     struct rn_err *err)
{
    struct fetching *f = ctx;
    struct rn_fetched got;
    f->index = f->entry == entry ? f->index + 1 : 0;
    f->entry = entry;
    f->name = file->name;
    RN_TRY(rn_fetch_file(&f->fetcher, file, &got, err));
    int rc = lay_out(f->job, entry, file, &got, err);
    if (rc == RN_OK)
        announce(f, file, &got);
    f->done++;
    f->from_cache += got.from_cache;
    f->size_bytes += (double)got.size_bytes;
    rn_fetched_release(&got);
    rn_job_progress(f->job, f->done, f->total, "files", file->name);
    return rc;
}

static int fetch_all(struct fetching *f, const struct rn_fetch_cfg *c, struct rn_err *err)
{
    char size[32];
    for (size_t i = 0; i < c->files.n; i++)
        f->total += (double)rn_fetch_count(c, i);
    RN_TRY(rn_fetch_each(c, f->job->stage, fetch_one, f, err));
    rn_log(f->job->log, RN_INFO, "%.0f files, %s, %.0f of them from the cache", f->done,
           rn_show_bytes(size, f->size_bytes), f->from_cache);
    return RN_OK;
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    const struct rn_fetch_cfg *c = cfg;
    struct rn_pins pins;
    struct rn_cache cache;
    RN_TRY(rn_pins_open(&pins, job->lock_path, job->run_dir, err));
    rn_cache_init(&cache, NULL);
    char *quarantine = rn_join(job->run_dir, "quarantine");
    struct fetching f = {.job = job, .cfg = c};
    f.fetcher = (struct rn_fetcher){.from = {job->pipeline_dir, builtins},
                                    .formats = rn_data_formats,
                                    .cache = &cache,
                                    .lock = &pins,
                                    .quarantine_dir = quarantine,
                                    .retries = c->retries,
                                    .stall_s = c->stall_s,
                                    .pause_s = 1,
                                    .offline = job->offline,
                                    .locked = job->locked,
                                    .log = job->log,
                                    .stopping = stopping,
                                    .progress = progress,
                                    .ctx = &f};
    int rc = fetch_all(&f, c, err);
    free(quarantine);
    rn_cache_release(&cache);
    rn_pins_release(&pins);
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
                                        .run = run};
