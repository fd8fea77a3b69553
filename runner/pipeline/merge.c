#include "merge.h"

#include "str.h"

#include <string.h>

enum { WORDS_MAX = 256 };

/* Keys of a map for 'did you mean'. */
static const char *nearest_key(const struct rn_node *map, const char *key)
{
    const char *words[WORDS_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; map && i < map->n && n < WORDS_MAX; i++)
        if (map->entries[i].key)
            words[n++] = map->entries[i].key;
    words[n] = NULL;
    return rn_nearest(key, words);
}

struct rn_err *rn_merge_unknown(struct rn_problems *problems, struct rn_place at, const char *what,
                                const char *name, const struct rn_node *among)
{
    struct rn_err *e = rn_problem_add(problems, at, "%s '%.64s'", what, name);
    const char *near = nearest_key(among, name);
    if (near)
        rn_hint(e, "did you mean '%s'?", near);
    return e;
}

static void merge(struct rn_tree *t, struct rn_node *into, const struct rn_node *from, bool strict)
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
            merge(t, old, e->value, strict);
        else
            rn_node_put(t, into, e->key, e->at, e->value);
    }
}

void rn_merge_over(struct rn_tree *t, struct rn_node *into, const struct rn_node *from)
{
    merge(t, into, from, false);
}

/* --- profiles --- */

static void mark_origin(struct rn_node *node, const char *origin)
{
    node->origin = origin;
    for (size_t i = 0; i < node->n; i++)
        mark_origin(node->entries[i].value, origin);
}

static void refuse_fixed(struct rn_loading *l, struct rn_node *profile)
{
    static const char *const fixed[] = {"runnel", "profiles", "include", "matrix"};
    for (size_t i = 0; i < RN_COUNT(fixed); i++)
        if (rn_node_entry(profile, fixed[i])) {
            rn_problem_add(&l->problems, rn_node_entry(profile, fixed[i])->at,
                           "a profile cannot set '%s'", fixed[i]);
            rn_node_remove(profile, fixed[i]);
        }
}

static void tell_no_profile(struct rn_loading *l, const char *name, const struct rn_node *all)
{
    struct rn_str known = {0};
    struct rn_err *e = rn_merge_unknown(&l->problems, RN_PATH(RN_COMMAND_LINE),
                                        "the file has no profile", name, all);
    for (size_t i = 0; all && all->kind == RN_NODE_MAP && i < all->n && known.n < 200; i++)
        rn_str_printf(&known, "%s%.64s", i ? ", " : "it has ", all->entries[i].key);
    rn_hint(e, "%s", known.n ? known.p : "it has none: go without -p");
    rn_str_release(&known);
}

void rn_merge_profile(struct rn_loading *l, const char *name)
{
    const struct rn_node *all = rn_node_get(l->root, "profiles");
    struct rn_node *profile = rn_node_get(all, name);
    if (!profile) {
        tell_no_profile(l, name, all);
        return;
    }
    if (profile->kind == RN_NODE_NULL)
        return;
    if (profile->kind != RN_NODE_MAP) {
        rn_problem_add(&l->problems, profile->at, "profile '%s' must be a mapping", name);
        return;
    }
    refuse_fixed(l, profile);
    mark_origin(profile, rn_arena_printf(l->tree.arena, "profile %s", name));
    merge(&l->tree, l->root, profile, true);
}
