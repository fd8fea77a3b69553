#include "fetch_files.h"

#include "formats.h"
#include "nearest.h"
#include "request.h"
#include "str.h"
#include "template.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct url {
    const char *url, *member, *sha256;
    int pack; /* enum rn_pack */
};

struct entry {
    struct rn_list urls; /* of struct url */
    const char *name;
    int64_t count, first;
    const char *sha256;
    int64_t size_bytes;
    const char *member, *sums;
    int auth;                         /* enum rn_auth */
    const char *format, *record;      /* check: */
    struct rn_list columns;           /* of const char * */
    int64_t rows, min_size, max_size; /* -1: not asked */
    int64_t strip, max_bytes;         /* unpack:, -1: not given */
    struct rn_list require;           /* of const char * */
};

static const char *const auth_words[] = {"auto", "hf", "netrc", "s3", "none", NULL};

static const struct rn_key url_keys[] = {
    RN_KEY_STR(struct url, url, "url", RN_SOURCE, RN_REQUIRED,
               "https://, hf://, s3://, http:// (loopback, or with sha256), file://, a path, or "
               "builtin:"),
    RN_KEY_STR(struct url, member, "member", RN_SOURCE, "",
               "file inside the zip that this url gives"),
    RN_KEY_WORD(struct url, pack, "pack", RN_SOURCE, "~", rn_pack_words,
                "how this url packs the file; never guessed from its name"),
    RN_KEY_STR(struct url, sha256, "sha256", RN_SOURCE, "",
               "digest of what this url gives, before `member` or `pack`"),
    RN_KEYS_END};

static const struct rn_key check_keys[] = {
    RN_KEY_STR(struct entry, format, "format", RN_IDENTITY, "",
               "parquet, jsonl, text, zip, tar and whatever else the program can check"),
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
    RN_KEY_STR(struct entry, sums, "sums", RN_SOURCE, "",
               "url of the publisher's SHA256SUMS, which names the files"),
    RN_KEY_WORD(struct entry, auth, "auth", RN_SOURCE, "~", auth_words,
                "whose secrets may be used; auto: the hub's for the hub, s3's for s3://, netrc's "
                "elsewhere"),
    RN_KEY_TABLE("check", check_keys, "what the file must be"),
    RN_KEY_TABLE("unpack", unpack_keys,
                 "the file is a zip or tar (alone, .gz or .zst): its files are the output"),
    RN_KEYS_END};

const struct rn_key rn_fetch_keys[] = {
    RN_KEY_MAP(struct rn_fetch_cfg, files, "files", RN_IDENTITY, RN_REQUIRED, entry_keys,
               struct entry, "what to fetch, by output name"),
    RN_KEY_INT(struct rn_fetch_cfg, retries, "retries", RN_NEUTRAL, "4", 0, 100, "rounds",
               "more rounds over the sources after transient trouble"),
    RN_KEY_INT(struct rn_fetch_cfg, per_host, "per_host", RN_NEUTRAL, "4", 1, 64, "downloads",
               "from one host at a time, at most; small files that share a connection (HTTP/2): "
               "sixteen for each"),
    RN_KEY_LIST_OF(struct rn_fetch_cfg, mirrors, "mirrors", RN_NEUTRAL, "~", RN_T_STR,
                   "bases of .../sha256/DIGEST, asked first for pinned files; $RUNNEL_MIRROR too"),
    RN_KEY_TIME(struct rn_fetch_cfg, stall_s, "stall", RN_NEUTRAL, "30 s", 1, 3600,
                "drop a connection that is slower than 1 KiB/s for so long"),
    RN_KEYS_END};

/* --- entries --- */

static bool given(const char *s)
{
    return s && *s;
}

static const char *or_null(const char *s)
{
    return given(s) ? s : NULL;
}

static const struct entry *entry_at(const struct rn_fetch_cfg *c, size_t i)
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

static bool has_remote(const struct entry *e)
{
    for (size_t i = 0; i < e->urls.n; i++)
        if (rn_source_is_remote(urls_of(e)[i].url))
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
        sources[i].pack = (enum rn_pack)u->pack;
        sources[i].auth = (enum rn_auth)e->auth;
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
    if (given(e->sums) && !(f->sums = fill(arena, e->sums, number, name, err)))
        return RN_ECONFIG;
    return fill_sources(arena, e, number, f, err);
}

int64_t rn_fetch_count(const struct rn_fetch_cfg *c, size_t i)
{
    return entry_at(c, i)->count;
}

int rn_fetch_make(struct rn_arena *arena, const struct rn_fetch_cfg *c, const char *stage, size_t i,
                  int64_t k, struct rn_fetch_file *f, struct rn_err *err)
{
    const struct entry *e = entry_at(c, i);
    return make_file(arena, stage, c->files.names[i], e, e->first + k, f, err);
}

int rn_fetch_each(const struct rn_fetch_cfg *c, const char *stage,
                  int (*each)(void *ctx, const char *entry, const struct rn_fetch_file *,
                              struct rn_err *),
                  void *ctx, struct rn_err *err)
{
    for (size_t i = 0; i < c->files.n; i++)
        for (int64_t k = 0; k < rn_fetch_count(c, i); k++) {
            struct rn_arena arena = {0};
            struct rn_fetch_file f;
            int rc = rn_fetch_make(&arena, c, stage, i, k, &f, err);
            if (rc == RN_OK)
                rc = each(ctx, c->files.names[i], &f, err);
            rn_arena_release(&arena);
            RN_TRY(rc);
        }
    return RN_OK;
}

/* --- rules --- */

#define WRONG(key, ...) rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'files.%s." key "': " __VA_ARGS__)

static int unknown_source(const char *name, const char *key, const char *url, struct rn_err *err)
{
    rn_hint(err, "known: https://, http://, hf://, s3://, file://, builtin: and paths of files");
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'files.%s.%s': unknown kind of source '%.80s'",
                   name, key, url);
}

/* The form of an url, as far as it shows without a number in it. */
static int check_url(const char *name, const struct entry *e, const struct url *u,
                     struct rn_err *err)
{
    if (!given(u->url) || !rn_source_kind(u->url))
        return unknown_source(name, "urls", given(u->url) ? u->url : "", err);
    if (given(u->sha256) && !rn_sha256_is_hex(u->sha256))
        return WRONG("urls", "sha256 is not 64 hexadecimal digits in lower case", name);
    if (u->pack && (given(u->member) || given(e->member)))
        return WRONG("urls", "both member and pack: a member's zip is not packed again", name);
    struct rn_url at = rn_url_parse(u->url);
    if (rn_starts_with(u->url, "http:") &&
        !rn_url_allowed(&at, given(u->sha256) || given(e->sha256))) {
        rn_hint(err, "use https, or give a sha256");
        return WRONG("urls", "plain http without a sha256: %.80s", name, u->url);
    }
    return RN_OK;
}

static int check_urls(const char *name, const struct entry *e, struct rn_err *err)
{
    if (e->urls.n == 0)
        return WRONG("urls", "no source is given", name);
    for (size_t i = 0; i < e->urls.n; i++)
        RN_TRY(check_url(name, e, &urls_of(e)[i], err));
    if (given(e->sums) && !rn_source_is_remote(e->sums) && !rn_source_kind(e->sums))
        return unknown_source(name, "sums", e->sums, err);
    return RN_OK;
}

/* Whose secrets may be used must be somebody's whom an url asks. */
static int check_auth(const char *name, const struct entry *e, struct rn_err *err)
{
    struct rn_who nobody = {.hf_endpoint = getenv("HF_ENDPOINT")};
    for (size_t i = 0; i < e->urls.n; i++)
        if (rn_source_is_remote(urls_of(e)[i].url) &&
            rn_request_fits(urls_of(e)[i].url, &nobody, (enum rn_auth)e->auth))
            return RN_OK;
    if (e->auth == RN_AUTH_AUTO || e->auth == RN_AUTH_NONE)
        return RN_OK;
    rn_hint(err, "hf: hf:// and the hub's https urls; s3: s3://; netrc: other https urls");
    return WRONG("auth", "%s fits none of the urls", name, auth_words[e->auth]);
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
        struct rn_nearest near = {.to = e->format};
        rn_nearest_try(&near, "zip");
        rn_nearest_try(&near, "tar");
        for (const struct rn_format *f = rn_data_formats; f->name; f++)
            rn_nearest_try(&near, f->name);
        rn_hint_near(err, near.word);
        return WRONG("check.format", "unknown format '%.40s'", name, e->format);
    }
    if (unpacks(e) && !rn_archive_known(e->format))
        return WRONG("check.format", "only zip and tar can be unpacked, not %s", name, e->format);
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

/* The last file, with all its braces filled: names and urls must have their form. */
static int check_form(const char *name, const struct rn_fetch_file *f, struct rn_err *err)
{
    const struct rn_who nobody = {0};
    for (size_t i = 0; i < f->n_sources; i++) {
        struct rn_request q = {0};
        if (!rn_request_known(f->sources[i].url))
            continue;
        if (rn_request_init(&q, &nobody, f->sources[i].url, err) != RN_OK)
            return rn_while(err, "'files.%s.urls'", name);
        rn_request_release(&q);
    }
    return RN_OK;
}

static int check_entry(const char *name, const struct entry *e, struct rn_err *err)
{
    RN_TRY(check_urls(name, e, err));
    RN_TRY(check_auth(name, e, err));
    RN_TRY(check_proof(name, e, err));
    RN_TRY(check_format(name, e, err));
    RN_TRY(check_many(name, e, err));
    struct rn_arena arena = {0};
    struct rn_fetch_file f;
    int rc = make_file(&arena, "", name, e, e->first + e->count - 1, &f, err);
    if (rc == RN_OK)
        rc = check_form(name, &f, err);
    else
        rn_while(err, "'files.%s'", name);
    rn_arena_release(&arena);
    return rc;
}

int rn_fetch_check(const struct rn_fetch_cfg *c, struct rn_err *err)
{
    if (c->files.n == 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'files': nothing to fetch");
    for (size_t i = 0; i < c->files.n; i++)
        RN_TRY(check_entry(c->files.names[i], entry_at(c, i), err));
    return RN_OK;
}
