#include "told.h"

#include "filled.h"
#include "loading.h"
#include "path.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

struct rn_told {
    json_t *origins;
    json_t **resolved; /* one per stage */
};

struct rn_told *rn_told_new(const struct rn_pipeline *p)
{
    struct rn_told *t = rn_new(struct rn_told);
    t->resolved = rn_xalloc((p->n_stages + 1) * sizeof(json_t *));
    return t;
}

/* --- every value --- */

/* A rule that is off has nothing to say, and could not be read back without its bound. */
static void drop_rules(json_t *common, const struct rn_watch *w)
{
    json_t *watch = json_object_get(common, "watch");
    if (!(w->spike_factor > 0))
        json_object_del(watch, "spike");
    if (!(w->floor_min > 0))
        json_object_del(watch, "floor");
    if (!rn_watch_is_on(w))
        json_object_del(common, "watch");
}

static json_t *resolve(const struct rn_pstage *s)
{
    json_t *common = rn_filled_json(rn_common_keys, s->common);
    json_t *own = rn_filled_json(s->stage->keys, s->cfg);
    drop_rules(common, &s->watch);
    json_t *all = json_pack("{s:s}", "kind", s->stage->kind); /* first, as people write it */
    json_object_update(all, own);
    json_object_update(all, common);
    json_decref(own);
    json_decref(common);
    return all;
}

const json_t *rn_pipeline_resolved(const struct rn_pipeline *p, const struct rn_pstage *s)
{
    if (!p->told)
        return NULL;
    json_t **slot = &p->told->resolved[s - p->stages];
    if (!*slot)
        *slot = resolve(s);
    return *slot;
}

/* --- where it comes from --- */

struct walk {
    const struct rn_pipeline *p;
    const struct rn_node *stage;
    struct rn_str path; /* "base.horizon.steps" */
    size_t prefix;      /* length of "base." */
    json_t *out;
};

/* The pipeline file by its name, an included one as seen from it. */
const char *rn_told_file(const struct rn_pipeline *p, const char *path)
{
    size_t n = strlen(p->dir);
    if (strcmp(path, p->path) == 0)
        return rn_basename(path);
    return strncmp(path, p->dir, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

/* Also resolved.yaml's comments, so it is written once: here. */
static json_t *origin_text(const struct walk *w, const struct rn_node *node)
{
    const char *via = node->via ? node->via : "", *from = node->via ? " from " : "";
    if (node->origin)
        return json_sprintf("%s%s%s", node->origin, from, via);
    return json_sprintf("%s:%d%s%s", rn_told_file(w->p, node->at.path), node->at.line, from, via);
}

/* A mapping or nothing where a value should be: the value is a default. */
static json_t *origin(const struct walk *w)
{
    struct rn_place ignored;
    const struct rn_node *node = rn_node_near(w->stage, w->path.p + w->prefix, &ignored);
    bool given = node != w->stage && node->kind != RN_NODE_NULL && node->kind != RN_NODE_MAP;
    bool inside_list = node->kind == RN_NODE_LIST && w->path.p[w->path.n - 1] == ']';
    return given && !inside_list ? origin_text(w, node) : json_string("default");
}

static void walk(struct walk *w, const json_t *value)
{
    size_t mark = w->path.n, i;
    const char *key;
    json_t *v;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, v)
        {
            rn_str_printf(&w->path, ".%s", key);
            walk(w, v);
            w->path.n = mark;
        }
    } else if (json_is_array(value) && json_array_size(value)) {
        json_array_foreach((json_t *)value, i, v)
        {
            rn_str_printf(&w->path, "[%zu]", i);
            walk(w, v);
            w->path.n = mark;
        }
    } else if (!json_is_null(value)) {
        w->path.p[w->path.n] = '\0';
        json_object_set_new(w->out, w->path.p, origin(w));
    }
}

static json_t *origins_of(const struct rn_pipeline *p)
{
    struct walk w = {.p = p, .out = json_object()};
    for (size_t i = 0; i < p->n_stages; i++) {
        rn_str_clear(&w.path);
        rn_str_puts(&w.path, p->stages[i].name);
        w.prefix = w.path.n + 1;
        w.stage = p->stages[i].node;
        walk(&w, rn_pipeline_resolved(p, &p->stages[i]));
    }
    rn_str_release(&w.path);
    return w.out;
}

const json_t *rn_pipeline_origins(const struct rn_pipeline *p)
{
    struct rn_told *t = p->told;
    if (!t)
        return NULL;
    if (!t->origins)
        t->origins = origins_of(p);
    return t->origins;
}

void rn_told_free(struct rn_pipeline *p)
{
    if (!p->told)
        return;
    for (size_t i = 0; i < p->n_stages; i++)
        json_decref(p->told->resolved[i]);
    json_decref(p->told->origins);
    free(p->told->resolved);
    free(p->told);
}
