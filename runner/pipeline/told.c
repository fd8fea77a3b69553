#include "told.h"

#include "filled.h"
#include "loading.h"
#include "origins.h"
#include "watch.h"

#include <stdlib.h>

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

const json_t *rn_pipeline_origins(const struct rn_pipeline *p)
{
    struct rn_told *t = p->told;
    if (!t)
        return NULL;
    if (!t->origins)
        t->origins = rn_origins(p);
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
