#include "schema_value.h"

#include "nearest.h"

#include <stdio.h>
#include <string.h>

const char *const rn_key_class_words[] = {[RN_IDENTITY] = "identity",
                                          [RN_EXTEND] = "extend",
                                          [RN_NEUTRAL] = "neutral",
                                          [RN_SOURCE] = "source"};

size_t rn_key_item_bytes(const struct rn_key *key)
{
    return key->sub ? key->sub_bytes : rn_schema_bytes(key->item);
}

bool rn_key_absent_allowed(const struct rn_key *key)
{
    return key->def && (!*key->def || strcmp(key->def, "~") == 0);
}

static const struct rn_key *find(const struct rn_key *keys, const char *name)
{
    for (; keys && keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

const struct rn_key *rn_schema_row(const struct rn_key *keys, const char *path)
{
    const struct rn_key *row = NULL;
    char name[RN_NAME_MAX + 1];
    while (path && *path) {
        size_t n = strcspn(path, ".[");
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        row = find(keys, name);
        if (!row)
            return NULL;
        path += n;
        if (row->type == RN_T_MAP && *path == '.') /* the name a user chose */
            path += 1 + strcspn(path + 1, ".");
        if (*path == '[')
            path += strcspn(path, ".");
        path += *path == '.';
        keys = row->sub;
    }
    return row;
}

/* --- the path of the key at hand --- */

static size_t enter(struct rn_schema_pass *p, const char *name)
{
    size_t mark = p->path.n;
    rn_str_printf(&p->path, "%s%s", mark ? "." : "", name);
    return mark;
}

static size_t enter_item(struct rn_schema_pass *p, size_t i)
{
    size_t mark = p->path.n;
    rn_str_printf(&p->path, "[%zu]", i);
    return mark;
}

static void leave(struct rn_schema_pass *p, size_t mark)
{
    p->path.n = mark;
    p->path.p[mark] = '\0';
}

/* --- tables, lists, maps --- */

static void fill_parts(struct rn_schema_pass *p, const struct rn_part *parts, size_t n_parts,
                       const struct rn_node *map, struct rn_place at);

/* The mapping a scalar stands for: {shorthand: scalar}. */
static const struct rn_node *unfold(struct rn_schema_pass *p, const struct rn_key *key,
                                    const struct rn_node *node)
{
    if (!key->shorthand || node->kind != RN_NODE_SCALAR)
        return node;
    struct rn_node *map = rn_arena_alloc(p->f->arena, sizeof *map);
    struct rn_entry *entry = rn_arena_alloc(p->f->arena, sizeof *entry);
    struct rn_node *value = rn_arena_alloc(p->f->arena, sizeof *value);
    *value = *node;
    *entry = (struct rn_entry){key->shorthand, node->at, value};
    *map = (struct rn_node){
        .kind = RN_NODE_MAP, .bad = node->bad, .at = node->at, .entries = entry, .n = 1};
    return map;
}

static void fill_item(struct rn_schema_pass *p, const struct rn_key *key,
                      const struct rn_node *node, struct rn_place at, void *to)
{
    if (key->sub) {
        struct rn_part part = {key->sub, to};
        fill_parts(p, &part, 1, unfold(p, key, node), at);
    } else {
        rn_schema_set(p, key, key->item, node, to);
    }
}

static void set_list(struct rn_schema_pass *p, const struct rn_key *key, const struct rn_node *node,
                     void *to)
{
    if (node->kind != RN_NODE_LIST) {
        rn_schema_wrong_type(p, node, RN_T_LIST, NULL);
        return;
    }
    struct rn_list *list = to;
    size_t each = rn_key_item_bytes(key);
    list->n = node->n;
    list->items = rn_arena_alloc(p->f->arena, node->n * each);
    for (size_t i = 0; i < node->n; i++) {
        size_t mark = enter_item(p, i);
        const struct rn_node *item = node->entries[i].value;
        fill_item(p, key, item, item->at, (char *)list->items + i * each);
        leave(p, mark);
    }
}

static void set_map(struct rn_schema_pass *p, const struct rn_key *key, const struct rn_node *node,
                    void *to)
{
    if (node->kind != RN_NODE_MAP) {
        rn_schema_wrong_type(p, node, RN_T_MAP, NULL);
        return;
    }
    struct rn_map *map = to;
    size_t each = rn_key_item_bytes(key);
    map->n = node->n;
    map->names = rn_arena_alloc(p->f->arena, node->n * sizeof *map->names);
    map->items = rn_arena_alloc(p->f->arena, node->n * each);
    for (size_t i = 0; i < node->n; i++) {
        const struct rn_entry *e = &node->entries[i];
        size_t mark = enter(p, e->key);
        if (!rn_is_name(e->key))
            rn_problem_add(p->f->problems, e->at,
                           "'%.64s' is not a name: letters, digits, '_' and '-', 64 at most",
                           e->key);
        map->names[i] = rn_arena_dup(p->f->arena, e->key);
        fill_item(p, key, e->value, e->at, (char *)map->items + i * each);
        leave(p, mark);
    }
}

static void set_value(struct rn_schema_pass *p, const struct rn_key *key,
                      const struct rn_node *node, void *to)
{
    if (node->bad)
        return;
    if (key->type == RN_T_LIST)
        set_list(p, key, node, to);
    else if (key->type == RN_T_MAP)
        set_map(p, key, node, to);
    else
        rn_schema_set(p, key, key->type, node, to);
}

/* --- rows --- */

static void set_default(struct rn_schema_pass *p, const struct rn_key *key, struct rn_place at,
                        void *to)
{
    struct rn_node scalar = {.kind = RN_NODE_SCALAR, .style = RN_LOOSE, .at = at, .text = key->def};
    const struct rn_node *node = &scalar;
    if (key->type == RN_T_LIST || key->type == RN_T_MAP) {
        struct rn_tree tree = {.arena = p->f->arena, .problems = p->f->problems};
        node = rn_yaml_parse_value(&tree, key->def, at);
    }
    if (node)
        set_value(p, key, node, to);
}

static void missing(struct rn_schema_pass *p, const struct rn_key *key, struct rn_place at)
{
    struct rn_err *e =
        rn_problem_add(p->f->problems, at, "missing key '%s' in %s", p->path.p, p->f->what);
    if (key->doc)
        rn_hint(e, "%s: %s", key->name, key->doc);
}

static void fill_row(struct rn_schema_pass *p, const struct rn_key *key, void *base,
                     const struct rn_entry *entry, struct rn_place at)
{
    static const struct rn_node nothing = {.kind = RN_NODE_MAP};
    void *to = (char *)base + key->offset;
    const struct rn_node *node = entry ? entry->value : NULL;
    if (node && node->kind == RN_NODE_NULL && rn_key_absent_allowed(key))
        node = NULL;
    if (key->type == RN_T_TABLE) {
        struct rn_part part = {key->sub, base};
        fill_parts(p, &part, 1, node ? unfold(p, key, node) : &nothing, entry ? entry->at : at);
        return;
    }
    rn_schema_set_absent(key, to);
    if (node)
        set_value(p, key, node, to);
    else if (!key->def)
        missing(p, key, at);
    else if (!rn_key_absent_allowed(key))
        set_default(p, key, at, to);
}

/* The table that does hold `name`, when it was written one level too high. */
static const char *deeper(const struct rn_part *parts, size_t n_parts, const char *name)
{
    for (size_t i = 0; i < n_parts; i++)
        for (const struct rn_key *k = parts[i].keys; k->name; k++)
            if (k->type == RN_T_TABLE && find(k->sub, name))
                return k->name;
    return NULL;
}

static void hint_known(const struct rn_part *parts, size_t n_parts, const char *name,
                       struct rn_err *e)
{
    struct rn_nearest near = {.to = name};
    struct rn_str all = {0};
    for (size_t i = 0; i < n_parts; i++)
        for (const struct rn_key *k = parts[i].keys; k->name; k++) {
            rn_nearest_try(&near, k->name);
            rn_str_printf(&all, "%s%s", all.n ? ", " : "", k->name);
        }
    const char *table = deeper(parts, n_parts, name);
    if (table)
        rn_hint(e, "did you mean '%s.%s'?", table, name);
    else if (!rn_hint_near(e, near.word) && all.n)
        rn_hint(e, "known keys: %s", all.p);
    rn_str_release(&all);
}

static void refuse_unknown(struct rn_schema_pass *p, const struct rn_part *parts, size_t n_parts,
                           const struct rn_entry *entry)
{
    for (size_t i = 0; i < n_parts; i++)
        if (find(parts[i].keys, entry->key))
            return;
    struct rn_err *e =
        rn_problem_add(p->f->problems, entry->at, "unknown key '%s%s%.64s' in %s",
                       p->path.n ? p->path.p : "", p->path.n ? "." : "", entry->key, p->f->what);
    hint_known(parts, n_parts, entry->key, e);
}

static void fill_parts(struct rn_schema_pass *p, const struct rn_part *parts, size_t n_parts,
                       const struct rn_node *map, struct rn_place at)
{
    if (map->bad)
        return;
    if (map->kind != RN_NODE_MAP) {
        rn_schema_wrong_type(p, map, RN_T_TABLE, NULL);
        return;
    }
    for (size_t i = 0; i < map->n; i++)
        refuse_unknown(p, parts, n_parts, &map->entries[i]);
    for (size_t i = 0; i < n_parts; i++)
        for (const struct rn_key *k = parts[i].keys; k->name; k++) {
            size_t mark = enter(p, k->name);
            fill_row(p, k, parts[i].into, rn_node_entry(map, k->name), at);
            leave(p, mark);
        }
}

void rn_schema_fill(struct rn_fill *f, const struct rn_part *parts, size_t n_parts,
                    const struct rn_node *map, struct rn_place at)
{
    struct rn_schema_pass p = {.f = f};
    rn_str_puts(&p.path, "");
    fill_parts(&p, parts, n_parts, map, at);
    rn_str_release(&p.path);
}
