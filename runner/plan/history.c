#include "history.h"

#include "file.h"
#include "keydiff.h"
#include "links.h"
#include "mem.h"
#include "path.h"
#include "runs.h"
#include "store.h"
#include "str.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { RUNS_MAX = 64, ENTRIES_MAX = 2000, COMPARISONS_MAX = 20000, DOC_CAP = 64 << 20 };

struct run {
    char *tag;
    struct timespec when;
    json_t *journal;     /* NULL until asked for */
    const json_t *start; /* in the journal */
};
struct entry { /* of the store */
    char *name;
    json_t *doc; /* NULL until asked for */
    bool read;
};
struct rn_history {
    char *runs, *store;
    bool listed_runs, listed_entries;
    struct run *run;
    size_t n_runs, cap_runs;
    struct entry *entry;
    size_t n_entries, cap_entries;
    size_t comparisons; /* made so far: a plan of very many stages stays quick */
};

struct rn_history *rn_history_new(const char *runs)
{
    struct rn_history *h = rn_new(struct rn_history);
    h->runs = rn_xdup(runs);
    h->store = rn_join(runs, ".store");
    return h;
}

void rn_history_free(struct rn_history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n_runs; i++) {
        free(h->run[i].tag);
        json_decref(h->run[i].journal);
    }
    for (size_t i = 0; i < h->n_entries; i++) {
        free(h->entry[i].name);
        json_decref(h->entry[i].doc);
    }
    free(h->run);
    free(h->entry);
    free(h->store);
    free(h->runs);
    free(h);
}

/* --- runs --- */

static int newest_first(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->when.tv_sec != y->when.tv_sec)
        return x->when.tv_sec > y->when.tv_sec ? -1 : 1;
    if (x->when.tv_nsec != y->when.tv_nsec)
        return x->when.tv_nsec > y->when.tv_nsec ? -1 : 1;
    return strcmp(x->tag, y->tag);
}

static void list_runs(struct rn_history *h)
{
    if (h->listed_runs)
        return;
    h->listed_runs = true;
    char **tags = rn_runs_tags(h->runs);
    for (char **t = tags; *t; t++) {
        struct stat st;
        char *path = rn_xprintf("%s/%s/journal.jsonl", h->runs, *t);
        if (stat(path, &st) == 0) {
            struct run r = {.tag = rn_xdup(*t), .when = st.st_mtim};
            RN_PUSH(h->run, h->n_runs, h->cap_runs, r);
        }
        free(path);
    }
    rn_runs_free_tags(tags);
    if (h->n_runs)
        qsort(h->run, h->n_runs, sizeof *h->run, newest_first);
    for (; h->n_runs > RUNS_MAX; h->n_runs--)
        free(h->run[h->n_runs - 1].tag);
}

size_t rn_history_n(struct rn_history *h)
{
    list_runs(h);
    return h->n_runs;
}

const json_t *rn_history_journal(struct rn_history *h, size_t i)
{
    list_runs(h);
    if (!h->run[i].journal)
        h->run[i].journal = rn_runs_journal(h->runs, h->run[i].tag);
    return h->run[i].journal;
}

/* The newest record of a start; NULL if the journal has none. */
static const json_t *start_of(struct rn_history *h, size_t i)
{
    struct run *run = &h->run[i];
    const json_t *journal = rn_history_journal(h, i);
    for (size_t k = json_array_size(journal); k-- > 0 && !run->start;)
        if (strcmp(rn_json_str(json_array_get(journal, k), "event", ""), "run") == 0)
            run->start = json_array_get(journal, k);
    return run->start;
}

bool rn_history_is_of(struct rn_history *h, size_t i, const char *pipeline, const char *profile)
{
    const json_t *start = start_of(h, i);
    return strcmp(rn_json_str(start, "pipeline", ""), pipeline) == 0 &&
           strcmp(rn_json_str(start, "profile", ""), profile ? profile : "") == 0;
}

/* --- entries of the store --- */

static json_t *read_doc(const char *path, const char *member)
{
    json_t *doc = NULL, *part = NULL;
    if (rn_exists(path) && rn_json_read(path, DOC_CAP, &doc, NULL) == RN_OK)
        part = json_incref(member ? json_object_get(doc, member) : doc);
    json_decref(doc);
    return part;
}

static json_t *doc_of_entry(struct rn_history *h, struct entry *e)
{
    if (!e->read) {
        char *path = rn_xprintf("%s/%s/manifest.json", h->store, e->name);
        e->doc = read_doc(path, "made_from");
        e->read = true;
        free(path);
    }
    return e->doc;
}

json_t *rn_history_doc(const struct rn_history *h, const char *kind, const char *out,
                       const char *progress)
{
    char *entry = rn_store_path(h->store, kind, out, "/manifest.json");
    char *work = rn_store_path(h->store, kind, progress, ".work/key.json");
    json_t *doc = read_doc(entry, "made_from");
    if (!doc)
        doc = read_doc(work, NULL);
    free(entry);
    free(work);
    return doc;
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void list_entries(struct rn_history *h)
{
    if (h->listed_entries)
        return;
    h->listed_entries = true;
    DIR *d = opendir(h->store);
    for (struct dirent *e; d && h->n_entries < ENTRIES_MAX && (e = readdir(d));) {
        if (strchr(e->d_name, '.'))
            continue; /* work and attempts */
        struct entry entry = {.name = rn_xdup(e->d_name)};
        RN_PUSH(h->entry, h->n_entries, h->cap_entries, entry);
    }
    if (d)
        closedir(d);
    if (h->n_entries)
        qsort(h->entry, h->n_entries, sizeof *h->entry, by_name);
}

static struct entry *find_entry(struct rn_history *h, const char *name)
{
    struct entry key = {.name = (char *)name};
    list_entries(h);
    return h->n_entries ? bsearch(&key, h->entry, h->n_entries, sizeof key, by_name) : NULL;
}

static bool is_of_kind(const char *name, const char *kind)
{
    size_t n = strlen(kind);
    return strncmp(name, kind, n) == 0 && name[n] == '-' && !strchr(name + n + 1, '-');
}

bool rn_history_of_stage(struct rn_history *h, const char *but_tag, const char *pipeline,
                         const char *stage, const char *kind, struct rn_past *past)
{
    struct entry *found = NULL;
    list_runs(h);
    for (size_t i = 0; i < h->n_runs && !found; i++) {
        if (strcmp(h->run[i].tag, but_tag) == 0 ||
            strcmp(rn_json_str(start_of(h, i), "pipeline", ""), pipeline) != 0)
            continue;
        char *run_dir = rn_join(h->runs, h->run[i].tag);
        char *target = rn_link_target(run_dir, stage, "");
        if (target && is_of_kind(rn_basename(target), kind))
            found = find_entry(h, rn_basename(target));
        free(target);
        free(run_dir);
    }
    if (!found || !doc_of_entry(h, found))
        return false;
    *past = (struct rn_past){found->doc, found->name};
    return true;
}

bool rn_history_nearest(struct rn_history *h, const char *kind, const json_t *doc, size_t most,
                        struct rn_past *past)
{
    size_t best = most + 1;
    list_entries(h);
    for (size_t i = 0; i < h->n_entries && h->comparisons < COMPARISONS_MAX; i++) {
        struct entry *e = &h->entry[i];
        if (!is_of_kind(e->name, kind) || !doc_of_entry(h, e))
            continue;
        struct rn_keydiff d;
        rn_keydiff_make(&d, e->doc, doc);
        h->comparisons++;
        if (d.n > 0 && d.n < best) {
            best = d.n;
            *past = (struct rn_past){e->doc, e->name};
        }
        rn_keydiff_release(&d);
    }
    return best <= most;
}

/* --- work that differs in its horizon --- */

static json_t *without_horizon(const json_t *doc)
{
    json_t *copy = json_copy((json_t *)doc);
    json_t *fingerprint = json_copy(json_object_get(doc, "fingerprint"));
    json_object_del(fingerprint, "horizon");
    json_object_set_new(copy, "fingerprint", fingerprint);
    json_object_del(copy, "extend");
    return copy;
}

/* The progress key is the digest of the document without its extend values. */
static bool progress_of(const json_t *doc, char hex[RN_HEX])
{
    json_t *copy = json_copy((json_t *)doc);
    bool has = json_is_object(copy);
    json_object_del(copy, "extend");
    if (has)
        rn_json_digest(copy, hex);
    else
        hex[0] = '\0';
    json_decref(copy);
    return has;
}

static bool differs_in_horizon(const json_t *old, const json_t *wanted)
{
    json_t *rest = without_horizon(old);
    bool same = json_equal(rest, wanted);
    json_decref(rest);
    return same;
}

size_t rn_history_earlier(const struct rn_history *h, struct rn_arena *arena, const char *kind,
                          const json_t *doc, const struct rn_earlier **out)
{
    enum { EARLIER_MAX = 64 };
    struct rn_earlier *found = rn_arena_alloc(arena, EARLIER_MAX * sizeof *found);
    char own[RN_HEX] = "", hex[RN_HEX];
    json_t *wanted = without_horizon(doc);
    size_t n = 0, seen = 0;
    progress_of(doc, own);
    DIR *d = opendir(h->store);
    for (struct dirent *e; d && n < EARLIER_MAX && seen < ENTRIES_MAX && (e = readdir(d));) {
        if (!is_of_kind(e->d_name, kind) || !rn_ends_with(e->d_name, ".work"))
            continue;
        seen++;
        char *dir = rn_join(h->store, e->d_name), *path = rn_join(dir, "key.json");
        json_t *old = read_doc(path, NULL);
        bool named = progress_of(old, hex) && strncmp(strrchr(e->d_name, '-') + 1, hex, 16) == 0;
        if (named && strcmp(hex, own) != 0 && differs_in_horizon(old, wanted))
            found[n++] = (struct rn_earlier){rn_arena_dup(arena, hex), rn_arena_dup(arena, dir)};
        json_decref(old);
        free(path);
        free(dir);
    }
    if (d)
        closedir(d);
    json_decref(wanted);
    *out = found;
    return n;
}
