#include "model_ref.h"

#include "checkpoint.h"
#include "file.h"
#include "journal.h"
#include "links.h"
#include "path.h"
#include "store.h"
#include "str.h"
#include "target.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static bool holds(const char *dir, const char *name)
{
    char *path = rn_join(dir, name);
    bool there = rn_file_size(path) >= 0;
    free(path);
    return there;
}

/* --- the model --- */

/* The stage of the newest `done` or `kept` record whose outputs hold a model; caller frees. */
static char *last_trained(const char *run_dir)
{
    char *path = rn_join(run_dir, "journal.jsonl"), *found = NULL;
    json_t *records = rn_journal_read(path);
    for (size_t i = json_array_size(records); i-- > 0 && !found;) {
        const json_t *r = json_array_get(records, i);
        const char *event = rn_json_str(r, "event", ""), *stage = rn_json_str(r, "stage", "");
        char *dir = strcmp(event, "done") == 0 || strcmp(event, "kept") == 0
                        ? rn_link_target(run_dir, stage, "model")
                        : NULL;
        if (dir)
            found = rn_xdup(stage);
        free(dir);
    }
    json_decref(records);
    free(path);
    return found;
}

/* A checkpoint by name, in the .work directory that the stage's manifest names. */
static char *checkpoint_dir(const char *run_dir, const char *stage, const char *name,
                            struct rn_err *err)
{
    char *entry = rn_link_target(run_dir, stage, ""), *found = NULL;
    struct rn_stored *stored = NULL;
    if (entry && rn_store_load_dir(&stored, entry, RN_VERIFY_SIZE, err) == RN_OK) {
        char *store = rn_dirname(entry);
        const char *kind = rn_json_str(stored->manifest, "kind", "");
        char *work =
            rn_store_path(store, kind, rn_json_str(stored->manifest, "progress", ""), ".work");
        struct rn_ckpt c = {.dir = work};
        int64_t step;
        if (rn_ckpt_find(&c, name, &step, err) == RN_OK && step >= 0)
            found = rn_ckpt_path(&c, step);
        free(work);
        free(store);
    }
    rn_stored_free(stored);
    free(entry);
    return found;
}

static int find_in_run(struct rn_model_ref *m, const char *run_dir, const char *stage,
                       const char *checkpoint, struct rn_err *err)
{
    char *last = stage ? NULL : last_trained(run_dir);
    const char *name = stage ? stage : last;
    if (name && checkpoint && strcmp(checkpoint, "best") != 0)
        m->model_dir = checkpoint_dir(run_dir, name, checkpoint, err);
    else if (name)
        m->model_dir = rn_link_target(run_dir, name, checkpoint ? "best" : "model");
    int rc = m->model_dir
                 ? RN_OK
                 : rn_fail(err, RN_EUSAGE, RN_PATH(run_dir), "no finished model of %s%s%s%s",
                           name ? "stage '" : "any stage", name ? name : "", name ? "'" : "",
                           checkpoint ? " with that checkpoint" : "");
    free(last);
    return rc;
}

static int find_model(struct rn_model_ref *m, const char *runs, const char *text,
                      struct rn_err *err)
{
    if (holds(text, "model.safetensors")) {
        m->model_dir = rn_xdup(text);
        return RN_OK;
    }
    char *run = rn_xdup(text), *dir = NULL;
    char *stage = strrchr(run, ':'), *checkpoint = NULL;
    if (stage) {
        *stage++ = '\0';
        checkpoint = strchr(stage, '@');
        if (checkpoint)
            *checkpoint++ = '\0';
    }
    int rc = rn_target_run_named(&dir, runs, run, err);
    if (rc == RN_OK)
        rc = find_in_run(m, dir, stage, checkpoint, err);
    free(dir);
    free(run);
    return rc;
}

/* --- its tokenizer --- */

static bool has_digest(const char *dir, const char *digest)
{
    enum { TOKENIZER_JSON_CAP = 1 << 24 };
    char *path = rn_join(dir, "tokenizer.json");
    json_t *doc = NULL;
    bool same = rn_json_read(path, TOKENIZER_JSON_CAP, &doc, NULL) == RN_OK &&
                strcmp(rn_json_str(doc, "digest", ""), digest) == 0;
    json_decref(doc);
    free(path);
    return same;
}

static char *search_store(const char *store, const char *digest)
{
    char *found = NULL;
    DIR *d = opendir(store);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        if (!rn_starts_with(e->d_name, "train-tokenizer-"))
            continue;
        char *dir = rn_xprintf("%s/%s/tokenizer", store, e->d_name);
        if (has_digest(dir, digest))
            found = dir;
        else
            free(dir);
    }
    if (d)
        closedir(d);
    return found;
}

static int find_tokenizer(struct rn_model_ref *m, const char *runs, const char *tokenizer,
                          struct rn_err *err)
{
    if (tokenizer) {
        m->tokenizer_dir = rn_xdup(tokenizer);
        return RN_OK;
    }
    char *path = rn_join(m->model_dir, "config.json"), *store = rn_join(runs, ".store");
    json_t *config = NULL;
    int rc = rn_json_read(path, 1 << 20, &config, err);
    const char *digest = rn_json_str(config, "tokenizer", "");
    if (rc == RN_OK && *digest)
        m->tokenizer_dir = search_store(store, digest);
    if (rc == RN_OK && !m->tokenizer_dir) {
        rn_hint(err, "name it: --tokenizer DIR");
        rc = rn_fail(err, RN_EUSAGE, RN_PATH(m->model_dir), "its tokenizer is not in %s", store);
    }
    json_decref(config);
    free(store);
    free(path);
    return rc;
}

int rn_model_ref_find(struct rn_model_ref *m, const char *runs, const char *text,
                      const char *tokenizer, struct rn_err *err)
{
    *m = (struct rn_model_ref){0};
    int rc = find_model(m, runs, text, err);
    if (rc == RN_OK)
        rc = find_tokenizer(m, runs, tokenizer, err);
    if (rc != RN_OK)
        rn_model_ref_release(m);
    return rc;
}

void rn_model_ref_release(struct rn_model_ref *m)
{
    free(m->model_dir);
    free(m->tokenizer_dir);
    *m = (struct rn_model_ref){0};
}
