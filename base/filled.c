#include "filled.h"

#include "str.h"

/* What is wanted: everything, or one class. Inside a list or map of that class every key counts. */
struct cut {
    bool everything, inside;
    enum rn_key_class class;
};

/* --- JSON --- */

static json_t *seconds(double value)
{
    char text[32];
    return json_sprintf("%s s", rn_show_real(text, value));
}

static json_t *scalar(const struct rn_key *key, enum rn_key_type type, const void *from)
{
    switch (type) {
    case RN_T_BOOL:
        return json_boolean(*(const bool *)from);
    case RN_T_REAL:
        return json_real(*(const double *)from);
    case RN_T_TIME:
        return seconds(*(const double *)from);
    case RN_T_STR:
        return *(const char *const *)from ? json_string(*(const char *const *)from) : json_null();
    case RN_T_WORD:
        return json_string(key->words[*(const int *)from]);
    case RN_T_REF:
        return ((const struct rn_ref *)from)->text
                   ? json_string(((const struct rn_ref *)from)->text)
                   : json_null();
    default:
        return json_integer(*(const int64_t *)from);
    }
}

/* True where the struct cannot tell the value from an absent key. */
static bool is_absent(const struct rn_key *key, const void *from)
{
    double none = key->low < 0 ? -1 : 0;
    if (!rn_key_absent_allowed(key))
        return false;
    switch (key->type) {
    case RN_T_BOOL:
        return !*(const bool *)from;
    case RN_T_REAL:
    case RN_T_TIME:
        return *(const double *)from == none;
    case RN_T_STR:
        return !*(const char *const *)from;
    case RN_T_WORD:
        return *(const int *)from == 0;
    case RN_T_REF:
        return !((const struct rn_ref *)from)->text;
    case RN_T_LIST:
        return ((const struct rn_list *)from)->n == 0;
    case RN_T_MAP:
        return ((const struct rn_map *)from)->n == 0;
    case RN_T_TABLE:
        return false;
    default:
        return (double)*(const int64_t *)from == none;
    }
}

static json_t *table(const struct rn_key *keys, const void *base, struct cut cut);

static json_t *item(const struct rn_key *key, const void *items, size_t i, struct cut cut)
{
    const void *from = (const char *)items + i * rn_key_item_bytes(key);
    return key->sub ? table(key->sub, from, cut) : scalar(key, key->item, from);
}

/* A cut through a list or map with nothing of that class inside says nothing. */
static bool says_nothing(const json_t *doc)
{
    size_t i;
    json_t *v;
    const char *name;
    if (json_is_object(doc)) {
        json_object_foreach((json_t *)doc, name, v) if (!says_nothing(v)) return false;
        return true;
    }
    if (json_is_array(doc)) {
        json_array_foreach((json_t *)doc, i, v) if (!says_nothing(v)) return false;
        return true;
    }
    return false;
}

static json_t *list(const struct rn_key *key, const struct rn_list *l, struct cut cut)
{
    json_t *doc = json_array();
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(doc, item(key, l->items, i, cut));
    return doc;
}

static json_t *map(const struct rn_key *key, const struct rn_map *m, struct cut cut)
{
    json_t *doc = json_object();
    for (size_t i = 0; i < m->n; i++)
        json_object_set_new(doc, m->names[i], item(key, m->items, i, cut));
    return doc;
}

static json_t *container(const struct rn_key *key, const void *base, const void *from,
                         struct cut cut)
{
    bool own_class = key->type != RN_T_TABLE && (key->class != RN_IDENTITY || !key->sub);
    if (!cut.everything && !cut.inside && own_class) {
        if (key->class != cut.class)
            return NULL;
        cut.inside = true;
    }
    json_t *doc = key->type == RN_T_TABLE  ? table(key->sub, base, cut)
                  : key->type == RN_T_LIST ? list(key, from, cut)
                                           : map(key, from, cut);
    /* The number of items is identity even where their keys are not. */
    bool counts =
        cut.everything || cut.inside || (cut.class == RN_IDENTITY && key->type != RN_T_TABLE);
    if (counts || !says_nothing(doc))
        return doc;
    json_decref(doc);
    return NULL;
}

static json_t *row(const struct rn_key *key, const void *base, struct cut cut)
{
    const void *from = (const char *)base + key->offset;
    bool is_ref = key->type == RN_T_REF || (key->item == RN_T_REF && !key->sub &&
                                            (key->type == RN_T_LIST || key->type == RN_T_MAP));
    if (!cut.everything && is_ref)
        return NULL;
    if (is_absent(key, from))
        return cut.everything ? json_null() : NULL;
    if (key->type == RN_T_TABLE || key->type == RN_T_LIST || key->type == RN_T_MAP)
        return container(key, base, from, cut);
    if (!cut.everything && !cut.inside && key->class != cut.class)
        return NULL;
    return scalar(key, key->type, from);
}

static json_t *table(const struct rn_key *keys, const void *base, struct cut cut)
{
    json_t *doc = json_object();
    for (; keys->name; keys++) {
        json_t *value = row(keys, base, cut);
        if (value)
            json_object_set_new(doc, keys->name, value);
    }
    return doc;
}

json_t *rn_filled_json(const struct rn_key *keys, const void *cfg)
{
    return table(keys, cfg, (struct cut){.everything = true});
}

json_t *rn_filled_cut(const struct rn_key *keys, const void *cfg, enum rn_key_class class)
{
    return table(keys, cfg, (struct cut){.class = class});
}

/* --- references --- */

struct walk {
    void (*each)(void *, const char *, const struct rn_ref *, const struct rn_key *);
    void *ctx;
    struct rn_str path;
};

static void walk_table(struct walk *w, const struct rn_key *keys, const void *base);

static void walk_value(struct walk *w, const struct rn_key *key, enum rn_key_type type,
                       const void *from)
{
    const struct rn_ref *ref = from;
    if (type == RN_T_REF && ref->text && ref->stage)
        w->each(w->ctx, w->path.p, ref, key);
}

static void walk_items(struct walk *w, const struct rn_key *key, const void *items, size_t n,
                       const char *const *names)
{
    size_t mark = w->path.n;
    for (size_t i = 0; i < n; i++) {
        const void *from = (const char *)items + i * rn_key_item_bytes(key);
        if (names)
            rn_str_printf(&w->path, ".%s", names[i]);
        else
            rn_str_printf(&w->path, "[%zu]", i);
        if (key->sub)
            walk_table(w, key->sub, from);
        else
            walk_value(w, key, key->item, from);
        w->path.n = mark;
        w->path.p[mark] = '\0';
    }
}

static void walk_table(struct walk *w, const struct rn_key *keys, const void *base)
{
    size_t mark = w->path.n;
    for (; keys->name; keys++) {
        const void *from = (const char *)base + keys->offset;
        rn_str_printf(&w->path, "%s%s", mark ? "." : "", keys->name);
        if (keys->type == RN_T_TABLE)
            walk_table(w, keys->sub, base);
        else if (keys->type == RN_T_LIST)
            walk_items(w, keys, ((const struct rn_list *)from)->items,
                       ((const struct rn_list *)from)->n, NULL);
        else if (keys->type == RN_T_MAP)
            walk_items(w, keys, ((const struct rn_map *)from)->items,
                       ((const struct rn_map *)from)->n, ((const struct rn_map *)from)->names);
        else
            walk_value(w, keys, keys->type, from);
        w->path.n = mark;
        w->path.p[mark] = '\0';
    }
}

void rn_filled_refs(const struct rn_key *keys, const void *cfg,
                    void (*each)(void *, const char *, const struct rn_ref *,
                                 const struct rn_key *),
                    void *ctx)
{
    struct walk w = {.each = each, .ctx = ctx};
    rn_str_puts(&w.path, "");
    walk_table(&w, keys, cfg);
    rn_str_release(&w.path);
}
