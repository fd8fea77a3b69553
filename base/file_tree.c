/* file_tree.c - folders and all that is in them, behind file.h: listed, walked, removed, synced. */
#include "file.h"

#include "mem.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    char *name;
    bool is_dir;
};
struct entries {
    struct entry *items; /* in byte order, without "." and ".." */
    size_t n, cap;
};

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static bool is_dir(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The file system told; some do not. */
static bool entry_is_dir(const char *path, const struct dirent *e)
{
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    char *child = rn_join(path, e->d_name);
    bool yes = is_dir(child);
    free(child);
    return yes;
}

static int list_dir(const char *path, struct entries *all, struct rn_err *err)
{
    *all = (struct entries){0};
    DIR *d = opendir(path);
    if (!d)
        return rn_fail_errno(err, RN_PATH(path), "cannot list");
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        struct entry one = {rn_xdup(e->d_name), entry_is_dir(path, e)};
        RN_PUSH(all->items, all->n, all->cap, one);
    }
    closedir(d);
    if (all->n)
        qsort(all->items, all->n, sizeof *all->items, by_name);
    return RN_OK;
}

static void release_entries(struct entries *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->items[i].name);
    free(all->items);
}

static int remove_entry(const char *path, bool is_folder, struct rn_err *err)
{
    struct entries all;
    if (!is_folder)
        return unlink(path) == 0 ? RN_OK : rn_fail_errno(err, RN_PATH(path), "cannot remove");
    RN_TRY(list_dir(path, &all, err));
    int rc = RN_OK;
    for (size_t i = 0; i < all.n && rc == RN_OK; i++) {
        char *child = rn_join(path, all.items[i].name);
        rc = remove_entry(child, all.items[i].is_dir, err);
        free(child);
    }
    release_entries(&all);
    if (rc == RN_OK && rmdir(path) != 0)
        rc = rn_fail_errno(err, RN_PATH(path), "cannot remove");
    return rc;
}

int rn_remove_tree(const char *path, struct rn_err *err)
{
    return rn_exists(path) ? remove_entry(path, is_dir(path), err) : RN_OK;
}

void rn_sweep_tmp(const char *dir)
{
    struct entries all;
    if (list_dir(dir, &all, NULL) != RN_OK)
        return;
    for (size_t i = 0; i < all.n; i++) {
        char *path = rn_join(dir, all.items[i].name);
        if (all.items[i].name[0] == '.' && rn_ends_with(all.items[i].name, ".tmp"))
            rn_remove_tree(path, NULL);
        free(path);
    }
    release_entries(&all);
}

static int walk(const char *root, const char *prefix,
                int (*each)(void *, const char *, struct rn_err *), void *ctx, struct rn_err *err)
{
    struct entries all;
    char *here = *prefix ? rn_join(root, prefix) : rn_xdup(root);
    int rc = list_dir(here, &all, err);
    for (size_t i = 0; i < all.n && rc == RN_OK; i++) {
        const struct entry *e = &all.items[i];
        char *relative = *prefix ? rn_join(prefix, e->name) : rn_xdup(e->name);
        rc = e->is_dir ? walk(root, relative, each, ctx, err) : each(ctx, relative, err);
        free(relative);
    }
    release_entries(&all);
    free(here);
    return rc;
}

int rn_walk(const char *root, int (*each)(void *, const char *, struct rn_err *), void *ctx,
            struct rn_err *err)
{
    return walk(root, "", each, ctx, err);
}

struct tree {
    const char *root;
    double size_bytes;
};

static int add_size(void *ctx, const char *relative, struct rn_err *err)
{
    struct tree *t = ctx;
    char *path = rn_join(t->root, relative);
    int64_t size = rn_file_size(path);
    (void)err;
    t->size_bytes += size > 0 ? (double)size : 0;
    free(path);
    return RN_OK;
}

double rn_tree_bytes(const char *root)
{
    struct tree t = {root, 0};
    rn_walk(root, add_size, &t, NULL);
    return t.size_bytes;
}

static int fsync_below(const char *path, const struct entries *all, struct rn_err *err)
{
    int rc = RN_OK;
    for (size_t i = 0; i < all->n && rc == RN_OK; i++) {
        char *child = rn_join(path, all->items[i].name);
        rc = all->items[i].is_dir ? rn_fsync_tree(child, err) : rn_sync(child, rn_io.fsync, err);
        free(child);
    }
    return rc == RN_OK ? rn_sync(path, rn_io.fsync, err) : rc;
}

/* Of a folder of a million no more is read than shows that. */
static bool has_many(const char *path)
{
    enum { MANY = 32, DOTS = 2 };
    size_t n = 0;
    DIR *d = opendir(path);
    while (d && n < MANY + DOTS && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n == MANY + DOTS;
}

int rn_fsync_tree(const char *path, struct rn_err *err)
{
    struct entries all;
    if (!is_dir(path))
        return rn_sync(path, rn_io.fsync, err);
    if (has_many(path))
        return rn_sync(path, rn_io.syncfs, err);
    RN_TRY(list_dir(path, &all, err));
    int rc = fsync_below(path, &all, err);
    release_entries(&all);
    return rc;
}
