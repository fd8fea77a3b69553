#define _GNU_SOURCE
#include "cache.h"

#include "file.h"
#include "mem.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *default_dir(void)
{
    const char *own = getenv("RUNNEL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    if (own && *own)
        return rn_xdup(own);
    if (xdg && *xdg == '/')
        return rn_join(xdg, "runnel");
    return rn_xprintf("%s/.cache/runnel", home && *home ? home : ".");
}

/* What killed processes left. Age, not process ids: a cache may be shared between machines. */
static void sweep(const char *tmp)
{
    enum { STALE_S = 2 * 24 * 3600 };
    DIR *d = opendir(tmp);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = rn_join(tmp, e->d_name);
        struct stat st;
        if (e->d_name[0] != '.' && lstat(path, &st) == 0 && time(NULL) - st.st_mtime > STALE_S)
            rn_remove_tree(path, NULL); /* somebody else may be sweeping too */
        free(path);
    }
    if (d)
        closedir(d);
}

void rn_cache_init(struct rn_cache *c, const char *dir)
{
    c->dir = dir ? rn_xdup(dir) : default_dir();
}

void rn_cache_release(struct rn_cache *c)
{
    free(c->dir);
    c->dir = NULL;
}

static char *content_path(const struct rn_cache *c, const char *sha256)
{
    return rn_xprintf("%s/sha256/%.2s/%s", c->dir, sha256, sha256);
}

bool rn_cache_has(const struct rn_cache *c, const char *sha256)
{
    char *path = content_path(c, sha256);
    bool has = rn_exists(path);
    free(path);
    return has;
}

int rn_cache_find(const struct rn_cache *c, const char *sha256, char **path, struct rn_err *err)
{
    *path = content_path(c, sha256);
    char hex[RN_HEX];
    int rc = RN_OK;
    bool there = rn_exists(*path);
    if (there)
        rc = rn_sha256_file(*path, hex, NULL, err);
    if (there && rc == RN_OK && strcmp(hex, sha256) == 0)
        return RN_OK;
    if (there && rc == RN_OK)
        rc = rn_remove_tree(*path, err);
    free(*path);
    *path = NULL;
    return rc;
}

int rn_cache_attempt(const struct rn_cache *c, char **dir, struct rn_err *err)
{
    char *tmp = rn_join(c->dir, "tmp");
    int rc = rn_mkdirs(tmp, err);
    sweep(tmp);
    *dir = rn_xprintf("%s/%ld-XXXXXX", tmp, (long)getpid());
    if (rc == RN_OK && !mkdtemp(*dir))
        rc = rn_fail_errno(err, RN_PATH(c->dir), "cannot make a directory in the cache");
    if (rc != RN_OK) {
        rn_hint(err, "set RUNNEL_CACHE to a directory that can be written");
        free(*dir);
        *dir = NULL;
    }
    free(tmp);
    return rc;
}

int rn_cache_put(const struct rn_cache *c, const char *sha256, const char *file, char **path,
                 struct rn_err *err)
{
    *path = content_path(c, sha256);
    char *parent = rn_dirname(*path);
    int rc = rn_mkdirs(parent, err);
    if (rc == RN_OK && chmod(file, 0444) != 0)
        rc = rn_fail_errno(err, RN_PATH(file), "cannot make read-only");
    if (rc == RN_OK)
        rc = rn_rename(file, *path, err);
    free(parent);
    if (rc != RN_OK) {
        free(*path);
        *path = NULL;
    }
    return rc;
}
