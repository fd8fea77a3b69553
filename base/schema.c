#include "schema.h"

#include "str.h"
#include "units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_CHARS = 64, WORDS_MAX = 128 };

/* One filling: the door's request and the path of the key at hand. */
struct pass {
    struct rn_fill *f;
    struct rn_str path;
};

const char *const rn_key_class_words[] = {[RN_IDENTITY] = "identity",
                                          [RN_EXTEND] = "extend",
                                          [RN_NEUTRAL] = "neutral",
                                          [RN_SOURCE] = "source"};

static const struct type_row {
    const char *expected;
    enum rn_unit unit;
    size_t bytes; /* of the C field */
} types[] = {
    [RN_T_BOOL] = {"true or false", RN_U_NONE, sizeof(bool)},
    [RN_T_INT] = {"a whole number", RN_U_NONE, sizeof(int64_t)},
    [RN_T_REAL] = {"a number", RN_U_NONE, sizeof(double)},
    [RN_T_COUNT] = {"a count such as 4096, 10k or 2e9", RN_U_COUNT, sizeof(int64_t)},
    [RN_T_BYTES] = {"a size such as 10 MiB", RN_U_BYTES, sizeof(int64_t)},
    [RN_T_TIME] = {"a duration such as 30 s, 10 min or 2 h", RN_U_TIME, sizeof(double)},
    [RN_T_STEPS] = {"a number of steps such as 250 steps", RN_U_STEPS, sizeof(int64_t)},
    [RN_T_STR] = {"text", RN_U_NONE, sizeof(const char *)},
    [RN_T_WORD] = {"a word", RN_U_NONE, sizeof(int)},
    [RN_T_REF] = {"a reference such as data.shards", RN_U_NONE, sizeof(struct rn_ref)},
    [RN_T_TABLE] = {"a mapping", RN_U_NONE, 0},
    [RN_T_LIST] = {"a list", RN_U_NONE, sizeof(struct rn_list)},
    [RN_T_MAP] = {"a mapping of names", RN_U_NONE, sizeof(struct rn_map)},
};

bool rn_is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n <= NAME_MAX_CHARS && text[n] == '\0';
}

size_t rn_key_item_bytes(const struct rn_key *key)
{
    return key->sub ? key->sub_bytes : types[key->item].bytes;
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
    char name[NAME_MAX_CHARS + 1];
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

/* --- problems --- */

static struct rn_err *problem(struct pass *p, const struct rn_node *node, const char *text)
{
    struct rn_err *e =
        rn_problem_add(p->f->problems, node->at, "'%s' in %s %s", p->path.p, p->f->what, text);
    if (node->via)
        rn_hint(e, "the value comes from %s", node->via);
    return e;
}

static void wrong_type(struct pass *p, const struct rn_node *node, enum rn_key_type type,
                       const char *why)
{
    char shown[96], text[400];
    snprintf(text, sizeof text, "takes %s, found %s%s%s", types[type].expected,
             rn_node_show(node, shown), why && *why ? ": " : "", why ? why : "");
    problem(p, node, text);
}

/* --- the path of the key at hand --- */

static size_t enter(struct pass *p, const char *name)
{
    size_t mark = p->path.n;
    rn_str_printf(&p->path, "%s%s", mark ? "." : "", name);
    return mark;
}

static size_t enter_item(struct pass *p, size_t i)
{
    size_t mark = p->path.n;
    rn_str_printf(&p->path, "[%zu]", i);
    return mark;
}

static void leave(struct pass *p, size_t mark)
{
    p->path.n = mark;
    p->path.p[mark] = '\0';
}

/* --- scalars --- */

bool rn_key_outside(const struct rn_key *key, double *value)
{
    char *end;
    if (!key->def || key->low >= key->high)
        return false;
    *value = strtod(key->def, &end);
    return end != key->def && *end == '\0' && (*value < key->low || *value > key->high);
}

static bool in_bounds(struct pass *p, const struct rn_key *key, const struct rn_node *node,
                      double value)
{
    double def;
    if (key->low >= key->high || (value >= key->low && value <= key->high) ||
        (rn_key_outside(key, &def) && value == def))
        return true;
    const char *unit = key->unit ? key->unit : "";
    char text[160];
    snprintf(text, sizeof text, "must lie between %.15g and %.15g%s%s, found %.15g", key->low,
             key->high, unit[0] ? " " : "", unit, value);
    problem(p, node, text);
    return false;
}

static void set_bool(struct pass *p, const struct rn_key *key, const struct rn_node *node, void *to)
{
    (void)key;
    if (node->style == RN_QUOTED || !rn_looks_bool(node->text))
        wrong_type(p, node, RN_T_BOOL, NULL);
    else
        *(bool *)to = node->text[0] == 't' || node->text[0] == 'T';
}

/* Plain numbers may not be quoted; numbers with units may, because they read as text anyway. */
static bool is_number_text(struct pass *p, enum rn_key_type type, const struct rn_node *node)
{
    if (node->style != RN_QUOTED || types[type].unit != RN_U_NONE)
        return true;
    wrong_type(p, node, type, rn_looks_number(node->text) ? "write it without quotes" : "");
    return false;
}

/* Worth a word on what is wrong with the number. */
static bool is_numeric(const struct rn_node *node)
{
    return node->text[0] && strchr("+-.0123456789", node->text[0]);
}

static void set_int(struct pass *p, const struct rn_key *key, enum rn_key_type type,
                    const struct rn_node *node, void *to)
{
    char why[RN_WHY];
    int64_t value;
    if (!is_number_text(p, type, node))
        return;
    if (!rn_units_int(node->text, types[type].unit, &value, why))
        wrong_type(p, node, type, is_numeric(node) ? why : NULL);
    else if (in_bounds(p, key, node, (double)value))
        *(int64_t *)to = value;
}

static void set_real(struct pass *p, const struct rn_key *key, enum rn_key_type type,
                     const struct rn_node *node, void *to)
{
    char why[RN_WHY];
    double value;
    if (!is_number_text(p, type, node))
        return;
    if (!rn_units_real(node->text, types[type].unit, &value, why))
        wrong_type(p, node, type, is_numeric(node) ? why : NULL);
    else if (in_bounds(p, key, node, value))
        *(double *)to = value;
}

static void set_str(struct pass *p, const struct rn_key *key, const struct rn_node *node, void *to)
{
    bool other =
        node->style == RN_PLAIN && (rn_looks_bool(node->text) || rn_looks_number(node->text));
    if (other)
        wrong_type(p, node, RN_T_STR, "write it in quotes");
    else if (!*node->text && !key->def)
        problem(p, node, "must not be empty");
    else
        *(const char **)to = *node->text ? rn_arena_dup(p->f->arena, node->text) : NULL;
}

static void set_word(struct pass *p, const struct rn_key *key, const struct rn_node *node, void *to)
{
    for (int i = 0; key->words[i]; i++)
        if (strcmp(key->words[i], node->text) == 0) {
            *(int *)to = i;
            return;
        }
    struct rn_str text = {0};
    char shown[96];
    for (int i = 0; key->words[i]; i++)
        rn_str_printf(&text, "%s%s", i ? ", " : "takes one of ", key->words[i]);
    rn_str_printf(&text, "; found %s", rn_node_show(node, shown));
    struct rn_err *e = problem(p, node, text.p);
    const char *near = rn_nearest(node->text, key->words);
    if (near)
        rn_hint(e, "did you mean '%s'?", near);
    rn_str_release(&text);
}

/* "[a:b]" at the end of a reference; either side may be missing. */
static bool read_slice(const char *p, struct rn_ref *ref, const char **why)
{
    char *end;
    *why = "a slice is written [first:end] with whole numbers";
    p++;
    if (*p >= '0' && *p <= '9') {
        ref->first = strtoll(p, &end, 10);
        p = end;
    }
    if (*p++ != ':')
        return false;
    if (*p >= '0' && *p <= '9') {
        ref->end = strtoll(p, &end, 10);
        p = end;
    }
    if (strcmp(p, "]") != 0)
        return false;
    *why = "the slice is empty";
    return ref->first < ref->end;
}

/* Takes a reference apart; strings in the arena. */
static bool read_ref(struct rn_arena *arena, const char *text, struct rn_ref *ref, const char **why)
{
    char *copy = rn_arena_dup(arena, text);
    size_t stage = strcspn(text, ".["), output = 0;
    ref->first = 0;
    ref->end = INT64_MAX;
    ref->stage = copy;
    const char *rest = text + stage;
    *why = "a reference is written stage, stage.output or stage.output[first:end]";
    if (*rest == '.') {
        ref->output = copy + stage + 1;
        output = strcspn(rest + 1, "[");
        rest += 1 + output;
    }
    copy[stage] = '\0';
    if (ref->output)
        copy[stage + 1 + output] = '\0';
    if (!rn_is_name(ref->stage) || (ref->output && !rn_is_name(ref->output)))
        return false;
    if (*rest == '[')
        return ref->output && read_slice(rest, ref, why);
    return true;
}

static bool takes_paths(const struct rn_key *key)
{
    for (const char *const *kind = key->words; kind && *kind; kind++)
        if (strcmp(*kind, "path") == 0)
            return true;
    return false;
}

static void set_ref(struct pass *p, const struct rn_key *key, const struct rn_node *node, void *to)
{
    struct rn_ref ref = {0};
    const char *why;
    bool is_path = takes_paths(key) && (strchr(node->text, '/') || node->text[0] == '.');
    if (!is_path && !read_ref(p->f->arena, node->text, &ref, &why)) {
        wrong_type(p, node, RN_T_REF, why);
        return;
    }
    ref.text = rn_arena_dup(p->f->arena, node->text);
    ref.at = node->at;
    *(struct rn_ref *)to = ref;
}

static void set_scalar(struct pass *p, const struct rn_key *key, enum rn_key_type type,
                       const struct rn_node *node, void *to)
{
    if (node->bad)
        return;
    if (node->kind != RN_NODE_SCALAR) {
        wrong_type(p, node, type, NULL);
        return;
    }
    switch (type) {
    case RN_T_BOOL:
        set_bool(p, key, node, to);
        break;
    case RN_T_STR:
        set_str(p, key, node, to);
        break;
    case RN_T_WORD:
        set_word(p, key, node, to);
        break;
    case RN_T_REF:
        set_ref(p, key, node, to);
        break;
    case RN_T_REAL:
    case RN_T_TIME:
        set_real(p, key, type, node, to);
        break;
    default:
        set_int(p, key, type, node, to);
    }
}

/* --- tables, lists, maps --- */

static void fill_parts(struct pass *p, const struct rn_part *parts, size_t n_parts,
                       const struct rn_node *map, struct rn_place at);

/* The mapping a scalar stands for: {shorthand: scalar}. */
static const struct rn_node *unfold(struct pass *p, const struct rn_key *key,
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

static void fill_item(struct pass *p, const struct rn_key *key, const struct rn_node *node,
                      struct rn_place at, void *to)
{
    if (key->sub) {
        struct rn_part part = {key->sub, to};
        fill_parts(p, &part, 1, unfold(p, key, node), at);
    } else {
        set_scalar(p, key, key->item, node, to);
    }
}

static void set_list(struct pass *p, const struct rn_key *key, const struct rn_node *node, void *to)
{
    if (node->kind != RN_NODE_LIST) {
        wrong_type(p, node, RN_T_LIST, NULL);
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

static void set_map(struct pass *p, const struct rn_key *key, const struct rn_node *node, void *to)
{
    if (node->kind != RN_NODE_MAP) {
        wrong_type(p, node, RN_T_MAP, NULL);
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

static void set_value(struct pass *p, const struct rn_key *key, const struct rn_node *node,
                      void *to)
{
    if (node->bad)
        return;
    if (key->type == RN_T_LIST)
        set_list(p, key, node, to);
    else if (key->type == RN_T_MAP)
        set_map(p, key, node, to);
    else
        set_scalar(p, key, key->type, node, to);
}

/* --- rows --- */

static void set_absent(const struct rn_key *key, void *to)
{
    int64_t number = key->low < 0 ? -1 : 0;
    double real = (double)number;
    if (types[key->type].bytes == 0)
        return;
    memset(to, 0, types[key->type].bytes);
    if (key->type == RN_T_REAL || key->type == RN_T_TIME)
        memcpy(to, &real, sizeof real);
    else if (key->type == RN_T_INT || key->type == RN_T_COUNT || key->type == RN_T_BYTES ||
             key->type == RN_T_STEPS)
        memcpy(to, &number, sizeof number);
}

static void set_default(struct pass *p, const struct rn_key *key, struct rn_place at, void *to)
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

static void missing(struct pass *p, const struct rn_key *key, struct rn_place at)
{
    struct rn_err *e =
        rn_problem_add(p->f->problems, at, "missing key '%s' in %s", p->path.p, p->f->what);
    if (key->doc)
        rn_hint(e, "%s: %s", key->name, key->doc);
}

static void fill_row(struct pass *p, const struct rn_key *key, void *base,
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
    set_absent(key, to);
    if (node)
        set_value(p, key, node, to);
    else if (!key->def)
        missing(p, key, at);
    else if (!rn_key_absent_allowed(key))
        set_default(p, key, at, to);
}

/* All names that may stand here; at most WORDS_MAX. */
static void list_names(const struct rn_part *parts, size_t n_parts, const char *words[])
{
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++)
        for (const struct rn_key *k = parts[i].keys; k->name && n < WORDS_MAX; k++)
            words[n++] = k->name;
    words[n] = NULL;
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
    const char *words[WORDS_MAX + 1];
    list_names(parts, n_parts, words);
    const char *near = rn_nearest(name, words), *table = deeper(parts, n_parts, name);
    if (table)
        rn_hint(e, "did you mean '%s.%s'?", table, name);
    else if (near)
        rn_hint(e, "did you mean '%s'?", near);
    else if (words[0] && !words[8]) {
        struct rn_str all = {0};
        for (size_t i = 0; words[i]; i++)
            rn_str_printf(&all, "%s%s", i ? ", " : "", words[i]);
        rn_hint(e, "known keys: %s", all.p);
        rn_str_release(&all);
    }
}

static void refuse_unknown(struct pass *p, const struct rn_part *parts, size_t n_parts,
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

static void fill_parts(struct pass *p, const struct rn_part *parts, size_t n_parts,
                       const struct rn_node *map, struct rn_place at)
{
    if (map->bad)
        return;
    if (map->kind != RN_NODE_MAP) {
        wrong_type(p, map, RN_T_TABLE, NULL);
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
    struct pass p = {.f = f};
    rn_str_puts(&p.path, "");
    fill_parts(&p, parts, n_parts, map, at);
    rn_str_release(&p.path);
}
