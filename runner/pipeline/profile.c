#include "profile.h"

#include "merge.h"
#include "str.h"

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

void rn_profile_lay(struct rn_loading *l, const char *name)
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
    rn_merge_over(&l->tree, l->root, profile, true);
}
