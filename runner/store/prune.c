#define _GNU_SOURCE
#include "prune.h"

#include "clock.h"
#include "file.h"
#include "journal.h"
#include "locks.h"
#include "mem.h"
#include "path.h"
#include "runs.h"
#include "store.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what runs stand for: a set of names in the store --- */

static void add_links(json_t *wanted, const char *run_dir)
{
    char *stages = rn_join(run_dir, "stages");
    DIR *d = opendir(stages);
    for (struct dirent *e; d && (e = readdir(d));) {
        char target[512], *path = rn_join(stages, e->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (n > 0)
            json_object_set_new(wanted, rn_basename(target), json_true());
        free(path);
    }
    if (d)
        closedir(d);
    free(stages);
}

/* Checkpoints of stages that did not finish. */
static void add_unfinished(json_t *wanted, const json_t *records)
{
    json_t *stages = rn_journal_stages(records);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *last = rn_journal_last(records, json_string_value(json_array_get(stages, i)),
                                             "done|kept|adopted|started|interrupted|failed");
        const char *event = rn_json_str(last, "event", "");
        if (!*event || strcmp(event, "done") == 0 || strcmp(event, "kept") == 0 ||
            strcmp(event, "adopted") == 0)
            continue;
        char *name = rn_store_path("", rn_json_str(last, "kind", ""),
                                   rn_json_str(last, "progress", ""), ".work");
        json_object_set_new(wanted, rn_basename(name), json_true());
        free(name);
    }
    json_decref(stages);
}

static int look_at_run(json_t *wanted, const char *runs, const char *tag, struct rn_err *err)
{
    char *dir = rn_join(runs, tag), owner[192] = "";
    int rc = RN_OK;
    if (rn_lock_held_run(dir, owner, sizeof owner)) {
        rc = rn_fail(err, RN_ELOCKED, RN_PATH(dir), "run '%s' is in use by %s", tag, owner);
        rn_hint(err, "prune when no run goes on: it could be about to link what prune deletes");
    }
    json_t *records = rn_runs_journal(runs, tag);
    add_links(wanted, dir);
    add_unfinished(wanted, records);
    json_decref(records);
    free(dir);
    return rc;
}

static int find_wanted(json_t *wanted, const char *runs, struct rn_err *err)
{
    int rc = rn_runs_check(runs, err);
    char **tags = rn_runs_tags(runs);
    for (char **t = tags; *t && rc == RN_OK; t++)
        rc = look_at_run(wanted, runs, *t, err);
    rn_runs_free_tags(tags);
    return rc;
}

/* --- what lies there --- */

struct measured {
    const char *dir;
    struct rn_prune_item *item;
};

static int measure_file(void *ctx, const char *relative, struct rn_err *err)
{
    (void)err;
    const struct measured *m = ctx;
    char *path = rn_join(m->dir, relative);
    struct stat st;
    if (lstat(path, &st) == 0) {
        m->item->size_bytes += (double)st.st_size;
        if ((double)st.st_mtime > m->item->changed_s)
            m->item->changed_s = (double)st.st_mtime;
    }
    free(path);
    return RN_OK;
}

static struct rn_prune_item measure(const char *store, const char *name)
{
    struct rn_prune_item item = {.name = rn_xdup(name)};
    char *dir = rn_join(store, name);
    struct stat st;
    if (lstat(dir, &st) == 0)
        item.changed_s = (double)st.st_mtime;
    rn_walk(dir, measure_file, &(struct measured){dir, &item}, NULL);
    free(dir);
    return item;
}

static int by_name(const void *a, const void *b)
{
    const struct rn_prune_item *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int rn_prune_find(struct rn_prune *p, const char *runs, double older_s, struct rn_err *err)
{
    *p = (struct rn_prune){.runs = rn_xdup(runs)};
    json_t *wanted = json_object();
    char *store = rn_join(runs, ".store");
    int rc = find_wanted(wanted, runs, err);
    DIR *d = rc == RN_OK ? opendir(store) : NULL;
    if (rc == RN_OK && !d && errno != ENOENT)
        rc = rn_fail_errno(err, RN_PATH(store), "cannot list the store");
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || json_object_get(wanted, e->d_name))
            continue;
        struct rn_prune_item item = measure(store, e->d_name);
        if (older_s > 0 && rn_time_s() - item.changed_s < older_s)
            free(item.name);
        else
            RN_PUSH(p->items, p->n, p->cap, item);
    }
    if (d)
        closedir(d);
    if (p->n)
        qsort(p->items, p->n, sizeof *p->items, by_name);
    free(store);
    json_decref(wanted);
    return rc;
}

void rn_prune_release(struct rn_prune *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->items[i].name);
    free(p->items);
    free(p->runs);
    *p = (struct rn_prune){0};
}

/* --- removing --- */

/* "<kind>-<progresskey16>", the name of the lock: from the name of checkpoints, else from the
 * manifest; caller frees; NULL for what says nothing (a leftover of a kill). */
static char *work_of(const char *dir, const char *name)
{
    if (rn_ends_with(name, ".work"))
        return rn_xprintf("%.*s", (int)(strlen(name) - 5), name);
    enum { MANIFEST_CAP = 64 << 20 };
    json_t *doc = NULL;
    char *path = rn_join(dir, "manifest.json"), *work = NULL;
    if (rn_exists(path) && rn_json_read(path, MANIFEST_CAP, &doc, NULL) == RN_OK)
        work = rn_store_name(rn_json_str(doc, "kind", "x"), rn_json_str(doc, "progress", ""));
    if (work && strchr(work, '/')) {
        free(work);
        work = NULL;
    }
    json_decref(doc);
    free(path);
    return work;
}

/* Under the lock of the work that made it. */
static int remove_item(const char *runs, const char *name, struct rn_err *err)
{
    struct rn_lock lock = {.fd = -1};
    char *dir = rn_xprintf("%s/.store/%s", runs, name), *work = work_of(dir, name);
    int rc = work ? rn_lock_take_work(&lock, runs, work, name, err) : RN_OK;
    if (rc == RN_OK)
        rc = rn_store_remove(dir, err);
    rn_lock_release(&lock);
    free(work);
    free(dir);
    return rc;
}

int rn_prune_remove(const struct rn_prune *p, size_t i, bool *removed, struct rn_err *err)
{
    json_t *wanted = json_object();
    int rc = find_wanted(wanted, p->runs, err);
    *removed = rc == RN_OK && !json_object_get(wanted, p->items[i].name);
    json_decref(wanted);
    return *removed ? remove_item(p->runs, p->items[i].name, err) : rc;
}
