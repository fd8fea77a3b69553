#include "rig.h"

#include "file.h"
#include "path.h"

const char good_jsonl[] = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"three\"}\n";

static int check_lines(const char *path, const struct rn_expect *e, struct rn_err *err)
{
    char *text;
    size_t n;
    int64_t rows = 0;
    RN_TRY(rn_file_read(path, 1 << 20, &text, &n, err));
    int rc = RN_OK;
    for (char *line = text; *line && rc == RN_OK; rows++) {
        char *end = strchr(line, '\n');
        if (*line != '{' || !end)
            rc = rn_fail(err, RN_ECORRUPT, RN_LINE(path, (int)rows + 1), "not an object");
        line = end ? end + 1 : line;
    }
    if (rc == RN_OK && e->rows >= 0 && rows != e->rows)
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%d rows, expected %d", (int)rows,
                     (int)e->rows);
    free(text);
    return rc;
}

const struct rn_format rig_formats[] = {{"lines", "test lines", check_lines}, {0}};

static int make_tiny(const char *rest, const char *path, struct rn_err *err)
{
    if (strcmp(rest, "good.jsonl") != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "no such tiny file '%s'", rest);
    return rn_file_write(path, good_jsonl, strlen(good_jsonl), err);
}

static const struct rn_builtin builtins[] = {{"tiny", make_tiny}, {0}};

static void hear(void *ctx, enum rn_level level, const char *text)
{
    struct rn_str *said = ctx;
    (void)level;
    rn_str_printf(said, "%s\n", text);
}

void rig_up(struct rig *r)
{
    *r = (struct rig){0};
    snprintf(r->dir, sizeof r->dir, "/tmp/runnel-fetch-XXXXXX");
    cr_assert(mkdtemp(r->dir));
    r->www = rn_join(r->dir, "www");
    r->quarantine = rn_join(r->dir, "run/quarantine");
    char *cache = rn_join(r->dir, "cache"), *lock = rn_join(r->dir, "p.lock"),
         *run = rn_join(r->dir, "run");
    cr_assert_eq(rn_mkdirs(r->www, NULL), RN_OK);
    cr_assert_eq(rn_mkdirs(run, NULL), RN_OK);
    rn_cache_init(&r->cache, cache);
    cr_assert_eq(rn_pins_open(&r->lock, lock, run, &r->err), RN_OK);
    free(run);
    free(lock);
    free(cache);
    r->server = server_start(r->www, 0);
    cr_assert(r->server);
    rig_put(r, "a.jsonl", good_jsonl, strlen(good_jsonl));
    r->log = (struct rn_log){hear, &r->said};
    r->fetcher = (struct rn_fetcher){.from = {r->dir, builtins},
                                     .formats = rig_formats,
                                     .cache = &r->cache,
                                     .lock = &r->lock,
                                     .quarantine_dir = r->quarantine,
                                     .retries = 2,
                                     .stall_s = 60,
                                     .pause_s = 0.01,
                                     .log = &r->log};
    r->file = (struct rn_fetch_file){
        .id = "data.a/a.jsonl",
        .name = "a.jsonl",
        .sources = r->sources,
        .size_bytes = -1,
        .expect = {.format = "lines", .rows = -1, .min_size = -1, .max_size = -1}};
}

void rig_down(struct rig *r)
{
    rn_fetched_release(&r->got);
    rn_pins_release(&r->lock);
    rn_cache_release(&r->cache);
    server_stop(r->server);
    cr_assert_eq(rn_remove_tree(r->dir, NULL), RN_OK);
    rn_str_release(&r->said);
    rn_arena_release(&r->texts);
    free(r->www);
    free(r->quarantine);
}

void rig_put(struct rig *r, const char *name, const void *bytes, size_t n)
{
    char *path = rn_join(r->www, name);
    cr_assert_eq(rn_file_write(path, bytes, n, &r->err), RN_OK);
    free(path);
}

struct rn_source *rig_source(struct rig *r, const char *path)
{
    const char *server = path[0] == '/' ? server_url(r->server) : "";
    struct rn_source *source = &r->sources[r->file.n_sources++];
    *source = (struct rn_source){.url = rn_arena_printf(&r->texts, "%s%s", server, path)};
    return source;
}

int rig_fetch(struct rig *r)
{
    rn_fetched_release(&r->got);
    r->err = (struct rn_err){0};
    return rn_fetch_file(&r->fetcher, &r->file, &r->got, &r->err);
}

void rig_many_add(struct rig *r, struct rig_many *m, const char *path)
{
    const char *name = rn_basename(path);
    cr_assert_lt(m->n, RN_COUNT(m->files));
    m->sources[m->n] =
        (struct rn_source){.url = rn_arena_printf(&r->texts, "%s/%s", server_url(r->server), path)};
    m->files[m->n] = r->file;
    m->files[m->n].id = rn_arena_printf(&r->texts, "data.f/%s", name);
    m->files[m->n].name = rn_arena_dup(&r->texts, name);
    m->files[m->n].sources = &m->sources[m->n];
    m->files[m->n++].n_sources = 1;
}

static int give(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct rig_many *m = ctx;
    (void)err;
    *file = m->given < m->n ? &m->files[m->given++] : NULL;
    return RN_OK;
}

static void hear_of(void *ctx, const struct rn_fetch_file *file, const struct rn_err *why)
{
    (void)file;
    cr_expect(*why->msg);
    ((struct rig_many *)ctx)->failed++;
}

static int take(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got, struct rn_err *err)
{
    struct rig_many *m = ctx;
    (void)file, (void)err;
    m->had += got != NULL;
    m->lost += got == NULL;
    return RN_OK;
}

int rig_fetch_many(struct rig *r, struct rig_many *m)
{
    struct rn_fetch_list list = {.next = give, .failed = hear_of, .done = take, .ctx = m};
    r->err = (struct rn_err){0};
    m->given = m->had = m->lost = m->failed = 0;
    return rn_fetch_all(&r->fetcher, &list, &r->err);
}

bool rig_said(const struct rig *r, const char *text)
{
    return r->said.p && strstr(r->said.p, text);
}

bool rig_quarantined(const struct rig *r, const char *folder)
{
    char *body = rn_xprintf("%s/%s/body", r->quarantine, folder);
    bool there = rn_exists(body);
    free(body);
    return there;
}

static int count_one(void *ctx, const char *name, struct rn_err *err)
{
    (void)name;
    (void)err;
    ++*(size_t *)ctx;
    return RN_OK;
}

size_t rig_count(const struct rig *r, const char *below)
{
    char *path = rn_join(r->dir, below);
    size_t n = 0;
    if (rn_exists(path))
        cr_assert_eq(rn_walk(path, count_one, &n, NULL), RN_OK);
    free(path);
    return n;
}
