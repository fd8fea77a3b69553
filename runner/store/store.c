#include "store.h"

#include "file.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_SHOWN = 16, MANIFEST_CAP = 64 << 20 };

char *rn_store_name(const char *kind, const char *key)
{
    return rn_xprintf("%s-%.*s", kind, KEY_SHOWN, key);
}

char *rn_store_path(const char *store, const char *kind, const char *key, const char *suffix)
{
    return rn_xprintf("%s/%s-%.*s%s", store, kind, KEY_SHOWN, key, suffix);
}

/* --- artifacts --- */

const char *rn_files_digest(struct rn_arena *a, const struct rn_artifact_file *f, size_t n)
{
    struct rn_str lines = {0};
    for (size_t i = 0; i < n; i++)
        rn_str_printf(&lines, "%s %lld %s\n", f[i].name, (long long)f[i].size_bytes, f[i].sha256);
    char hex[RN_HEX];
    rn_sha256_hex(lines.p, lines.n, hex);
    rn_str_release(&lines);
    return rn_arena_dup(a, hex);
}

int rn_artifact_slice(struct rn_arena *arena, const struct rn_artifact *whole,
                      const struct rn_ref *ref, const struct rn_artifact **out, struct rn_err *err)
{
    struct rn_artifact *a = rn_arena_alloc(arena, sizeof *a);
    *a = *whole;
    a->name = ref->text;
    *out = a;
    if (ref->first == 0 && ref->end == INT64_MAX)
        return RN_OK;
    int64_t n = (int64_t)whole->n_files;
    int64_t end = ref->end < n ? ref->end : n;
    if (ref->first < 0 || ref->first >= end)
        return rn_fail(err, RN_ECONFIG, ref->at, "'%s' is empty: there are %lld files", ref->text,
                       (long long)n);
    a->files = whole->files + ref->first;
    a->n_files = (size_t)(end - ref->first);
    a->digest = rn_files_digest(arena, a->files, a->n_files);
    return RN_OK;
}

/* A relative path that stays below its directory. */
static bool is_tame(const char *name)
{
    if (!name || !*name || *name == '/')
        return false;
    for (const char *p = name; p; p = strchr(p, '/'), p = p ? p + 1 : NULL)
        if (*p == '/' || *p == '\0' || strncmp(p, "../", 3) == 0 || strcmp(p, "..") == 0)
            return false;
    return true;
}

static int bad_manifest(const char *dir, const char *what, struct rn_err *err)
{
    return rn_fail(err, RN_ECORRUPT, RN_PATH(dir), "manifest.json: %s", what);
}

static int parse_file(struct rn_arena *arena, const char *dir, const char *name,
                      const json_t *facts, struct rn_artifact_file *f, struct rn_err *err)
{
    *f = (struct rn_artifact_file){.name = name,
                                   .size_bytes = rn_json_int(facts, "size", -1),
                                   .sha256 = rn_json_str(facts, "sha256", NULL)};
    if (!is_tame(name) || f->size_bytes < 0 || !rn_sha256_is_hex(f->sha256))
        return bad_manifest(dir, "a file without name, size or sha256", err);
    f->path = rn_arena_printf(arena, "%s/%s", dir, name);
    return RN_OK;
}

/* --- verifying --- */

static int verify_size(const struct rn_artifact_file *f, struct rn_err *err)
{
    struct stat st;
    if (lstat(f->path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? rn_fail(err, RN_ECORRUPT, RN_PATH(f->path), "is missing")
                   : rn_fail_errno(err, RN_PATH(f->path), "cannot look at");
    if (!S_ISREG(st.st_mode) || st.st_size != f->size_bytes)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(f->path), "%lld bytes, expected %lld",
                       (long long)st.st_size, (long long)f->size_bytes);
    return RN_OK;
}

static int verify_digest(const struct rn_artifact_file *f, struct rn_memo *memo, struct rn_err *err)
{
    char hex[RN_HEX];
    RN_TRY(rn_memo_sha256(memo, f->path, hex, NULL, err));
    if (strcmp(hex, f->sha256) != 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(f->path), "sha256 %.12s..., expected %.12s...",
                       hex, f->sha256);
    return RN_OK;
}

static int verify_sizes(const struct rn_stored *e, struct rn_err *err)
{
    for (size_t i = 0; i < e->n_outputs; i++)
        for (size_t f = 0; f < e->outputs[i].n_files; f++)
            RN_TRY(verify_size(&e->outputs[i].files[f], err));
    return RN_OK;
}

int rn_stored_verify(const struct rn_stored *e, struct rn_memo *memo, struct rn_err *err)
{
    for (size_t i = 0; i < e->n_outputs; i++)
        for (size_t f = 0; f < e->outputs[i].n_files; f++)
            RN_TRY(verify_digest(&e->outputs[i].files[f], memo, err));
    return RN_OK;
}

/* --- loading --- */

static int parse_files(struct rn_stored *e, struct rn_artifact *a, const json_t *files,
                       struct rn_err *err)
{
    a->n_files = json_array_size(files);
    struct rn_artifact_file *f = rn_arena_alloc(&e->arena, (a->n_files + 1) * sizeof *f);
    a->files = f;
    for (size_t i = 0; i < a->n_files; i++) {
        const json_t *facts = json_array_get(files, i);
        RN_TRY(parse_file(&e->arena, a->dir, rn_json_str(facts, "name", NULL), facts, &f[i], err));
        e->size_bytes += f[i].size_bytes;
    }
    return RN_OK;
}

static int parse_output(struct rn_stored *e, const char *name, const json_t *doc,
                        struct rn_err *err)
{
    struct rn_artifact *a = &e->outputs[e->n_outputs++];
    a->name = name;
    a->kind = rn_json_str(doc, "kind", NULL);
    a->digest = rn_json_str(doc, "digest", NULL);
    if (!is_tame(name) || !a->kind || !rn_sha256_is_hex(a->digest))
        return bad_manifest(e->dir, "an output without name, kind or digest", err);
    a->dir = rn_arena_printf(&e->arena, "%s/%s", e->dir, name);
    RN_TRY(parse_files(e, a, json_object_get(doc, "files"), err));
    if (strcmp(rn_files_digest(&e->arena, a->files, a->n_files), a->digest) != 0)
        return bad_manifest(e->dir, "digest of an output does not fit its files", err);
    return RN_OK;
}

static int parse_manifest(struct rn_stored *e, struct rn_err *err)
{
    char *path = rn_join(e->dir, "manifest.json");
    int rc = rn_absent(path) ? bad_manifest(e->dir, "is missing", err)
                             : rn_json_read(path, MANIFEST_CAP, &e->manifest, err);
    free(path);
    RN_TRY(rc);
    json_t *outputs = json_object_get(e->manifest, "outputs"), *doc;
    const char *name;
    e->outputs = rn_arena_alloc(&e->arena, (json_object_size(outputs) + 1) * sizeof *e->outputs);
    json_object_foreach(outputs, name, doc) RN_TRY(parse_output(e, name, doc, err));
    if (!e->n_outputs || !rn_sha256_is_hex(rn_json_str(e->manifest, "key", NULL)))
        return bad_manifest(e->dir, "no outputs or no key", err);
    return RN_OK;
}

int rn_store_load_dir(struct rn_stored **out, const char *dir, enum rn_verify how,
                      struct rn_err *err)
{
    *out = NULL;
    struct rn_stored *e = rn_new(struct rn_stored);
    e->dir = rn_arena_dup(&e->arena, dir);
    e->name = rn_basename(e->dir);
    int rc = parse_manifest(e, err);
    if (rc == RN_OK && how != RN_VERIFY_NONE)
        rc = verify_sizes(e, err);
    if (rc == RN_OK && (how == RN_VERIFY_STAT || how == RN_VERIFY_HASH))
        rc = rn_stored_verify(e, NULL, err);
    if (rc == RN_OK)
        *out = e;
    else
        rn_stored_free(e);
    return rc == RN_OK || rc == RN_ENOMEM || rc == RN_EIO ? rc : RN_ECORRUPT;
}

int rn_store_load(struct rn_stored **out, const char *store, const char *kind, const char *out_key,
                  enum rn_verify how, struct rn_err *err)
{
    *out = NULL;
    char *dir = rn_store_path(store, kind, out_key, "");
    int rc = RN_OK;
    if (!rn_absent(dir))
        rc = rn_store_load_dir(out, dir, how, err);
    if (*out && strcmp(rn_json_str((*out)->manifest, "key", ""), out_key) != 0) {
        rn_stored_free(*out);
        *out = NULL;
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(dir), "manifest.json: carries another key");
    }
    free(dir);
    return rc;
}

void rn_stored_free(struct rn_stored *e)
{
    if (!e)
        return;
    json_decref(e->manifest);
    rn_arena_release(&e->arena);
    free(e);
}

const struct rn_artifact *rn_stored_output(const struct rn_stored *e, const char *name)
{
    for (size_t i = 0; i < e->n_outputs; i++)
        if (strcmp(e->outputs[i].name, name) == 0)
            return &e->outputs[i];
    return NULL;
}

const json_t *rn_stored_metrics(const struct rn_stored *e)
{
    return json_object_get(e->manifest, "metrics");
}

int rn_stored_keys(const struct rn_stored *e, struct rn_keys *keys, struct rn_err *err)
{
    const char *progress = rn_json_str(e->manifest, "progress", NULL);
    json_t *doc = json_object_get(e->manifest, "made_from");
    if (!rn_sha256_is_hex(progress) || !json_is_object(doc))
        return bad_manifest(e->dir, "no progress key, or not what it was made from", err);
    *keys = (struct rn_keys){.doc = json_incref(doc)};
    rn_copy_text(keys->progress, RN_HEX, progress);
    rn_copy_text(keys->out, RN_HEX, rn_json_str(e->manifest, "key", ""));
    return RN_OK;
}

/* --- publishing --- */

int rn_natural_order(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    while (*a && *b) {
        size_t na = strspn(a, digits), nb = strspn(b, digits);
        if (!na || !nb) {
            if (*a != *b)
                return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            a++, b++;
            continue;
        }
        const char *pa = a + strspn(a, "0"), *pb = b + strspn(b, "0");
        size_t la = strspn(pa, digits), lb = strspn(pb, digits);
        int c = la != lb ? (la < lb ? -1 : 1) : strncmp(pa, pb, la);
        if (c)
            return c;
        a += na;
        b += nb;
    }
    return *a ? 1 : *b ? -1 : 0;
}

static int by_natural_name(const void *a, const void *b)
{
    const struct rn_artifact_file *x = a, *y = b;
    int c = rn_natural_order(x->name, y->name);
    return c ? c : strcmp(x->name, y->name);
}

struct listing {
    struct rn_arena *arena;
    struct rn_memo *memo;
    const char *dir;
    struct rn_artifact_file *files;
    size_t n, cap;
};

static int list_file(void *ctx, const char *relative, struct rn_err *err)
{
    struct listing *l = ctx;
    struct stat st;
    struct rn_seen seen;
    const char *path = rn_arena_printf(l->arena, "%s/%s", l->dir, relative);
    const char *base = rn_basename(relative);
    if (base[0] == '.' && rn_ends_with(base, ".tmp"))
        return rn_remove_tree(path, err); /* a writer that was never committed */
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return rn_fail(err, RN_ESTAGE, RN_PATH(path), "an output must hold plain files only");
    char *hex = rn_arena_alloc(l->arena, RN_HEX);
    seen = rn_seen_of(&st);
    if (!l->memo || !rn_memo_recall_seen(l->memo, &seen, hex))
        RN_TRY(rn_memo_sha256(l->memo, path, hex, NULL, err));
    struct rn_artifact_file f = {rn_arena_dup(l->arena, relative), path, (int64_t)st.st_size, hex};
    RN_PUSH(l->files, l->n, l->cap, f);
    return RN_OK;
}

static json_t *describe_file(const struct rn_artifact_file *f)
{
    json_t *doc = json_object();
    json_object_set_new_nocheck(doc, "name", json_string(f->name));
    json_object_set_new_nocheck(doc, "size", json_integer((json_int_t)f->size_bytes));
    json_object_set_new_nocheck(doc, "sha256", json_string_nocheck(f->sha256));
    return doc;
}

static json_t *describe_output(struct listing *l, const char *kind)
{
    json_t *files = json_array();
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(files, describe_file(&l->files[i]));
    return json_pack("{s:s, s:s, s:o}", "kind", kind, "digest",
                     rn_files_digest(l->arena, l->files, l->n), "files", files);
}

static int add_output(json_t *outputs, const char *attempt, const struct rn_output *o,
                      struct rn_memo *memo, struct rn_err *err)
{
    struct rn_arena arena = {0};
    struct listing l = {
        .arena = &arena, .memo = memo, .dir = rn_arena_printf(&arena, "%s/%s", attempt, o->name)};
    int rc = RN_OK;
    if (rn_exists(l.dir))
        rc = rn_walk(l.dir, list_file, &l, err);
    if (rc == RN_OK && l.n == 0)
        rc = rn_fail(err, RN_ESTAGE, RN_PATH(l.dir), "the stage ended without its output '%s'",
                     o->name);
    if (rc == RN_OK) {
        if (strcmp(o->kind, "files") == 0)
            qsort(l.files, l.n, sizeof *l.files, by_natural_name);
        json_object_set_new(outputs, o->name, describe_output(&l, o->kind));
    }
    free(l.files);
    rn_arena_release(&arena);
    return rc;
}

static int refuse_undeclared(const char *attempt, const json_t *outputs, struct rn_err *err)
{
    int rc = RN_OK;
    DIR *d = opendir(attempt);
    for (struct dirent *e; rc == RN_OK && d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            !json_object_get(outputs, e->d_name))
            rc = rn_fail(err, RN_ESTAGE, RN_PATH(attempt), "'%s' belongs to no output of the stage",
                         e->d_name);
    if (!d)
        return rn_fail_errno(err, RN_PATH(attempt), "cannot list");
    closedir(d);
    return rc;
}

static int collect_outputs(json_t *outputs, const char *attempt, const struct rn_pstage *s,
                           struct rn_memo *memo, struct rn_err *err)
{
    static const struct rn_output best = {"best", "model"};
    for (size_t i = 0; i < s->n_outputs; i++)
        RN_TRY(add_output(outputs, attempt, &s->outputs[i], memo, err));
    char *dir = rn_join(attempt, best.name);
    bool has_best = s->stage->trains && !json_object_get(outputs, best.name) && rn_exists(dir);
    free(dir);
    if (has_best)
        RN_TRY(add_output(outputs, attempt, &best, memo, err));
    return refuse_undeclared(attempt, outputs, err);
}

/* Same outputs under the final name already? Then they stay, and whoever reads them is not
 * disturbed. */
static bool same_outputs(const char *dir, const json_t *manifest)
{
    struct rn_stored *old = NULL;
    if (!rn_exists(dir) || rn_store_load_dir(&old, dir, RN_VERIFY_HASH, NULL) != RN_OK)
        return false;
    bool same = json_equal(old->manifest, manifest);
    rn_stored_free(old);
    return same;
}

int rn_store_remove(const char *dir, struct rn_err *err)
{
    char *manifest = rn_join(dir, "manifest.json");
    int rc = rn_remove_tree(manifest, err);
    free(manifest);
    return rc == RN_OK ? rn_remove_tree(dir, err) : rc;
}

static int put_in_place(const char *attempt, const char *dir, const json_t *manifest,
                        struct rn_err *err)
{
    if (same_outputs(dir, manifest))
        return rn_remove_tree(attempt, err);
    RN_TRY(rn_store_remove(dir, err));
    return rn_rename(attempt, dir, err);
}

static json_t *make_manifest(const struct rn_pstage *s, const struct rn_keys *keys,
                             const struct rn_publication *what)
{
    json_t *manifest = json_pack("{s:i, s:s, s:s, s:s, s:O, s:O, s:{}}", "runnel", 1, "kind",
                                 s->stage->kind, "key", keys->out, "progress", keys->progress,
                                 "made_from", keys->doc, "metrics", what->metrics, "outputs");
    RN_ASSERT(manifest);
    if (what->adopted_from)
        json_object_set_new(manifest, "adopted",
                            json_pack("{s:s, s:O*}", "from", what->adopted_from->name, "made_from",
                                      json_object_get(what->adopted_from->manifest, "made_from")));
    return manifest;
}

int rn_store_publish(const char *store, const char *attempt, const struct rn_pstage *s,
                     const struct rn_keys *keys, const struct rn_publication *what,
                     struct rn_err *err)
{
    json_t *manifest = make_manifest(s, keys, what);
    char *path = rn_join(attempt, "manifest.json");
    char *dir = rn_store_path(store, s->stage->kind, keys->out, "");
    int rc;
    RN_CHECK(
        rc = collect_outputs(json_object_get(manifest, "outputs"), attempt, s, what->memo, err));
    RN_CHECK(rc = rn_fsync_tree(attempt, err));
    RN_CHECK(rc = rn_json_write(path, manifest, err));
    RN_CHECK(rc = put_in_place(attempt, dir, manifest, err));
done:
    free(dir);
    free(path);
    json_decref(manifest);
    return rc;
}

/* --- checkpoints --- */

static int verify_file(const struct rn_artifact_file *f, bool hash, struct rn_err *err)
{
    RN_TRY(verify_size(f, err));
    return hash ? verify_digest(f, NULL, err) : RN_OK;
}

/* What resuming needs and a reader of the model does not. */
static bool is_resume_state(const char *name)
{
    return strcmp(name, "optimizer.safetensors") == 0 || strcmp(name, "state.json") == 0;
}

static int parse_checkpoint(struct rn_arena *arena, const char *dir, const json_t *doc, bool hash,
                            struct rn_artifact *a, struct rn_err *err)
{
    json_t *files = json_object_get(doc, "files"), *facts;
    const char *name;
    struct rn_artifact_file *f = rn_arena_alloc(arena, (json_object_size(files) + 1) * sizeof *f);
    a->files = f;
    json_object_foreach(files, name, facts)
    {
        struct rn_artifact_file one;
        RN_TRY(parse_file(arena, dir, rn_arena_dup(arena, name), facts, &one, err));
        one.sha256 = rn_arena_dup(arena, one.sha256);
        RN_TRY(verify_file(&one, hash, err));
        if (!is_resume_state(name))
            f[a->n_files++] = one;
    }
    if (!a->n_files)
        return bad_manifest(dir, "lists no files", err);
    qsort(f, a->n_files, sizeof *f, by_natural_name);
    a->digest = rn_files_digest(arena, f, a->n_files);
    return RN_OK;
}

int rn_checkpoint_load(struct rn_arena *arena, const char *dir, const char *key, bool hash,
                       const struct rn_artifact **out, int64_t *step, struct rn_err *err)
{
    json_t *doc;
    char *path = rn_join(dir, "manifest.json");
    int rc = rn_exists(path) ? rn_json_read(path, MANIFEST_CAP, &doc, err)
                             : rn_fail(err, RN_ECORRUPT, RN_PATH(dir), "no manifest.json");
    free(path);
    RN_TRY(rc);
    struct rn_artifact *a = rn_arena_alloc(arena, sizeof *a);
    *a = (struct rn_artifact){.kind = "model", .name = rn_basename(dir)};
    a->dir = rn_arena_dup(arena, dir);
    *step = rn_json_int(doc, "step", -1);
    if (key && strcmp(rn_json_str(doc, "key", ""), key) != 0)
        rc = bad_manifest(dir, "carries the key of another configuration", err);
    if (rc == RN_OK)
        rc = parse_checkpoint(arena, a->dir, doc, hash, a, err);
    json_decref(doc);
    *out = a;
    return rc;
}
