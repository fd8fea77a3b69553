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
        words[n++] = map->entries[i].key;
    words[n] = NULL;
    return rn_nearest(key, words);
}

static void unknown(struct rn_loading *l, struct rn_place at, const char *what, const char *name,
                    const struct rn_node *among)
{
    struct rn_err *e = rn_problem_add(&l->problems, at, "%s '%.64s'", what, name);
    const char *near = nearest_key(among, name);
    if (near)
        rn_hint(e, "did you mean '%s'?", near);
}

static void mark_origin(struct rn_node *node, const char *origin)
{
    node->origin = origin;
    for (size_t i = 0; i < node->n; i++)
        mark_origin(node->entries[i].value, origin);
}

/* --- profiles --- */

static void remove_key(struct rn_loading *l, struct rn_node *into, const struct rn_entry *e)
{
    if (!rn_node_entry(into, e->key))
        unknown(l, e->at, "null removes a key, but there is no", e->key, into);
    rn_node_remove(into, e->key);
}

static void merge(struct rn_loading *l, struct rn_node *into, const struct rn_node *from)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct rn_entry *e = &from->entries[i];
        struct rn_node *old = rn_node_get(into, e->key);
        bool maps = old && old->kind == RN_NODE_MAP && e->value->kind == RN_NODE_MAP;
        if (e->value->kind == RN_NODE_NULL)
            remove_key(l, into, e);
        else if (maps)
            merge(l, old, e->value);
        else
            rn_node_put(&l->tree, into, e->key, e->at, e->value);
    }
}

void rn_merge_profile(struct rn_loading *l, const char *name)
{
    static const char *const fixed[] = {"runnel", "profiles", "include", "matrix"};
    const struct rn_node *all = rn_node_get(l->root, "profiles");
    struct rn_node *profile = rn_node_get(all, name);
    if (!profile) {
        unknown(l, RN_PATH(RN_COMMAND_LINE), "the file has no profile", name, all);
        return;
    }
    if (profile->kind == RN_NODE_NULL)
        return;
    if (profile->kind != RN_NODE_MAP) {
        rn_problem_add(&l->problems, profile->at, "profile '%s' must be a mapping", name);
        return;
    }
    for (size_t i = 0; i < RN_COUNT(fixed); i++)
        if (rn_node_entry(profile, fixed[i])) {
            rn_problem_add(&l->problems, rn_node_entry(profile, fixed[i])->at,
                           "a profile cannot set '%s'", fixed[i]);
            rn_node_remove(profile, fixed[i]);
        }
    mark_origin(profile, rn_arena_printf(l->tree.arena, "profile %s", name));
    merge(l, l->root, profile);
}

/* --- overrides --- */

/* The map an override's first words name, and the rest of its path. */
static struct rn_node *start_map(struct rn_loading *l, const char *path, const char **rest)
{
    static const char *const top[] = {"vars.", "stages."};
    for (size_t i = 0; i < RN_COUNT(top); i++)
        if (rn_starts_with(path, top[i])) {
            char key[16];
            snprintf(key, sizeof key, "%.*s", (int)strlen(top[i]) - 1, top[i]);
            *rest = path + strlen(top[i]);
            return rn_node_get(l->root, key);
        }
    *rest = path;
    if (strcmp(path, "name") == 0 || strcmp(path, "tag") == 0)
        return l->root;
    return rn_node_get(l->root, "stages");
}

/* Goes down one step, making the mapping where there is none; NULL after a problem. */
static struct rn_node *descend(struct rn_loading *l, struct rn_node *map, const char *step,
                               struct rn_place at)
{
    struct rn_node *next = rn_node_get(map, step);
    if (next && next->kind == RN_NODE_MAP)
        return next;
    if (next && next->kind != RN_NODE_NULL) {
        rn_problem_add(&l->problems, at, "'%.64s' is no mapping: set it as a whole", step);
        return NULL;
    }
    next = rn_node_new(&l->tree, RN_NODE_MAP, at);
    if (next)
        rn_node_put(&l->tree, map, rn_arena_dup(l->tree.arena, step), at, next);
    return next;
}

static void set_path(struct rn_loading *l, struct rn_node *map, char *path, struct rn_node *value)
{
    struct rn_place at = value->at;
    for (char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        *dot = '\0';
        map = descend(l, map, path, at);
        if (!map)
            return;
    }
    if (value->kind == RN_NODE_NULL)
        remove_key(l, map, &(struct rn_entry){path, at, value});
    else
        rn_node_put(&l->tree, map, path, at, value);
}

/* The first word must exist: a new variable or stage from the command line is a typing error. */
static bool known_start(struct rn_loading *l, const struct rn_node *map, const char *path,
                        const char *rest, struct rn_place at)
{
    char first[80];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(rest, "."), rest);
    if (map == l->root || rn_node_entry(map, first))
        return true;
    bool var = rn_starts_with(path, "vars.");
    unknown(l, at, var ? "the file has no variable" : "the file has no stage", first, map);
    return false;
}

/* Where the override's value goes: a map and the path below it; NULL after a problem. */
static struct rn_node *find_start(struct rn_loading *l, const char *path, const char **rest,
                                  struct rn_place at)
{
    struct rn_node *map = start_map(l, path, rest);
    if (!map || map->kind != RN_NODE_MAP) {
        rn_problem_add(&l->problems, at, "the file has nothing of that name");
        return NULL;
    }
    if (!known_start(l, map, path, *rest, at))
        return NULL;
    if (map != l->root && !strchr(*rest, '.') && !rn_starts_with(path, "vars.")) {
        rn_hint(rn_problem_add(&l->problems, at, "'%.64s' is a stage, not a key", *rest),
                "write %.64s.KEY=value", *rest);
        return NULL;
    }
    return map;
}

void rn_merge_override(struct rn_loading *l, const char *text)
{
    struct rn_arena *arena = l->tree.arena;
    struct rn_place at = RN_PATH(rn_arena_printf(arena, RN_COMMAND_LINE ": %.100s", text));
    const char *equals = strchr(text, '='), *rest;
    if (!equals || equals == text || strcspn(text, "[] \t") < (size_t)(equals - text)) {
        rn_hint(rn_problem_add(&l->problems, at, "not an override"), "write key.path=value");
        return;
    }
    char *path = rn_arena_printf(arena, "%.*s", (int)(equals - text), text);
    struct rn_node *map = find_start(l, path, &rest, at);
    if (!map)
        return;
    struct rn_node *value = equals[1] ? rn_yaml_parse_value(&l->tree, equals + 1, at)
                                      : rn_node_new(&l->tree, RN_NODE_NULL, at);
    if (!value)
        return;
    mark_origin(value, RN_COMMAND_LINE);
    set_path(l, map, path + (rest - path), value);
}
