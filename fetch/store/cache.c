#define _GNU_SOURCE
#include "cache.h"

#include "cache_dir.h"
#include "file.h"
#include "mem.h"
#include "partial.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void open_memos(struct rn_cache *c)
{
    char *digests = rn_join(rn_cache_home(c), "digests"),
         *checks = rn_join(rn_cache_home(c), "checks");
    c->digests = rn_memo_open(digests);
    c->checks = rn_memo_open(checks);
    free(checks);
    free(digests);
}

void rn_cache_locate(struct rn_cache *c, const char *dir)
{
    *c = (struct rn_cache){.dir = dir ? rn_xdup(dir) : rn_cache_dir()};
}

void rn_cache_init(struct rn_cache *c, const char *dir)
{
    rn_cache_locate(c, dir);
    c->shares = rn_new(_Atomic bool);
    *c->shares = true;
    open_memos(c);
}

const char *rn_cache_home(const struct rn_cache *c)
{
    return c->spare ? c->spare : c->dir;
}

void rn_cache_fall_back(struct rn_cache *c, const char *dir)
{
    rn_mkdirs(c->dir, NULL);
    if (access(c->dir, W_OK) == 0)
        return;
    rn_memo_free(c->digests);
    rn_memo_free(c->checks);
    c->spare = rn_xdup(dir);
    open_memos(c);
}

void rn_cache_release(struct rn_cache *c)
{
    if (c->digests)
        rn_memo_save(c->digests);
    if (c->checks)
        rn_memo_save(c->checks);
    rn_memo_free(c->digests);
    rn_memo_free(c->checks);
    free(c->shares);
    free(c->spare);
    free(c->dir);
    *c = (struct rn_cache){0};
}

/* ".digests.PID.tmp": a memo that was being saved. On another machine its process may live; then
 * it loses a memo, which is disposable. */
static bool is_dead_memo(const char *name)
{
    long pid = 0;
    int end = 0;
    bool ours = sscanf(name, ".digests.%ld.tmp%n", &pid, &end) == 1 ||
                sscanf(name, ".checks.%ld.tmp%n", &pid, &end) == 1 ||
                sscanf(name, ".hosts.%ld.tmp%n", &pid, &end) == 1;
    return ours && end > 0 && pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Contents lay in sha256/AB/ABCD... once, and are those they were: they move up. */
static void adopt_folder(const char *contents, unsigned prefix)
{
    char start[3];
    snprintf(start, sizeof start, "%02x", prefix);
    char *folder = rn_join(contents, start);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!rn_sha256_is_hex(e->d_name) || !rn_starts_with(e->d_name, start))
            continue;
        char *from = rn_join(folder, e->d_name), *to = rn_join(contents, e->d_name);
        rn_io.rename_new(from, to);
        free(to);
        free(from);
    }
    if (d) {
        closedir(d);
        rmdir(folder); /* not if something else lies there */
    }
    free(folder);
}

static void adopt_older(const struct rn_cache *c)
{
    struct stat st;
    char *contents = rn_join(rn_cache_home(c), "sha256");
    bool folders = stat(contents, &st) == 0 && st.st_nlink != 2; /* as far as it can be told */
    for (unsigned prefix = 0; folders && prefix < 256; prefix++)
        adopt_folder(contents, prefix);
    free(contents);
}

void rn_cache_sweep(const struct rn_cache *c)
{
    adopt_older(c);
    const double old_s = 7 * 24 * 3600.0;
    rn_partials_sweep(rn_cache_home(c), old_s);
    DIR *d = opendir(rn_cache_home(c));
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = rn_join(rn_cache_home(c), e->d_name);
        if (is_dead_memo(e->d_name))
            unlink(path);
        free(path);
    }
    if (d)
        closedir(d);
}

/* --- finding --- */

static char *content_path(const char *dir, const char *sha256)
{
    return rn_xprintf("%s/sha256/%s", dir, sha256);
}

bool rn_cache_has(const struct rn_cache *c, const char *sha256)
{
    char *path = content_path(c->dir, sha256);
    char *spare = c->spare ? content_path(c->spare, sha256) : NULL;
    bool has = rn_exists(path) || (spare && rn_exists(spare));
    free(spare);
    free(path);
    return has;
}

bool rn_cache_knows(const struct rn_cache *c, const struct rn_seen *seen, const char *sha256)
{
    char hex[RN_HEX];
    return rn_memo_recall_seen(c->digests, seen, hex) && strcmp(hex, sha256) == 0;
}

static char *recall_in(const struct rn_cache *c, const char *dir, const char *sha256,
                       struct rn_seen *seen)
{
    char *path = content_path(dir, sha256);
    if (rn_seen_look(seen, path) && rn_cache_knows(c, seen, sha256))
        return path;
    free(path);
    return NULL;
}

char *rn_cache_recall(const struct rn_cache *c, const char *sha256, struct rn_seen *seen)
{
    char *path = recall_in(c, c->dir, sha256, seen);
    return path || !c->spare ? path : recall_in(c, c->spare, sha256, seen);
}

/* Digests what is there. A damaged file is removed where that is possible, and never used. */
static int find_in(const struct rn_cache *c, const char *dir, const char *sha256, char **path,
                   struct rn_err *err)
{
    char hex[RN_HEX];
    *path = content_path(dir, sha256);
    bool there = rn_exists(*path);
    int rc = there ? rn_sha256_file(*path, hex, NULL, err) : RN_OK;
    if (there && rc == RN_OK && strcmp(hex, sha256) == 0) {
        rn_memo_learn(c->digests, *path, hex);
        return RN_OK;
    }
    if (there && rc == RN_OK)
        rn_remove_tree(*path, NULL);
    free(*path);
    *path = NULL;
    return rc;
}

int rn_cache_find(const struct rn_cache *c, const char *sha256, char **path, struct rn_err *err)
{
    struct rn_seen seen;
    *path = rn_cache_recall(c, sha256, &seen);
    if (!*path)
        RN_TRY(find_in(c, c->dir, sha256, path, err));
    return *path || !c->spare ? RN_OK : find_in(c, c->spare, sha256, path, err);
}

bool rn_cache_checked(const struct rn_cache *c, const struct rn_seen *seen, const char *check)
{
    char hex[RN_HEX];
    return rn_memo_recall_seen(c->checks, seen, hex) && strcmp(hex, check) == 0;
}

void rn_cache_learn_check(const struct rn_cache *c, const struct rn_seen *seen, const char *check)
{
    rn_memo_learn_seen(c->checks, seen, check);
}

/* --- publishing --- */

/* From so many on, syncing everything costs less than syncing each. */
enum { MANY = 8 };

static int sync_bytes(const struct rn_cache *c, const struct rn_cache_item *p, size_t n,
                      struct rn_err *err)
{
    size_t unsynced = 0;
    for (size_t i = 0; i < n; i++)
        unsynced += !p[i].synced;
    if (unsynced >= MANY)
        return rn_sync(rn_cache_home(c), rn_io.syncfs, err);
    for (size_t i = 0; i < n; i++)
        if (!p[i].synced)
            RN_TRY(rn_sync(p[i].file, rn_io.fsync, err));
    return RN_OK;
}

/* A new folder has to have its own name on the disk too. */
static int make_folder(const struct rn_cache *c, struct rn_err *err)
{
    char *dir = rn_join(rn_cache_home(c), "sha256");
    int rc = rn_exists(dir) ? RN_OK : rn_mkdirs_lasting(dir, err);
    free(dir);
    return rc;
}

/* Whatever is there may have been damaged since somebody proved it. */
static bool holds(const struct rn_cache *c, const char *path, const char *sha256)
{
    char hex[RN_HEX];
    return rn_memo_sha256(c->digests, path, hex, NULL, NULL) == RN_OK && strcmp(hex, sha256) == 0;
}

/* Somebody else may have published it meanwhile: then his stays. */
static int give_name(const struct rn_cache *c, const struct rn_cache_item *p, struct rn_err *err)
{
    if (rn_io.rename_new(p->file, p->path) == 0)
        return RN_OK;
    bool taken = errno == EEXIST;
    if (taken && holds(c, p->path, p->sha256)) {
        unlink(p->file);
        return RN_OK;
    }
    if (taken && rn_io.rename(p->file, p->path) == 0)
        return RN_OK;
    return rn_fail_errno(err, RN_PATH(p->path), "cannot rename %s to this name", p->file);
}

static int publish_one(const struct rn_cache *c, struct rn_cache_item *p, struct rn_err *err)
{
    p->path = content_path(rn_cache_home(c), p->sha256);
    RN_TRY(give_name(c, p, err));
    if (!rn_seen_look(&p->seen, p->path))
        return rn_fail_errno(err, RN_PATH(p->path), "cannot look at");
    rn_memo_learn_seen(c->digests, &p->seen, p->sha256);
    return RN_OK;
}

int rn_cache_publish(const struct rn_cache *c, struct rn_cache_item *p, size_t n,
                     struct rn_err *err)
{
    if (n == 0)
        return RN_OK;
    RN_TRY(make_folder(c, err));
    RN_TRY(sync_bytes(c, p, n, err));
    for (size_t i = 0; i < n; i++)
        RN_TRY(publish_one(c, &p[i], err));
    return RN_OK;
}

int rn_cache_sync_names(const struct rn_cache *c, struct rn_err *err)
{
    char *dir = rn_join(rn_cache_home(c), "sha256");
    int rc = rn_sync(dir, rn_io.fsync, err);
    free(dir);
    return rc;
}

/* --- taking --- */

static bool share_blocks(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    bool shared = out >= 0 && ioctl(out, FICLONE, in) == 0;
    if (out >= 0 && !shared)
        unlink(to);
    if (out >= 0)
        close(out);
    if (in >= 0)
        close(in);
    return shared;
}

/* What was known of an inode is still true where only its ctime changed. */
static void learn_again(const struct rn_cache *c, const struct rn_seen *before,
                        const struct rn_seen *now)
{
    char hex[RN_HEX];
    struct rn_memo *const memos[] = {c->digests, c->checks};
    for (size_t i = 0; i < RN_COUNT(memos); i++)
        if (rn_memo_recall_seen(memos[i], before, hex))
            rn_memo_learn_seen(memos[i], now, hex);
}

/* A second name changes the inode's ctime. */
static bool give_second_name(const struct rn_cache *c, const struct rn_cache_item *p,
                             const char *to, struct rn_seen *now)
{
    if (link(p->path, to) != 0)
        return false;
    if (rn_seen_look(now, to) && rn_seen_same_bytes(now, &p->seen) &&
        rn_cache_knows(c, &p->seen, p->sha256))
        learn_again(c, &p->seen, now);
    return true;
}

int rn_cache_take(const struct rn_cache *c, const struct rn_cache_item *p, const char *to,
                  struct rn_seen *now, struct rn_err *err)
{
    if (*c->shares && !share_blocks(p->path, to))
        *c->shares = false; /* this file system cannot: asked once */
    if (!*c->shares && give_second_name(c, p, to, now))
        return RN_OK;
    if (!*c->shares)
        RN_TRY(rn_copy_bytes(p->path, to, err));
    return rn_seen_look(now, to) ? RN_OK : rn_fail_errno(err, RN_PATH(to), "cannot look at");
}
