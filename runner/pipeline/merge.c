#include "merge.h"

#include "nearest.h"
#include "problems.h"

#include <string.h>

struct rn_err *rn_merge_unknown(struct rn_problems *problems, struct rn_place at, const char *what,
                                const char *name, const struct rn_node *among)
{
    struct rn_err *e = rn_problem_add(problems, at, "%s '%.64s'", what, name);
    struct rn_nearest near = {.to = name};
    for (size_t i = 0; among && i < among->n; i++)
        if (among->entries[i].key)
            rn_nearest_try(&near, among->entries[i].key);
    rn_hint_near(e, near.word);
    return e;
}

void rn_merge_over(struct rn_tree *t, struct rn_node *into, const struct rn_node *from, bool strict)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct rn_entry *e = &from->entries[i];
        struct rn_node *old = rn_node_get(into, e->key);
        if (e->value->kind == RN_NODE_NULL && old)
            rn_node_remove(into, e->key);
        else if (e->value->kind == RN_NODE_NULL && strict)
            rn_merge_unknown(t->problems, e->at, "null removes a key, but there is no", e->key,
                             into);
        else if (old && old->kind == RN_NODE_MAP && e->value->kind == RN_NODE_MAP)
            rn_merge_over(t, old, e->value, strict);
        else
            rn_node_put(t, into, e->key, e->at, e->value);
    }
}
