#include "upkeep.h"

#include "file.h"
#include "mem.h"
#include "partial.h"
#include "path.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- digests in text --- */

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

int rn_digests_read(struct rn_digests *d, const char *path, struct rn_err *err)
{
    struct rn_digest run = {""};
    size_t n = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    for (int c = 0; c != EOF;) {
        c = getc(f);
        if (is_hex(c)) {
            if (n < RN_HEX - 1)
                run.hex[n] = (char)c;
            n++;
            continue;
        }
        if (n == RN_HEX - 1) {
            RN_PUSH(d->items, d->n, d->cap, run);
            d->sorted = false;
        }
        n = 0;
    }
    bool failed = ferror(f);
    fclose(f);
    return failed ? rn_fail_errno(err, RN_PATH(path), "cannot read") : RN_OK;
}

struct collecting {
    struct rn_digests *digests;
    const char *folder;
};

static int collect_one(void *ctx, const char *relative, struct rn_err *err)
{
    struct collecting *c = ctx;
    const char *name = rn_basename(relative);
    if (strcmp(name, "journal.jsonl") != 0 && strcmp(name, "manifest.json") != 0 &&
        !rn_ends_with(name, ".lock"))
        return RN_OK;
    char *path = rn_join(c->folder, relative);
    int rc = rn_digests_read(c->digests, path, err);
    free(path);
    return rc;
}

int rn_digests_collect(struct rn_digests *d, const char *folder, struct rn_err *err)
{
    struct collecting c = {d, folder};
    return rn_exists(folder) ? rn_walk(folder, collect_one, &c, err) : RN_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool rn_digests_have(struct rn_digests *d, const char *sha256)
{
    if (d->n && !d->sorted)
        qsort(d->items, d->n, sizeof *d->items, by_text);
    d->sorted = true;
    return d->n && bsearch(sha256, d->items, d->n, sizeof *d->items, by_text);
}

void rn_digests_release(struct rn_digests *d)
{
    free(d->items);
    *d = (struct rn_digests){0};
}

/* --- one content after another --- */

const char *rn_fate_word(enum rn_fate f)
{
    static const char *const words[] = {
        [RN_KEPT_NAMED] = "named", [RN_KEPT_LINKED] = "linked", [RN_KEPT_YOUNG] = "young",
        [RN_REMOVED] = "removed",  [RN_GOOD] = "good",          [RN_DAMAGED] = "damaged"};
    return words[f];
}

struct round {
    const struct rn_cache *cache;
    const struct rn_gc *gc; /* NULL: verify */
    char *folder;           /* of the contents */
    rn_content_fn *tell;
    void *ctx;
    struct rn_upkeep *sums;
};

static int put_aside(const struct round *r, const char *path, const char *sha256,
                     struct rn_err *err)
{
    char *folder = rn_join(rn_cache_home(r->cache), "damaged"), *to = rn_join(folder, sha256);
    int rc = rn_mkdirs(folder, err);
    if (rc == RN_OK)
        rc = rn_rename(path, to, err);
    free(to);
    free(folder);
    return rc;
}

static int look_at(const struct round *r, const char *path, struct rn_content *c,
                   struct rn_err *err)
{
    char hex[RN_HEX];
    RN_TRY(rn_sha256_file(path, hex, NULL, err));
    c->fate = strcmp(hex, c->sha256) == 0 ? RN_GOOD : RN_DAMAGED;
    return c->fate == RN_GOOD ? RN_OK : put_aside(r, path, c->sha256, err);
}

static int sweep_out(const struct rn_gc *gc, const char *path, struct rn_content *c,
                     struct rn_err *err)
{
    c->fate = rn_digests_have(gc->named, c->sha256) ? RN_KEPT_NAMED
              : c->linked                           ? RN_KEPT_LINKED
              : c->age_s < gc->keep_s               ? RN_KEPT_YOUNG
                                                    : RN_REMOVED;
    if (c->fate != RN_REMOVED || gc->dry_run || unlink(path) == 0)
        return RN_OK;
    return rn_fail_errno(err, RN_PATH(path), "cannot remove");
}

static int visit(void *ctx, const char *relative, struct rn_err *err)
{
    struct round *r = ctx;
    struct stat st;
    struct rn_content c = {.sha256 = rn_basename(relative)};
    char *path = rn_join(r->folder, relative);
    int rc = RN_OK;
    /* Whatever has another name is somebody's temporary file; one that is gone needs no care. */
    bool mine = rn_sha256_is_hex(c.sha256) && lstat(path, &st) == 0 && S_ISREG(st.st_mode);
    if (mine) {
        c.size_bytes = (int64_t)st.st_size;
        c.linked = st.st_nlink > 1;
        c.age_s = r->gc ? r->gc->now_s - (double)st.st_mtim.tv_sec : 0;
        rc = r->gc ? sweep_out(r->gc, path, &c, err) : look_at(r, path, &c, err);
    }
    if (mine && rc == RN_OK) {
        r->sums->files[c.fate]++;
        r->sums->bytes[c.fate] += c.size_bytes;
        if (r->tell)
            r->tell(r->ctx, &c);
    }
    free(path);
    return rc;
}

static int go_round(struct round *r, struct rn_err *err)
{
    *r->sums = (struct rn_upkeep){0};
    r->folder = rn_join(rn_cache_home(r->cache), "sha256");
    int rc = rn_exists(r->folder) ? rn_walk(r->folder, visit, r, err) : RN_OK;
    free(r->folder);
    return rc;
}

int rn_cache_verify(const struct rn_cache *cache, rn_content_fn *tell, void *ctx,
                    struct rn_upkeep *sums, struct rn_err *err)
{
    struct round r = {.cache = cache, .tell = tell, .ctx = ctx, .sums = sums};
    return go_round(&r, err);
}

int rn_cache_gc(const struct rn_cache *cache, const struct rn_gc *gc, rn_content_fn *tell,
                void *ctx, struct rn_upkeep *sums, struct rn_err *err)
{
    struct round r = {.cache = cache, .gc = gc, .tell = tell, .ctx = ctx, .sums = sums};
    RN_TRY(go_round(&r, err));
    if (!gc->dry_run)
        sums->partials = rn_partials_sweep(rn_cache_home(cache), gc->keep_s);
    return RN_OK;
}
