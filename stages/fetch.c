/* stages/fetch.c - kind `fetch`: files from elsewhere, proven, one output for each entry.
 *
 * The stage turns each entry of `files:` into a list of single files, has each fetched and proven
 * (fetch/fetch.h), and lays them into out_dir/<entry>/ as links to the cache, or unpacked. */
#include "fetcher.h"

#include "file.h"
#include "formats.h"
#include "stage.h"
#include "str.h"
#include "template.h"
#include "tiny_world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct url {
    const char *url, *member, *sha256;
};

struct entry {
    struct rn_list urls; /* of struct url */
    const char *name;
    int64_t count, first;
    const char *sha256;
    int64_t size_bytes;
    const char *member;
    const char *format, *record;      /* check: */
    struct rn_list columns;           /* of const char * */
    int64_t rows, min_size, max_size; /* -1: not asked */
    int64_t strip, max_bytes;         /* unpack:, -1: not given */
    struct rn_list require;           /* of const char * */
};

struct cfg {
    struct rn_map files; /* of struct entry */
    int64_t retries, per_host;
    double stall_s;
};

static const struct rn_key url_keys[] = {
    RN_KEY_STR(struct url, url, "url", RN_SOURCE, RN_REQUIRED,
               "https://, http:// (loopback, or with sha256), file://, a path, or builtin:"),
    RN_KEY_STR(struct url, member, "member", RN_SOURCE, "",
               "file inside the zip that this url gives"),
    RN_KEY_STR(struct url, sha256, "sha256", RN_SOURCE, "",
               "digest of what this url gives, before `member`"),
    RN_KEYS_END};

static const struct rn_key check_keys[] = {
    RN_KEY_STR(struct entry, format, "format", RN_IDENTITY, "",
               "parquet, jsonl, text, zip and whatever else the program can check"),
    RN_KEY_LIST_OF(struct entry, columns, "columns", RN_IDENTITY, "~", RN_T_STR,
                   "parquet: columns that must be there"),
    RN_KEY_STR(struct entry, record, "record", RN_IDENTITY, "", "jsonl: conversation"),
    RN_KEY_COUNT(struct entry, rows, "rows", RN_IDENTITY, "~", -1, 1e15, "exact number of rows"),
    RN_KEY_BYTES(struct entry, min_size, "min_size", RN_IDENTITY, "~", -1, 1e15, "at least"),
    RN_KEY_BYTES(struct entry, max_size, "max_size", RN_IDENTITY, "~", -1, 1e15, "at most"),
    RN_KEYS_END};

static const struct rn_key unpack_keys[] = {
    RN_KEY_INT(struct entry, strip, "strip", RN_IDENTITY, "~", -1, 32, "",
               "leading folders to drop"),
    RN_KEY_LIST_OF(struct entry, require, "require", RN_IDENTITY, "~", RN_T_STR,
                   "files that must be in the archive, after strip"),
    RN_KEY_BYTES(struct entry, max_bytes, "max_bytes", RN_IDENTITY, "~", -1, 1e15,
                 "of all files together, unpacked"),
    RN_KEYS_END};

static const struct rn_key entry_keys[] = {
    {.name = "urls",
     .type = RN_T_LIST,
     .class = RN_SOURCE,
     .offset = offsetof(struct entry, urls),
     .def = RN_REQUIRED,
     .sub = url_keys,
     .sub_bytes = sizeof(struct url),
     .shorthand = "url",
     .doc = "sources of the same file, tried in this order"},
    RN_KEY_STR(struct entry, name, "name", RN_IDENTITY, "",
               "file name; default: last part of the first url"),
    RN_KEY_INT(struct entry, count, "count", RN_IDENTITY, "1", 1, 1e6, "files",
               "how many; {i} in name and urls is the number"),
    RN_KEY_INT(struct entry, first, "first", RN_IDENTITY, "0", 0, 1e9, "", "first number"),
    RN_KEY_STR(struct entry, sha256, "sha256", RN_IDENTITY, "", "digest of the file"),
    RN_KEY_BYTES(struct entry, size_bytes, "size", RN_IDENTITY, "~", -1, 1e15, "exact size"),
    RN_KEY_STR(struct entry, member, "member", RN_SOURCE, "",
               "file inside the zip that every url gives"),
    RN_KEY_TABLE("check", check_keys, "what the file must be"),
    RN_KEY_TABLE("unpack", unpack_keys, "the file is a zip: its files are the output"),
    RN_KEYS_END};

static const struct rn_key keys[] = {
    RN_KEY_MAP(struct cfg, files, "files", RN_IDENTITY, RN_REQUIRED, entry_keys, struct entry,
               "what to fetch, by output name"),
    RN_KEY_INT(struct cfg, retries, "retries", RN_NEUTRAL, "4", 0, 100, "rounds",
               "more rounds over the sources after transient trouble"),
    RN_KEY_INT(struct cfg, per_host, "per_host", RN_NEUTRAL, "4", 1, 64, "downloads",
               "from one host at a time, at most (today files come one after another)"),
    RN_KEY_TIME(struct cfg, stall_s, "stall", RN_NEUTRAL, "30 s", 1, 3600,
                "drop a connection that is slower than 1 KiB/s for so long"),
    RN_KEYS_END};

static const struct rn_builtin builtins[] = {{"tiny-world", rn_tiny_world_write}, {0}};

/* --- entries --- */

static bool given(const char *s)
{
    return s && *s;
}

static const char *or_null(const char *s)
{
    return given(s) ? s : NULL;
}

static const struct entry *entry_at(const struct cfg *c, size_t i)
{
    return (const struct entry *)c->files.items + i;
}

static const struct url *urls_of(const struct entry *e)
{
    return e->urls.items;
}

static bool unpacks(const struct entry *e)
{
    return e->strip >= 0 || e->max_bytes >= 0 || e->require.n > 0;
}

static bool is_remote(const char *url)
{
    const struct rn_source_kind *kind = rn_source_kind(url);
    return kind && kind->remote;
}

static bool has_remote(const struct entry *e)
{
    for (size_t i = 0; i < e->urls.n; i++)
        if (is_remote(urls_of(e)[i].url))
            return true;
    return false;
}

/* --- single files --- */

static const char *fill(struct rn_arena *arena, const char *text, int64_t number, const char *file,
                        struct rn_err *err)
{
    struct rn_str s = {0};
    int rc = rn_template_fill(&s, text, number, file, err);
    const char *filled = rc == RN_OK ? rn_arena_dup(arena, s.p ? s.p : "") : NULL;
    rn_str_release(&s);
    return filled;
}

static const char *file_name(struct rn_arena *arena, const struct entry *e, int64_t number,
                             struct rn_err *err)
{
    if (given(e->name))
        return fill(arena, e->name, number, NULL, err);
    const char *url = fill(arena, urls_of(e)[0].url, number, NULL, err);
    char *last = url ? rn_url_name(url) : NULL;
    const char *name = last ? rn_arena_dup(arena, last) : NULL;
    free(last);
    return name;
}

static int fill_sources(struct rn_arena *arena, const struct entry *e, int64_t number,
                        struct rn_fetch_file *f, struct rn_err *err)
{
    struct rn_source *sources = rn_arena_alloc(arena, e->urls.n * sizeof *sources);
    for (size_t i = 0; i < e->urls.n; i++) {
        const struct url *u = &urls_of(e)[i];
        const char *member = given(u->member) ? u->member : or_null(e->member);
        sources[i].sha256 = or_null(u->sha256);
        sources[i].url = fill(arena, u->url, number, f->name, err);
        sources[i].member = member ? fill(arena, member, number, f->name, err) : NULL;
        if (!sources[i].url || (member && !sources[i].member))
            return RN_ECONFIG;
    }
    f->sources = sources;
    f->n_sources = e->urls.n;
    return RN_OK;
}

static const char *const *words_of(struct rn_arena *arena, const struct rn_list *l)
{
    if (l->n == 0)
        return NULL;
    const char **words = rn_arena_alloc(arena, (l->n + 1) * sizeof *words);
    memcpy(words, l->items, l->n * sizeof *words);
    return words;
}

/* The file with this number of an entry; all strings in the arena. */
static int make_file(struct rn_arena *arena, const char *stage, const char *entry,
                     const struct entry *e, int64_t number, struct rn_fetch_file *f,
                     struct rn_err *err)
{
    const char *name = file_name(arena, e, number, err);
    if (!name)
        return RN_ECONFIG;
    if (!rn_name_is_plain(name))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'%.80s' cannot be a file name", name);
    *f = (struct rn_fetch_file){.id = rn_arena_printf(arena, "%s.%s/%s", stage, entry, name),
                                .name = name,
                                .sha256 = or_null(e->sha256),
                                .size_bytes = e->size_bytes};
    f->expect = (struct rn_expect){.format = or_null(e->format),
                                   .columns = words_of(arena, &e->columns),
                                   .record = or_null(e->record),
                                   .rows = e->rows,
                                   .min_size = e->min_size,
                                   .max_size = e->max_size};
    if (unpacks(e)) {
        struct rn_unpack *u = rn_arena_alloc(arena, sizeof *u);
        *u = (struct rn_unpack){.strip = e->strip < 0 ? 0 : e->strip,
                                .require = words_of(arena, &e->require),
                                .max_bytes = e->max_bytes};
        f->unpack = u;
    }
    return fill_sources(arena, e, number, f, err);
}

/* Calls `each` for every single file, in order. */
static int for_files(const struct cfg *c, const char *stage,
                     int (*each)(void *ctx, const char *entry, const struct rn_fetch_file *,
                                 struct rn_err *),
                     void *ctx, struct rn_err *err)
{
    for (size_t i = 0; i < c->files.n; i++) {
        const struct entry *e = entry_at(c, i);
        for (int64_t k = 0; k < e->count; k++) {
            struct rn_arena arena = {0};
            struct rn_fetch_file f;
            int rc = make_file(&arena, stage, c->files.names[i], e, e->first + k, &f, err);
            if (rc == RN_OK)
                rc = each(ctx, c->files.names[i], &f, err);
            rn_arena_release(&arena);
            RN_TRY(rc);
        }
    }
    return RN_OK;
}

static size_t list_outputs(const void *cfg, struct rn_arena *arena, struct rn_output **out)
{
    const struct cfg *c = cfg;
    *out = rn_arena_alloc(arena, (c->files.n + 1) * sizeof **out);
    for (size_t i = 0; i < c->files.n; i++)
        (*out)[i] = (struct rn_output){c->files.names[i], "files"};
    return c->files.n;
}

/* --- rules --- */

#define WRONG(key, ...) rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'files.%s." key "': " __VA_ARGS__)

static int check_urls(const char *name, const struct entry *e, struct rn_err *err)
{
    if (e->urls.n == 0)
        return WRONG("urls", "no source is given", name);
    for (size_t i = 0; i < e->urls.n; i++) {
        const struct url *u = &urls_of(e)[i];
        if (!given(u->url) || !rn_source_kind(u->url))
            return WRONG("urls", "unknown kind of source '%.80s'", name,
                         given(u->url) ? u->url : "");
        if (given(u->sha256) && !rn_sha256_is_hex(u->sha256))
            return WRONG("urls", "sha256 is not 64 hexadecimal digits in lower case", name);
        bool pinned = given(u->sha256) || given(e->sha256);
        if (is_remote(u->url) && !rn_url_allowed(u->url, pinned)) {
            rn_hint(err, "use https, or give a sha256");
            return WRONG("urls", "plain http without a sha256: %.80s", name, u->url);
        }
    }
    return RN_OK;
}

static int check_proof(const char *name, const struct entry *e, struct rn_err *err)
{
    if (!has_remote(e) || given(e->sha256) || given(e->format) || e->min_size > 0 || unpacks(e))
        return RN_OK;
    rn_hint(err, "add sha256, or check: {format: ...} or {min_size: ...}");
    return WRONG("check", "nothing would detect an error page in place of the file", name);
}

static int check_format(const char *name, const struct entry *e, struct rn_err *err)
{
    if (!given(e->format))
        return RN_OK;
    if (!rn_format_known(rn_data_formats, e->format)) {
        const char *words[64] = {"zip"};
        for (size_t i = 0; rn_data_formats[i].name && i + 2 < RN_COUNT(words); i++)
            words[i + 1] = rn_data_formats[i].name;
        const char *near = rn_nearest(e->format, words);
        if (near)
            rn_hint(err, "did you mean '%s'?", near);
        return WRONG("check.format", "unknown format '%.40s'", name, e->format);
    }
    if (unpacks(e) && strcmp(e->format, "zip") != 0)
        return WRONG("check.format", "only a zip can be unpacked, not %s", name, e->format);
    return RN_OK;
}

static int check_many(const char *name, const struct entry *e, struct rn_err *err)
{
    if (given(e->sha256) && !rn_sha256_is_hex(e->sha256))
        return WRONG("sha256", "not 64 hexadecimal digits in lower case", name);
    if (e->count == 1)
        return RN_OK;
    if (given(e->sha256) || e->size_bytes >= 0)
        return WRONG("count", "one sha256 or size cannot fit %" PRId64 " files", name, e->count);
    if (unpacks(e))
        return WRONG("count", "only a single archive can be unpacked", name);
    const char *text = given(e->name) ? e->name : urls_of(e)[0].url;
    if (!rn_template_counts(text))
        return WRONG("name", "%" PRId64 " files would get one name: '%.80s' holds no {i}", name,
                     e->count, text);
    return RN_OK;
}

static int check_entry(const char *name, const struct entry *e, struct rn_err *err)
{
    RN_TRY(check_urls(name, e, err));
    RN_TRY(check_proof(name, e, err));
    RN_TRY(check_format(name, e, err));
    RN_TRY(check_many(name, e, err));
    struct rn_arena arena = {0};
    struct rn_fetch_file f;
    int rc = make_file(&arena, "", name, e, e->first + e->count - 1, &f, err);
    rn_arena_release(&arena);
    return rc == RN_OK ? RN_OK : rn_while(err, "'files.%s'", name);
}

static int check(const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    if (c->files.n == 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'files': nothing to fetch");
    for (size_t i = 0; i < c->files.n; i++)
        RN_TRY(check_entry(c->files.names[i], entry_at(c, i), err));
    return RN_OK;
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
            char *key = rn_xprintf("local %s %zu", label, i);
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

static int take_survey(struct survey *s, const struct cfg *c,
                       int (*each)(void *, const char *, const struct rn_fetch_file *,
                                   struct rn_err *),
                       struct rn_err *err)
{
    RN_TRY(rn_pins_open(&s->pins, s->job->lock_path, s->job->run_dir, err));
    rn_cache_init(&s->cache, NULL);
    int rc = for_files(c, s->job->stage, each, s, err);
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
    const struct cfg *cfg;
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

static void progress(void *ctx, int64_t done_bytes, int64_t total_bytes)
{
    struct fetching *f = ctx;
    char text[256], done[32], total[32];
    snprintf(text, sizeof text, "%s %s of %s", f->name, rn_show_bytes(done, (double)done_bytes),
             total_bytes < 0 ? "?" : rn_show_bytes(total, (double)total_bytes));
    double part = total_bytes > 0 ? (double)done_bytes / (double)total_bytes : 0;
    rn_job_progress(f->job, f->done + part, f->total, "files", text);
}

static int lay_out(const struct rn_job *job, const char *entry, const struct rn_fetch_file *f,
                   const struct rn_fetched *got, struct rn_err *err)
{
    char *dir = rn_join(job->out_dir, entry), *path = rn_join(dir, f->name);
    int rc;
    if (f->unpack) {
        rc = rn_zip_unpack(got->path, dir, f->unpack, err);
    } else {
        rc = rn_mkdirs(dir, err);
        if (rc == RN_OK)
            rc = rn_copy_file(got->path, path, err);
    }
    free(path);
    free(dir);
    return rc;
}

static int64_t count_of(const struct cfg *c, const char *entry)
{
    size_t i = 0;
    while (strcmp(c->files.names[i], entry) != 0)
        i++;
    return entry_at(c, i)->count;
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

static int fetch_all(struct fetching *f, const struct cfg *c, struct rn_err *err)
{
    char size[32];
    for (size_t i = 0; i < c->files.n; i++)
        f->total += (double)entry_at(c, i)->count;
    RN_TRY(for_files(c, f->job->stage, fetch_one, f, err));
    rn_log(f->job->log, RN_INFO, "%.0f files, %s, %.0f of them from the cache", f->done,
           rn_show_bytes(size, f->size_bytes), f->from_cache);
    return RN_OK;
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
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
                                        .keys = keys,
                                        .cfg_bytes = sizeof(struct cfg),
                                        .list_outputs = list_outputs,
                                        .check = check,
                                        .fingerprint = fingerprint,
                                        .estimate = estimate,
                                        .run = run};
