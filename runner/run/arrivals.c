#include "arrivals.h"

#include "file.h"
#include "path.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 1000000 };

struct output {
    const char *name;
    struct rn_artifact_file *files; /* path NULL: not there yet */
    size_t n_files;
};

struct rn_arrivals {
    struct rn_arena arena;
    struct output *outputs;
    size_t n, cap;
};

static struct output *find(const struct rn_arrivals *all, const char *name)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (strcmp(all->outputs[i].name, name) == 0)
            return &all->outputs[i];
    return NULL;
}

static struct output *make(struct rn_arrivals *all, const char *name, int64_t count)
{
    struct output o = {.name = rn_arena_dup(&all->arena, name), .n_files = (size_t)count};
    o.files = rn_arena_alloc(&all->arena, o.n_files * sizeof *o.files);
    RN_PUSH(all->outputs, all->n, all->cap, o);
    return &all->outputs[all->n - 1];
}

static bool is_sound(const struct rn_arrival *a)
{
    return a->count > 0 && a->count <= FILES_MAX && a->index >= 0 && a->index < a->count &&
           a->size_bytes >= 0 && *a->name && !strchr(a->name, '/') && *a->path &&
           rn_sha256_is_hex(a->sha256);
}

void rn_arrivals_add(struct rn_arrivals **all, const struct rn_arrival *a)
{
    if (!is_sound(a))
        return;
    if (!*all)
        *all = rn_new(struct rn_arrivals);
    struct output *o = find(*all, a->output);
    if (!o)
        o = make(*all, a->output, a->count);
    if (a->count != (int64_t)o->n_files)
        return;
    struct rn_arena *arena = &(*all)->arena;
    o->files[a->index] = (struct rn_artifact_file){.name = rn_arena_dup(arena, a->name),
                                                   .path = rn_arena_dup(arena, a->path),
                                                   .size_bytes = a->size_bytes,
                                                   .sha256 = rn_arena_dup(arena, a->sha256)};
}

/* All of [first:end) are there, in the order in which the store will list them. */
static bool is_complete(const struct output *o, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (!o->files[i].path ||
            (i > first && rn_natural_order(o->files[i - 1].name, o->files[i].name) >= 0))
            return false;
    return first < end;
}

/* The output and the range that the edge asks for; NULL unless all of it is there. */
static const struct output *covered(const struct rn_arrivals *all, const struct rn_edge *edge,
                                    size_t *first, size_t *end)
{
    const struct output *o = find(all, edge->output);
    if (!o || edge->ref->first < 0)
        return NULL;
    *first = (size_t)edge->ref->first;
    *end = edge->ref->end < (int64_t)o->n_files ? (size_t)edge->ref->end : o->n_files;
    return is_complete(o, *first, *end) ? o : NULL;
}

bool rn_arrivals_cover(const struct rn_arrivals *all, const struct rn_edge *edge)
{
    size_t first, end;
    return covered(all, edge, &first, &end) != NULL;
}

const struct rn_artifact *rn_arrivals_artifact(const struct rn_arrivals *all, const char *kind,
                                               const struct rn_edge *edge, struct rn_arena *arena)
{
    size_t first, end;
    const struct output *o = covered(all, edge, &first, &end);
    if (!o)
        return NULL;
    struct rn_artifact *a = rn_arena_alloc(arena, sizeof *a);
    struct rn_artifact_file *files = rn_arena_alloc(arena, (end - first) * sizeof *files);
    memcpy(files, o->files + first, (end - first) * sizeof *files);
    char *dir = rn_dirname(files[0].path);
    *a = (struct rn_artifact){.kind = kind,
                              .name = edge->ref->text,
                              .dir = rn_arena_dup(arena, dir),
                              .digest = rn_files_digest(arena, files, end - first),
                              .files = files,
                              .n_files = end - first};
    free(dir);
    return a;
}

static int link_file(struct rn_artifact_file *f, const char *dir, struct rn_arena *arena,
                     struct rn_err *err)
{
    const char *path = rn_arena_printf(arena, "%s/%s", dir, f->name);
    char *target = realpath(f->path, NULL);
    int rc = RN_OK;
    if (!target || symlink(target, path) != 0)
        rc = rn_fail_errno(err, RN_PATH(target ? path : f->path), "cannot link");
    free(target);
    f->path = path;
    return rc;
}

int rn_arrivals_link(const struct rn_artifact **a, const char *dir, struct rn_arena *arena,
                     struct rn_err *err)
{
    struct rn_artifact *named = rn_arena_alloc(arena, sizeof *named);
    struct rn_artifact_file *files = rn_arena_alloc(arena, (*a)->n_files * sizeof *files);
    *named = **a;
    memcpy(files, (*a)->files, (*a)->n_files * sizeof *files);
    named->dir = rn_arena_dup(arena, dir);
    named->files = files;
    RN_TRY(rn_mkdirs(dir, err));
    for (size_t i = 0; i < named->n_files; i++)
        RN_TRY(link_file(&files[i], dir, arena, err));
    *a = named;
    return RN_OK;
}

void rn_arrivals_free(struct rn_arrivals *all)
{
    if (!all)
        return;
    rn_arena_release(&all->arena);
    free(all->outputs);
    free(all);
}
