#include "loader.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct rn_loader {
    const struct rn_loader_kind *kind;
    void *self;
};

struct rn_loader *rn_loader_new(const struct rn_loader_kind *kind, void *self)
{
    struct rn_loader *l = rn_new(struct rn_loader);
    l->kind = kind;
    l->self = self;
    return l;
}

const char *rn_loader_name(const struct rn_loader *l)
{
    return l->kind->name;
}

int rn_loader_next(struct rn_loader *l, int32_t *x, int32_t *y, struct rn_err *err)
{
    return l->kind->next(l->self, x, y, err);
}

json_t *rn_loader_state(const struct rn_loader *l)
{
    json_t *state = l->kind->state(l->self);
    json_object_set_new(state, "loader", json_string(l->kind->name));
    return state;
}

int rn_loader_restore(struct rn_loader *l, const json_t *state, struct rn_err *err)
{
    const char *name = rn_json_str(state, "loader", "");
    if (strcmp(name, l->kind->name))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "loader state is of a '%.40s' loader, this one is '%s'", name,
                       l->kind->name);
    return l->kind->restore(l->self, state, err);
}

int64_t rn_loader_epoch(const struct rn_loader *l)
{
    return l->kind->epoch(l->self);
}

void rn_loader_free(struct rn_loader *l)
{
    if (!l)
        return;
    l->kind->free(l->self);
    free(l);
}
