#include "yaml_tree.h"

#include "str.h"

#include <stdlib.h>
#include <string.h>

struct rn_node *rn_node_new(struct rn_tree *t, enum rn_node_kind kind, struct rn_place at)
{
    if (t->full || t->n_nodes >= RN_YAML_NODES) {
        if (!t->full)
            rn_hint(rn_problem_add(t->problems, at, "more than %d nodes", RN_YAML_NODES),
                    "an alias or a variable that repeats a large value?");
        t->full = true;
        return NULL;
    }
    t->n_nodes++;
    struct rn_node *node = rn_arena_alloc(t->arena, sizeof *node);
    node->kind = kind;
    node->at = at;
    return node;
}

struct rn_entry *rn_node_entry(const struct rn_node *map, const char *key)
{
    if (!map || map->kind != RN_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->entries[i].key, key) == 0)
            return &map->entries[i];
    return NULL;
}

struct rn_node *rn_node_get(const struct rn_node *map, const char *key)
{
    struct rn_entry *e = rn_node_entry(map, key);
    return e ? e->value : NULL;
}

void rn_node_append(struct rn_tree *t, struct rn_node *node, struct rn_entry entry)
{
    if (entry.key && node->n >= RN_YAML_KEYS) {
        if (!t->full)
            rn_problem_add(t->problems, entry.at, "more than %d keys in one mapping", RN_YAML_KEYS);
        t->full = true;
        return;
    }
    if (node->n == node->cap) {
        size_t cap = node->cap ? node->cap * 2 : 8;
        struct rn_entry *more = rn_arena_alloc(t->arena, cap * sizeof *more);
        if (node->n)
            memcpy(more, node->entries, node->n * sizeof *more);
        node->entries = more;
        node->cap = cap;
    }
    node->entries[node->n++] = entry;
}

void rn_node_put(struct rn_tree *t, struct rn_node *node, const char *key, struct rn_place at,
                 struct rn_node *value)
{
    struct rn_entry *old = key ? rn_node_entry(node, key) : NULL;
    if (old)
        *old = (struct rn_entry){old->key, at, value};
    else
        rn_node_append(t, node, (struct rn_entry){key, at, value});
}

void rn_node_drop(struct rn_node *node, size_t i)
{
    RN_ASSERT(i < node->n);
    memmove(&node->entries[i], &node->entries[i + 1], (node->n - i - 1) * sizeof *node->entries);
    node->n--;
}

void rn_node_remove(struct rn_node *map, const char *key)
{
    struct rn_entry *e = rn_node_entry(map, key);
    if (e)
        rn_node_drop(map, (size_t)(e - map->entries));
}

static struct rn_node *copy(struct rn_tree *t, const struct rn_node *node, int depth)
{
    if (depth > RN_YAML_DEPTH) {
        if (!t->full)
            rn_problem_add(t->problems, node->at, "nested more than %d deep", RN_YAML_DEPTH);
        t->full = true;
        return NULL;
    }
    struct rn_node *to = rn_node_new(t, node->kind, node->at);
    if (!to)
        return NULL;
    *to = *node;
    to->entries = NULL;
    to->n = to->cap = 0;
    for (size_t i = 0; i < node->n; i++) {
        struct rn_entry e = node->entries[i];
        e.value = copy(t, e.value, depth + 1);
        if (!e.value)
            return NULL;
        rn_node_append(t, to, e);
    }
    return to;
}

struct rn_node *rn_node_copy(struct rn_tree *t, const struct rn_node *node)
{
    return copy(t, node, 1);
}

/* Takes "name" or "[3]" off the front of a path; returns what follows, NULL at the end. */
static const char *next_step(const char *path, char step[128])
{
    size_t n = path[0] == '[' ? strcspn(path, "]") + 1 : strcspn(path, ".[");
    snprintf(step, 128, "%.*s", (int)n, path);
    if (strlen(path) <= n)
        return NULL;
    return path[n] == '.' ? path + n + 1 : path + n;
}

const struct rn_node *rn_node_near(const struct rn_node *node, const char *path,
                                   struct rn_place *key_at)
{
    char step[128];
    while (node && path && *path) {
        path = next_step(path, step);
        if (step[0] == '[') {
            size_t i = strtoul(step + 1, NULL, 10);
            if (node->kind != RN_NODE_LIST || i >= node->n)
                return node;
            node = node->entries[i].value;
            *key_at = node->at;
            continue;
        }
        const struct rn_entry *e = rn_node_entry(node, step);
        if (!e)
            return node;
        *key_at = e->at;
        node = e->value;
    }
    return node;
}

bool rn_looks_bool(const char *s)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
    for (size_t i = 0; i < RN_COUNT(words); i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

bool rn_looks_number(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t digits = strspn(s, "0123456789_"), fraction = 0;
    const char *p = s + digits;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789_");
        p += 1 + fraction;
    }
    if (digits + fraction == 0 || *s == '_')
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        size_t n = strspn(p, "0123456789");
        if (!n)
            return false;
        p += n;
    }
    return *p == '\0';
}

const char *rn_node_show(const struct rn_node *node, char buf[96])
{
    static const char *const names[] = {
        [RN_NODE_NULL] = "nothing", [RN_NODE_LIST] = "a list", [RN_NODE_MAP] = "a mapping"};
    if (node->kind != RN_NODE_SCALAR) {
        snprintf(buf, 96, "%s", names[node->kind]);
        return buf;
    }
    const char *dots = strlen(node->text) > 60 ? "..." : "";
    bool quoted = node->style == RN_QUOTED;
    if (!quoted && rn_looks_bool(node->text))
        snprintf(buf, 96, "%s", node->text);
    else if (!quoted && rn_looks_number(node->text))
        snprintf(buf, 96, "the number %.60s%s", node->text, dots);
    else
        snprintf(buf, 96, "%s%.60s%s%s", quoted ? "the text \"" : "'", node->text, dots,
                 quoted ? "\"" : "'");
    return buf;
}
