#include "checkpoint.h"

#include "file.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANIFEST_CAP = 1 << 20, STATE_CAP = 64 << 20, POINTER_CAP = 64 };

static const char *const parts[] = {"config.json", "model.safetensors", "optimizer.safetensors",
                                    "state.json"};

char *rn_ckpt_path(const struct rn_ckpt *c, int64_t step)
{
    return rn_xprintf("%s/step_%06" PRId64, c->dir, step);
}

/* --- names --- */

int rn_ckpt_point(const struct rn_ckpt *c, const char *name, int64_t step, struct rn_err *err)
{
    char text[POINTER_CAP];
    int n = snprintf(text, sizeof text, "%" PRId64 "\n", step);
    char *path = rn_join(c->dir, name);
    int rc = rn_file_write(path, text, (size_t)n, err);
    free(path);
    return rc;
}

int64_t rn_ckpt_pointed(const struct rn_ckpt *c, const char *name)
{
    char *path = rn_join(c->dir, name), *text = NULL;
    int64_t step = -1;
    if (rn_file_read(path, POINTER_CAP, &text, NULL, NULL) == RN_OK) {
        char *end;
        long long value = strtoll(text, &end, 10);
        if (end != text && *end == '\n' && value >= 0)
            step = value;
    }
    free(text);
    free(path);
    return step;
}

/* --- listing --- */

struct entries { /* what lies in a work directory */
    int64_t *steps;
    size_t n_steps, cap_steps;
    char **pointers;
    size_t n_pointers, cap_pointers;
};

static int by_step(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool parse_step(const char *name, const char *prefix, int64_t *step)
{
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || name[n] < '0' || name[n] > '9')
        return false;
    char *end;
    *step = strtoll(name + n, &end, 10);
    return *end == '\0';
}

static struct entries scan(const struct rn_ckpt *c)
{
    struct entries e = {0};
    DIR *d = opendir(c->dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        int64_t step;
        if (entry->d_name[0] == '.')
            continue;
        if (parse_step(entry->d_name, "step_", &step))
            RN_PUSH(e.steps, e.n_steps, e.cap_steps, step);
        else if (rn_ckpt_pointed(c, entry->d_name) >= 0)
            RN_PUSH(e.pointers, e.n_pointers, e.cap_pointers, rn_xdup(entry->d_name));
    }
    if (d)
        closedir(d);
    if (e.n_steps)
        qsort(e.steps, e.n_steps, sizeof *e.steps, by_step);
    return e;
}

static void entries_release(struct entries *e)
{
    for (size_t i = 0; i < e->n_pointers; i++)
        free(e->pointers[i]);
    free(e->pointers);
    free(e->steps);
}

size_t rn_ckpt_list(const struct rn_ckpt *c, int64_t **steps)
{
    struct entries e = scan(c);
    *steps = e.steps;
    e.steps = NULL;
    size_t n = e.n_steps;
    entries_release(&e);
    return n;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void rn_ckpt_names(const struct rn_ckpt *c, int64_t step, struct rn_str *s)
{
    struct entries e = scan(c);
    size_t before = s->n;
    if (e.n_pointers)
        qsort(e.pointers, e.n_pointers, sizeof *e.pointers, by_text);
    for (size_t i = 0; i < e.n_pointers; i++)
        if (rn_ckpt_pointed(c, e.pointers[i]) == step)
            rn_str_printf(s, "%s%s", s->n > before ? ", " : "", e.pointers[i]);
    entries_release(&e);
}

/* --- saving --- */

static int write_manifest(const struct rn_ckpt *c, int64_t step, const char *dir,
                          struct rn_err *err)
{
    json_t *files = json_object();
    int rc = RN_OK;
    for (size_t i = 0; i < RN_COUNT(parts) && rc == RN_OK; i++) {
        char *path = rn_join(dir, parts[i]), hex[RN_HEX];
        size_t size_bytes;
        rc = rn_sha256_file(path, hex, &size_bytes, err);
        if (rc == RN_OK)
            json_object_set_new(
                files, parts[i],
                json_pack("{s:I, s:s}", "size", (json_int_t)size_bytes, "sha256", hex));
        free(path);
    }
    json_t *doc =
        json_pack("{s:I, s:s, s:o}", "step", (json_int_t)step, "key", c->key, "files", files);
    char *path = rn_join(dir, "manifest.json");
    if (rc == RN_OK)
        rc = rn_json_write(path, doc, err);
    free(path);
    json_decref(doc);
    return rc;
}

static int fill_dir(const struct rn_ckpt *c, int64_t step, const char *dir,
                    const struct rn_model *m, const struct rn_optim *optim, const json_t *state,
                    struct rn_err *err)
{
    RN_TRY(rn_mkdirs(dir, err));
    RN_TRY(rn_model_save(m, dir, c->extra, err));
    char *moments = rn_join(dir, "optimizer.safetensors"), *path = rn_join(dir, "state.json");
    int rc = rn_optim_save(optim, moments, NULL, err);
    if (rc == RN_OK)
        rc = rn_json_write(path, state, err);
    free(moments);
    free(path);
    RN_TRY(rc);
    return write_manifest(c, step, dir, err);
}

/* What fills the directory of a checkpoint in the making. */
typedef int fill_fn(const struct rn_ckpt *c, int64_t step, const char *dir, const void *ctx,
                    struct rn_err *err);

static int make_dir(const struct rn_ckpt *c, int64_t step, fill_fn *fill, const void *ctx,
                    struct rn_err *err)
{
    char *final = rn_ckpt_path(c, step);
    char *tmp = rn_xprintf("%s/.step_%06" PRId64 ".%ld.tmp", c->dir, step, (long)getpid());
    int rc = rn_remove_tree(tmp, err);
    if (rc == RN_OK)
        rc = fill(c, step, tmp, ctx, err);
    if (rc == RN_OK)
        rc = rn_remove_tree(final, err); /* a damaged one of the same step */
    if (rc == RN_OK)
        rc = rn_rename(tmp, final, err);
    if (rc != RN_OK) {
        rn_remove_tree(tmp, NULL);
        rn_while(err, "saving checkpoint step_%06" PRId64, step);
    }
    free(tmp);
    free(final);
    return rc;
}

struct training { /* what a save takes down */
    const struct rn_model *m;
    const struct rn_optim *optim;
    const json_t *state;
};

static int fill_from_training(const struct rn_ckpt *c, int64_t step, const char *dir,
                              const void *ctx, struct rn_err *err)
{
    const struct training *t = ctx;
    return fill_dir(c, step, dir, t->m, t->optim, t->state, err);
}

int rn_ckpt_save(const struct rn_ckpt *c, int64_t step, const struct rn_model *m,
                 const struct rn_optim *optim, const json_t *state, struct rn_err *err)
{
    struct training t = {m, optim, state};
    if (rn_ckpt_verify(c, step, NULL) == RN_OK)
        return RN_OK;
    return make_dir(c, step, fill_from_training, &t, err);
}

static int fill_from_other(const struct rn_ckpt *c, int64_t step, const char *dir, const void *ctx,
                           struct rn_err *err)
{
    const struct rn_ckpt *from = ctx;
    char *other = rn_ckpt_path(from, step);
    int rc = rn_mkdirs(dir, err);
    for (size_t i = 0; i < RN_COUNT(parts) && rc == RN_OK; i++) {
        char *old = rn_join(other, parts[i]), *copy = rn_join(dir, parts[i]);
        rc = rn_copy_file(old, copy, err);
        free(copy);
        free(old);
    }
    free(other);
    return rc == RN_OK ? write_manifest(c, step, dir, err) : rc;
}

int rn_ckpt_take(const struct rn_ckpt *c, const struct rn_ckpt *from, int64_t step,
                 struct rn_err *err)
{
    RN_TRY(rn_ckpt_verify(from, step, err));
    return make_dir(c, step, fill_from_other, from, err);
}

/* --- rotation --- */

static bool is_named(const struct rn_ckpt *c, const struct entries *e, int64_t step)
{
    for (size_t i = 0; i < e->n_pointers; i++)
        if (rn_ckpt_pointed(c, e->pointers[i]) == step)
            return true;
    return false;
}

static int remove_entry(const struct rn_ckpt *c, const char *name, struct rn_err *err)
{
    char *path = rn_join(c->dir, name);
    int rc = rn_remove_tree(path, err);
    free(path);
    return rc;
}

/* Temporary directories of unfinished saves: the work directory is locked, so they are dead. */
static int remove_leftovers(const struct rn_ckpt *c, struct rn_err *err)
{
    DIR *d = opendir(c->dir);
    int rc = RN_OK;
    for (struct dirent *entry; d && rc == RN_OK && (entry = readdir(d));)
        if (rn_starts_with(entry->d_name, ".step_") && rn_ends_with(entry->d_name, ".tmp"))
            rc = remove_entry(c, entry->d_name, err);
    if (d)
        closedir(d);
    return rc;
}

/* Rolling names before this step are not among the newest `keep`. */
static int64_t oldest_rolling(const struct entries *e, int64_t keep)
{
    int64_t *rolling = rn_xalloc((e->n_pointers + 1) * sizeof *rolling), oldest = INT64_MAX;
    size_t n = 0;
    for (size_t i = 0; i < e->n_pointers; i++)
        if (parse_step(e->pointers[i], "rolling_step_", &rolling[n]))
            n++;
    qsort(rolling, n, sizeof *rolling, by_step);
    if (keep > 0 && n > 0)
        oldest = rolling[(uint64_t)keep < n ? n - (size_t)keep : 0];
    free(rolling);
    return oldest;
}

static bool is_old_rolling(const char *pointer, int64_t oldest)
{
    int64_t step;
    return parse_step(pointer, "rolling_step_", &step) && step < oldest;
}

static int drop_old_rolling(const struct rn_ckpt *c, int64_t keep, struct rn_err *err)
{
    struct entries e = scan(c);
    int64_t oldest = oldest_rolling(&e, keep);
    int rc = RN_OK;
    for (size_t i = 0; i < e.n_pointers && rc == RN_OK; i++)
        if (is_old_rolling(e.pointers[i], oldest))
            rc = remove_entry(c, e.pointers[i], err);
    entries_release(&e);
    return rc;
}

static int drop_unnamed(const struct rn_ckpt *c, struct rn_err *err)
{
    struct entries e = scan(c);
    int rc = RN_OK;
    for (size_t i = 0; i < e.n_steps && rc == RN_OK; i++) {
        if (is_named(c, &e, e.steps[i]))
            continue;
        char *path = rn_ckpt_path(c, e.steps[i]), *manifest = rn_join(path, "manifest.json");
        unlink(manifest); /* first, so that a removal cut short does not look whole */
        rc = rn_remove_tree(path, err);
        free(manifest);
        free(path);
    }
    entries_release(&e);
    return rc;
}

int rn_ckpt_rotate(const struct rn_ckpt *c, int64_t step, int64_t keep, struct rn_err *err)
{
    char name[64];
    snprintf(name, sizeof name, "rolling_step_%06" PRId64, step);
    RN_TRY(rn_ckpt_point(c, name, step, err));
    int64_t before = rn_ckpt_pointed(c, "latest");
    if (before >= 0 && before != step)
        RN_TRY(rn_ckpt_point(c, "latest_backup", before, err));
    RN_TRY(rn_ckpt_point(c, "latest", step, err));
    return rn_ckpt_thin(c, keep, err);
}

size_t rn_ckpt_spare(const struct rn_ckpt *c, int64_t keep, int64_t **steps)
{
    struct entries e = scan(c);
    int64_t oldest = oldest_rolling(&e, keep);
    size_t n = 0;
    *steps = rn_xalloc((e.n_steps + 1) * sizeof **steps);
    for (size_t i = 0; i < e.n_steps; i++) {
        bool held = false;
        for (size_t k = 0; k < e.n_pointers && !held; k++)
            held = !is_old_rolling(e.pointers[k], oldest) &&
                   rn_ckpt_pointed(c, e.pointers[k]) == e.steps[i];
        if (!held)
            (*steps)[n++] = e.steps[i];
    }
    entries_release(&e);
    return n;
}

int rn_ckpt_thin(const struct rn_ckpt *c, int64_t keep, struct rn_err *err)
{
    RN_TRY(drop_old_rolling(c, keep, err));
    RN_TRY(remove_leftovers(c, err));
    return drop_unnamed(c, err);
}

int rn_ckpt_forget_after(const struct rn_ckpt *c, int64_t step, struct rn_err *err)
{
    struct entries e = scan(c);
    int rc = rn_ckpt_point(c, "latest", step, err);
    for (size_t i = 0; i < e.n_pointers && rc == RN_OK; i++)
        if (rn_ckpt_pointed(c, e.pointers[i]) > step)
            rc = remove_entry(c, e.pointers[i], err);
    entries_release(&e);
    return rc == RN_OK ? drop_unnamed(c, err) : rc;
}

/* --- verifying --- */

/* Gigabytes, unless a glance is enough. Who found a file damaged remembers it for those. */
static int verify_digest(const struct rn_ckpt *c, const char *path, const char *sha256,
                         struct rn_err *err)
{
    char hex[RN_HEX];
    struct rn_seen now;
    if (!c->glance)
        RN_TRY(rn_sha256_file(path, hex, NULL, err));
    else if (!c->memo || !rn_seen_look(&now, path) || !rn_memo_recall_seen(c->memo, &now, hex))
        return RN_OK;
    if (strcmp(hex, sha256) == 0)
        return RN_OK;
    if (!c->glance)
        rn_memo_learn(c->memo, path, hex);
    return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "sha256 %.12s.., the manifest says %.12s..",
                   hex, sha256);
}

static int verify_file(const struct rn_ckpt *c, const char *dir, const char *name,
                       const json_t *row, struct rn_err *err)
{
    char *path = rn_join(dir, name);
    int64_t want = rn_json_int(row, "size", -1), have = rn_file_size(path);
    int rc = RN_OK;
    if (have < 0)
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "missing");
    else if (have != want)
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                     "%" PRId64 " bytes, the manifest says %" PRId64, have, want);
    else
        rc = verify_digest(c, path, rn_json_str(row, "sha256", ""), err);
    free(path);
    return rc;
}

static int verify_manifest(const struct rn_ckpt *c, int64_t step, const char *dir,
                           const json_t *doc, struct rn_err *err)
{
    const char *key = rn_json_str(doc, "key", "");
    if (rn_json_int(doc, "step", -1) != step)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(dir), "the manifest is of another step");
    if (c->key && strcmp(key, c->key) != 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(dir),
                       "belongs to another configuration (key %.12s.., expected %.12s..)", key,
                       c->key);
    for (size_t i = 0; i < RN_COUNT(parts); i++)
        RN_TRY(verify_file(c, dir, parts[i],
                           json_object_get(json_object_get(doc, "files"), parts[i]), err));
    return RN_OK;
}

int rn_ckpt_verify(const struct rn_ckpt *c, int64_t step, struct rn_err *err)
{
    char *dir = rn_ckpt_path(c, step), *path = rn_join(dir, "manifest.json");
    json_t *doc = NULL;
    int rc = rn_exists(path) ? rn_json_read(path, MANIFEST_CAP, &doc, err)
                             : rn_fail(err, RN_ECORRUPT, RN_PATH(path), "missing");
    if (rc == RN_OK)
        rc = verify_manifest(c, step, dir, doc, err);
    json_decref(doc);
    free(path);
    free(dir);
    return rc;
}

static bool too_late(const struct rn_ckpt *c, int64_t step)
{
    return c->steps > 0 && step > c->steps;
}

static int find_named(const struct rn_ckpt *c, const char *name, int64_t *step, struct rn_err *err)
{
    int64_t found = strchr(name, '/') ? -1 : rn_ckpt_pointed(c, name);
    if (found < 0 && !parse_step(name, "step_", &found))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(c->dir), "there is no checkpoint '%s'", name);
    if (too_late(c, found))
        return rn_fail(err, RN_ECONFIG, RN_PATH(c->dir),
                       "checkpoint '%s' lies beyond the horizon of %" PRId64 " steps", name,
                       c->steps);
    *step = found;
    return rn_ckpt_verify(c, found, err);
}

struct damage { /* of the checkpoints that were passed over */
    size_t n;
    struct rn_err newest;
};

/* False, and told to the log, where the checkpoint cannot be taken up. */
static bool usable(const struct rn_ckpt *c, int64_t step, struct damage *damage)
{
    struct rn_err why = {0};
    if (too_late(c, step)) {
        rn_log(c->log, RN_INFO, "checkpoint step_%06" PRId64 " is beyond step %" PRId64, step,
               c->steps);
        return false;
    }
    if (rn_ckpt_verify(c, step, &why) == RN_OK)
        return true;
    if (damage->n++ == 0)
        damage->newest = why;
    rn_log(c->log, RN_WARN, "checkpoint step_%06" PRId64 " is passed over: %s: %s", step,
           rn_basename(why.path), why.msg);
    return false;
}

int rn_ckpt_find(const struct rn_ckpt *c, const char *name, int64_t *step, struct rn_err *err)
{
    *step = -1;
    if (name)
        return find_named(c, name, step, err);
    int64_t *steps;
    struct damage damage = {0};
    size_t n = rn_ckpt_list(c, &steps);
    while (n > 0 && !usable(c, steps[n - 1], &damage))
        n--;
    if (n > 0)
        *step = steps[n - 1];
    free(steps);
    if (n > 0 || damage.n == 0)
        return RN_OK;
    rn_hint(err, "remove %s to start from step 0", c->dir);
    return rn_fail(err, RN_ECORRUPT, RN_PATH(c->dir),
                   "none of %zu checkpoints verifies; of the newest %s: %s", damage.n,
                   rn_basename(damage.newest.path), damage.newest.msg);
}

/* --- loading --- */

int rn_ckpt_load(const struct rn_ckpt *c, int64_t step, struct rn_model *m, struct rn_optim *optim,
                 json_t **state, struct rn_err *err)
{
    char *dir = rn_ckpt_path(c, step), *weights = rn_join(dir, "model.safetensors");
    char *moments = rn_join(dir, "optimizer.safetensors"), *path = rn_join(dir, "state.json");
    int rc = rn_model_load_weights(m, weights, err);
    if (rc == RN_OK && optim)
        rc = rn_optim_load(optim, moments, err);
    if (rc == RN_OK)
        rc = rn_json_read(path, STATE_CAP, state, err);
    free(path);
    free(moments);
    free(weights);
    free(dir);
    return rc;
}
