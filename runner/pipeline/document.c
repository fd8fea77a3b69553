#include "document.h"

#include "file.h"
#include "merge.h"
#include "nearest.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_MAX = 16, FILES_MAX = 100 };

struct reading {
    struct rn_document *d;
    const struct rn_document_source *source;
    const char *chain[CHAIN_MAX]; /* canonical names of the files being read right now */
    size_t depth, n_files;
    bool incomplete; /* a file is missing: what the others say is no pipeline */
};

static int from_disk(void *ctx, const char *path, char **text, size_t *n, struct rn_err *err)
{
    (void)ctx;
    return rn_file_read(path, RN_YAML_BYTES, text, n, err);
}

static const struct rn_document_source disk = {.read = from_disk};

static struct rn_node *read_file(struct reading *r, const char *path, struct rn_place told_at);

/* --- include --- */

static const char *canonical(struct reading *r, const char *path)
{
    char *real = realpath(path, NULL);
    const char *kept = rn_arena_dup(&r->d->arena, real ? real : path);
    free(real);
    return kept;
}

static bool may_read(struct reading *r, const char *name, struct rn_place at)
{
    struct rn_problems *problems = &r->d->problems;
    for (size_t i = 0; i < r->depth; i++)
        if (strcmp(r->chain[i], name) == 0) {
            rn_problem_add(problems, at, "a file that includes itself");
            return false;
        }
    if (r->depth == CHAIN_MAX)
        rn_problem_add(problems, at, "files included more than %d deep", CHAIN_MAX);
    else if (r->n_files == FILES_MAX)
        rn_problem_add(problems, at, "more than %d files", FILES_MAX);
    else
        return true;
    return false;
}

static const char *included_path(struct reading *r, const struct rn_node *item)
{
    char shown[96];
    if (item->kind != RN_NODE_SCALAR || !*item->text) {
        rn_problem_add(&r->d->problems, item->at, "'include' takes file names, found %s",
                       rn_node_show(item, shown));
        return NULL;
    }
    if (strstr(item->text, "${")) {
        rn_hint(rn_problem_add(&r->d->problems, item->at, "'include' cannot use ${...}"),
                "files are read before variables have values");
        return NULL;
    }
    if (item->text[0] == '/')
        return item->text;
    const char *base = rn_basename(item->at.path);
    return rn_arena_printf(&r->d->arena, "%.*s%s", (int)(base - item->at.path), item->at.path,
                           item->text);
}

static void lay_included(struct reading *r, struct rn_node *under, const struct rn_node *item)
{
    const char *path = included_path(r, item);
    struct rn_node *root = path ? read_file(r, path, item->at) : NULL;
    if (root)
        rn_merge_over(&r->d->tree, under, root, false);
    else
        r->incomplete = true;
}

/* The files that `root` names, laid over each other, and `root` over them. */
static struct rn_node *with_included(struct reading *r, struct rn_node *root)
{
    const struct rn_node *list = rn_node_get(root, "include");
    char shown[96];
    if (!list)
        return root;
    struct rn_node *under = rn_node_new(&r->d->tree, RN_NODE_MAP, root->at);
    if (!under)
        return root;
    if (list->kind == RN_NODE_LIST)
        for (size_t i = 0; i < list->n; i++)
            lay_included(r, under, list->entries[i].value);
    else if (list->kind != RN_NODE_NULL) {
        r->incomplete = true;
        rn_hint(rn_problem_add(&r->d->problems, list->at, "'include' takes a list, found %s",
                               rn_node_show(list, shown)),
                "write [%.100s]", list->text ? list->text : "FILE");
    }
    rn_node_remove(root, "include");
    rn_merge_over(&r->d->tree, under, root, false);
    return under;
}

/* --- one file --- */

static bool check_version(struct reading *r, const struct rn_node *root)
{
    const struct rn_node *version = rn_node_get(root, "runnel");
    struct rn_problems *problems = &r->d->problems;
    char shown[96];
    if (version && version->kind == RN_NODE_SCALAR && strcmp(version->text, "1") == 0)
        return true;
    if (!version && r->depth > 1)
        return true;
    if (!version)
        rn_hint(rn_problem_add(problems, root->at, "the format version is missing"),
                "begin the file with 'runnel: 1'");
    else
        rn_hint(rn_problem_add(problems, version->at, "format version %s is unknown",
                               version->text ? version->text : rn_node_show(version, shown)),
                "this program reads 'runnel: 1'");
    return false;
}

static struct rn_node *parse(struct reading *r, const char *path, const char *text, size_t n)
{
    struct rn_node *root = rn_yaml_parse(&r->d->tree, text, n, path);
    if (root && root->kind != RN_NODE_MAP) {
        rn_problem_add(&r->d->problems, root->at, "%s is a mapping",
                       r->depth > 1 ? "an included file" : "a pipeline file");
        return NULL;
    }
    return root && check_version(r, root) ? with_included(r, root) : NULL;
}

/* A file beside the one that is not there, with nearly its name. */
static void hint_file(struct rn_err *e, const char *path)
{
    char *dir = rn_dirname(path);
    DIR *d = opendir(dir);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {
        struct rn_nearest near = {.to = rn_basename(path)};
        rn_nearest_try(&near, entry->d_name);
        if (near.word)
            rn_hint(e, "did you mean %.*s%s?", (int)(rn_basename(path) - path), path,
                    entry->d_name);
    }
    if (d)
        closedir(d);
    free(dir);
}

static void tell_unreadable(struct reading *r, const char *path, struct rn_place at,
                            const char *why)
{
    struct rn_err *e = r->depth ? rn_problem_add(&r->d->problems, at, "%.200s: %s", path, why)
                                : rn_problem_add(&r->d->problems, at, "%s", why);
    if (!rn_exists(path))
        hint_file(e, path);
}

/* NULL after a problem. `told_at`: where a file that cannot be read is told. */
static struct rn_node *read_file(struct reading *r, const char *path, struct rn_place told_at)
{
    const char *name = canonical(r, path);
    struct rn_err why = {0};
    char *text;
    size_t n;
    if (!may_read(r, name, told_at))
        return NULL;
    if (!rn_utf8_valid(path, strlen(path))) { /* journal and resolved.yaml could not name it */
        tell_unreadable(r, path, told_at, "the file's name is not UTF-8");
        return NULL;
    }
    if (r->source->read(r->source->ctx, path, &text, &n, &why) != RN_OK) {
        tell_unreadable(r, path, told_at, why.msg);
        return NULL;
    }
    if (r->depth == 0)
        r->d->text = rn_arena_dup(&r->d->arena, text);
    r->chain[r->depth++] = name;
    r->n_files++;
    struct rn_node *root = parse(r, path, text, n);
    r->depth--;
    free(text);
    return root;
}

struct rn_document *rn_document_open(const char *path, const struct rn_document_source *source)
{
    struct rn_document *d = rn_new(struct rn_document);
    struct reading r = {.d = d, .source = source ? source : &disk};
    char *dir = rn_dirname(path);
    d->path = rn_arena_dup(&d->arena, path);
    d->dir = rn_arena_dup(&d->arena, dir);
    d->tree = (struct rn_tree){.arena = &d->arena, .problems = &d->problems};
    d->root = read_file(&r, d->path, RN_PATH(d->path));
    d->root = r.incomplete ? NULL : d->root;
    free(dir);
    return d;
}

void rn_document_free(struct rn_document *d)
{
    if (!d)
        return;
    rn_problems_release(&d->problems);
    rn_arena_release(&d->arena);
    free(d);
}
