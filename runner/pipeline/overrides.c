#include "overrides.h"

#include "merge.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 32, ITEM_NONE = -1 };

struct step {
    const char *key; /* NULL: an item of a list */
    long item;
};

struct key { /* "base.betas[0]" is {stages} {base} {betas} {[0]} */
    struct step steps[STEPS_MAX];
    size_t n;
};

enum action { SET, ADD, REMOVE };

struct override {
    struct rn_loading *l;
    struct rn_place at;
    enum action action;
    struct key key;
    struct rn_node *value; /* NULL: REMOVE */
};

/* --- keys --- */

static bool push(struct key *k, const char *name, long item)
{
    if (k->n == STEPS_MAX)
        return false;
    k->steps[k->n++] = (struct step){name, item};
    return true;
}

/* "[12]" at p; past it, NULL if it is none. */
static const char *read_item(struct key *k, const char *p)
{
    char *end;
    size_t digits = strspn(p + 1, "0123456789");
    long item = strtol(p + 1, &end, 10);
    return digits && digits < 7 && *end == ']' && push(k, NULL, item) ? end + 1 : NULL;
}

static const char *read_name(struct key *k, const char *p, struct rn_arena *arena)
{
    size_t n = strcspn(p, ".[] \t=");
    return n && push(k, rn_arena_printf(arena, "%.*s", (int)n, p), ITEM_NONE) ? p + n : NULL;
}

static bool begins_with(const char *p, const char *name)
{
    size_t n = strlen(name);
    return strncmp(p, name, n) == 0 && strchr(".[", p[n]);
}

static bool is_top(const char *p)
{
    static const char *const top[] = {"vars", "stages", "name", "tag"};
    for (size_t i = 0; i < RN_COUNT(top); i++)
        if (begins_with(p, top[i]))
            return true;
    for (const struct rn_key *key = rn_whole_keys; key->name; key++)
        if (begins_with(p, key->name))
            return true;
    return false;
}

/* Short forms are written out: everything that is not top level belongs to a stage. */
static bool read_key(struct key *k, const char *p, struct rn_arena *arena)
{
    k->n = 0;
    if (!is_top(p))
        push(k, "stages", ITEM_NONE);
    p = read_name(k, p, arena);
    while (p && *p)
        p = *p == '[' ? read_item(k, p) : *p == '.' ? read_name(k, p + 1, arena) : NULL;
    return p != NULL;
}

/* "urls[2]", as far as step i */
static const char *show(const struct override *o, size_t i, char buf[160])
{
    const struct step *s = &o->key.steps[i];
    if (s->key)
        snprintf(buf, 160, "%.100s", s->key);
    else
        snprintf(buf, 160, "%.100s[%ld]",
                 i && o->key.steps[i - 1].key ? o->key.steps[i - 1].key : "", s->item);
    return buf;
}

/* --- finding --- */

/* Index of a step's entry, ITEM_NONE if there is none. */
static long find(const struct rn_node *node, const struct step *s)
{
    if (s->key) {
        const struct rn_entry *e = rn_node_entry(node, s->key);
        return e ? e - node->entries : ITEM_NONE;
    }
    return s->item < (long)node->n ? s->item : ITEM_NONE;
}

/* Is the node what a step goes into? Told if not. */
static bool fits(struct override *o, const struct rn_node *node, size_t i)
{
    bool list = !o->key.steps[i].key;
    char shown[160];
    if (node->kind == (list ? RN_NODE_LIST : RN_NODE_MAP))
        return true;
    rn_hint(rn_problem_add(&o->l->problems, o->at, "'%s' is no %s", i ? show(o, i - 1, shown) : "",
                           list ? "list" : "mapping"),
            "set it as a whole");
    return false;
}

/* Below `vars` and `stages` stand names that the file gives; every other key the schema knows. */
static bool holds_names(const struct override *o)
{
    const char *first = o->key.steps[0].key;
    return strcmp(first, "vars") == 0 || strcmp(first, "stages") == 0;
}

static void tell_lacking(struct override *o, const struct rn_node *node, size_t i)
{
    const struct step *s = &o->key.steps[i];
    bool top = i == 1 && holds_names(o);
    bool var = top && strcmp(o->key.steps[0].key, "vars") == 0;
    char shown[160];
    if (!s->key) {
        struct rn_err *e = rn_problem_add(&o->l->problems, o->at, "'%s': the list has %zu item%s",
                                          show(o, i, shown), node->n, node->n == 1 ? "" : "s");
        if (o->action == SET && i + 1 == o->key.n)
            rn_hint(e, "+%s[%zu]=value appends one", i ? show(o, i - 1, shown) : "", node->n);
        return;
    }
    const char *what = !top  ? "there is no key"
                       : var ? "the file has no variable"
                             : "the file has no stage";
    struct rn_err *e = rn_merge_unknown(&o->l->problems, o->at, what, s->key, node);
    const struct rn_node *vars = rn_node_get(o->l->root, "vars");
    if (top && !var && o->key.n == 2 && rn_node_entry(vars, s->key))
        rn_hint(e, "did you mean vars.%s?", s->key);
    if (var && o->at.line)
        rn_hint(e, "give it a value under 'vars'");
    else if (var && o->action == SET)
        rn_hint(e, "+vars.%s=value adds it", s->key);
}

/* May a step that leads nowhere be made on the way? */
static bool may_make(const struct override *o, size_t i)
{
    bool map = o->key.steps[i].key && o->key.steps[i + 1].key;
    return map && o->action != REMOVE && (i != 1 || !holds_names(o) || o->action == ADD);
}

/* Goes down step i, making the mapping where there is none; NULL after a problem. */
static struct rn_node *descend(struct override *o, struct rn_node *node, size_t i)
{
    const struct step *s = &o->key.steps[i];
    struct rn_tree *t = &o->l->tree;
    if (!fits(o, node, i))
        return NULL;
    long at = find(node, s);
    if (at != ITEM_NONE && node->entries[at].value->kind != RN_NODE_NULL)
        return node->entries[at].value;
    if (at == ITEM_NONE && i > 0 && !may_make(o, i)) {
        tell_lacking(o, node, i);
        return NULL;
    }
    struct rn_node *made = rn_node_new(t, RN_NODE_MAP, o->at);
    if (made && at != ITEM_NONE)
        node->entries[at].value = made;
    else if (made)
        rn_node_append(t, node, (struct rn_entry){s->key, o->at, made});
    return made;
}

/* --- changing --- */

static void put(struct override *o, struct rn_node *node, const struct step *s, long at)
{
    if (at == ITEM_NONE)
        rn_node_append(&o->l->tree, node, (struct rn_entry){s->key, o->at, o->value});
    else
        node->entries[at] = (struct rn_entry){node->entries[at].key, o->at, o->value};
}

static void add(struct override *o, struct rn_node *node, size_t last, long at)
{
    const struct step *s = &o->key.steps[last];
    char shown[160];
    if (at != ITEM_NONE)
        rn_hint(
            rn_problem_add(&o->l->problems, o->at, "'%s' is there already", show(o, last, shown)),
            "without the '+' it is changed");
    else if (!s->key && s->item > (long)node->n)
        tell_lacking(o, node, last);
    else
        put(o, node, s, at);
}

static void set(struct override *o, struct rn_node *node, size_t last, long at)
{
    const struct step *s = &o->key.steps[last];
    bool null = o->value->kind == RN_NODE_NULL, name = last == 1 && holds_names(o);
    bool stage = name && strcmp(o->key.steps[0].key, "stages") == 0;
    if (at == ITEM_NONE && (null || name || !s->key))
        tell_lacking(o, node, last);
    else if (null)
        rn_node_drop(node, (size_t)at);
    else if (stage && o->value->kind != RN_NODE_MAP)
        rn_hint(rn_problem_add(&o->l->problems, o->at, "'%.64s' is a stage, not a key", s->key),
                "write %.64s.KEY=value", s->key);
    else
        put(o, node, s, at);
}

static void apply(struct override *o)
{
    struct rn_node *node = o->l->root;
    size_t last = o->key.n - 1;
    for (size_t i = 0; i < last; i++)
        if (!(node = descend(o, node, i)))
            return;
    if (!fits(o, node, last))
        return;
    if (last == 0 && holds_names(o)) {
        rn_hint(
            rn_problem_add(&o->l->problems, o->at, "'%s' is no single value", o->key.steps[0].key),
            "write the path of a key, such as STAGE.KEY or vars.NAME");
        return;
    }
    long at = find(node, &o->key.steps[last]);
    if (o->action == ADD)
        add(o, node, last, at);
    else if (o->action == SET)
        set(o, node, last, at);
    else if (at == ITEM_NONE)
        tell_lacking(o, node, last);
    else
        rn_node_drop(node, (size_t)at);
}

/* --- texts --- */

static void mark_origin(struct rn_node *node)
{
    node->origin = RN_COMMAND_LINE;
    for (size_t i = 0; i < node->n; i++)
        mark_origin(node->entries[i].value);
}

static struct rn_node *read_value(struct override *o, const char *text)
{
    struct rn_node *value = *text ? rn_yaml_parse_value(&o->l->tree, text, o->at)
                                  : rn_node_new(&o->l->tree, RN_NODE_NULL, o->at);
    if (value)
        mark_origin(value);
    return value;
}

static bool read_override(struct override *o, const char *text)
{
    struct rn_arena *arena = o->l->tree.arena;
    const char *equals = strchr(text, '=');
    o->action = *text == '+' ? ADD : *text == '~' ? REMOVE : SET;
    text += o->action != SET;
    if ((o->action == REMOVE) == (equals != NULL))
        return false;
    size_t n = equals ? (size_t)(equals - text) : strlen(text);
    return read_key(&o->key, rn_arena_printf(arena, "%.*s", (int)n, text), arena);
}

void rn_override_text(struct rn_loading *l, const char *text)
{
    struct rn_place at = RN_PATH(rn_arena_printf(l->tree.arena, RN_COMMAND_LINE ": %.100s", text));
    struct override o = {.l = l, .at = at};
    if (!read_override(&o, text)) {
        rn_hint(rn_problem_add(&l->problems, at, "not an override"),
                "write key.path=value, +key.path=value or ~key.path");
        return;
    }
    if (o.action != REMOVE && !(o.value = read_value(&o, strchr(text, '=') + 1)))
        return;
    apply(&o);
}

void rn_override_set(struct rn_loading *l, const char *key, struct rn_node *value,
                     struct rn_place at)
{
    struct override o = {.l = l, .at = at, .action = SET, .value = value};
    if (read_key(&o.key, key, l->tree.arena))
        apply(&o);
    else
        rn_problem_add(&l->problems, at, "'%.64s' is not the path of a key", key);
}

bool rn_is_override(const char *arg)
{
    return strchr(arg, '=') || arg[0] == '~';
}

static bool same_step(const struct step *a, const struct step *b)
{
    if (!a->key || !b->key)
        return !a->key && !b->key && a->item == b->item;
    return strcmp(a->key, b->key) == 0;
}

bool rn_override_overlaps(const char *a, const char *b)
{
    struct rn_arena arena = {0};
    struct key x, y;
    bool same = read_key(&x, a, &arena) && read_key(&y, b, &arena);
    for (size_t i = 0; same && i < x.n && i < y.n; i++)
        same = same_step(&x.steps[i], &y.steps[i]);
    rn_arena_release(&arena);
    return same;
}
