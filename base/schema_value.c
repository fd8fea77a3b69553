#include "schema_value.h"

#include "nearest.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>

typedef void setter(struct rn_schema_pass *, const struct rn_key *, enum rn_key_type,
                    const struct rn_node *, void *to);
static setter set_bool, set_int, set_real, set_str, set_word, set_ref;

static const struct {
    const char *expected;
    enum rn_unit unit;
    size_t bytes; /* of the C field */
    setter *set;  /* NULL: schema.c takes it apart */
} types[] = {
    [RN_T_BOOL] = {"true or false", RN_U_NONE, sizeof(bool), set_bool},
    [RN_T_INT] = {"a whole number", RN_U_NONE, sizeof(int64_t), set_int},
    [RN_T_REAL] = {"a number", RN_U_NONE, sizeof(double), set_real},
    [RN_T_COUNT] = {"a count such as 4096, 10k or 2e9", RN_U_COUNT, sizeof(int64_t), set_int},
    [RN_T_BYTES] = {"a size such as 10 MiB", RN_U_BYTES, sizeof(int64_t), set_int},
    [RN_T_TIME] = {"a duration such as 30 s, 10 min or 2 h", RN_U_TIME, sizeof(double), set_real},
    [RN_T_STEPS] = {"a number of steps such as 250 steps", RN_U_STEPS, sizeof(int64_t), set_int},
    [RN_T_STR] = {"text", RN_U_NONE, sizeof(const char *), set_str},
    [RN_T_WORD] = {"a word", RN_U_NONE, sizeof(int), set_word},
    [RN_T_REF] = {"a reference such as data.shards", RN_U_NONE, sizeof(struct rn_ref), set_ref},
    [RN_T_TABLE] = {"a mapping", RN_U_NONE, 0},
    [RN_T_LIST] = {"a list", RN_U_NONE, sizeof(struct rn_list)},
    [RN_T_MAP] = {"a mapping of names", RN_U_NONE, sizeof(struct rn_map)},
};

size_t rn_schema_bytes(enum rn_key_type type)
{
    return types[type].bytes;
}

/* --- problems --- */

static struct rn_err *problem(struct rn_schema_pass *p, const struct rn_node *node,
                              const char *text)
{
    struct rn_err *e =
        rn_problem_add(p->f->problems, node->at, "'%s' in %s %s", p->path.p, p->f->what, text);
    if (node->via)
        rn_hint(e, "the value comes from %s", node->via);
    return e;
}

void rn_schema_wrong_type(struct rn_schema_pass *p, const struct rn_node *node,
                          enum rn_key_type type, const char *why)
{
    char shown[96], text[400];
    snprintf(text, sizeof text, "takes %s, found %s%s%s", types[type].expected,
             rn_node_show(node, shown), why && *why ? ": " : "", why ? why : "");
    problem(p, node, text);
}

bool rn_is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n <= RN_NAME_MAX && text[n] == '\0';
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

static bool in_bounds(struct rn_schema_pass *p, const struct rn_key *key,
                      const struct rn_node *node, double value)
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

static void set_bool(struct rn_schema_pass *p, const struct rn_key *key, enum rn_key_type type,
                     const struct rn_node *node, void *to)
{
    (void)key;
    if (node->style == RN_QUOTED || !rn_looks_bool(node->text))
        rn_schema_wrong_type(p, node, type, NULL);
    else
        *(bool *)to = node->text[0] == 't' || node->text[0] == 'T';
}

/* Plain numbers may not be quoted; numbers with units may, because they read as text anyway. */
static bool is_number_text(struct rn_schema_pass *p, enum rn_key_type type,
                           const struct rn_node *node)
{
    if (node->style != RN_QUOTED || types[type].unit != RN_U_NONE)
        return true;
    rn_schema_wrong_type(p, node, type,
                         rn_looks_number(node->text) ? "write it without quotes" : "");
    return false;
}

/* Worth a word on what is wrong with the number. */
static bool is_numeric(const struct rn_node *node)
{
    return node->text[0] && strchr("+-.0123456789", node->text[0]);
}

static void set_int(struct rn_schema_pass *p, const struct rn_key *key, enum rn_key_type type,
                    const struct rn_node *node, void *to)
{
    char why[RN_WHY];
    int64_t value;
    if (!is_number_text(p, type, node))
        return;
    if (!rn_units_int(node->text, types[type].unit, &value, why))
        rn_schema_wrong_type(p, node, type, is_numeric(node) ? why : NULL);
    else if (in_bounds(p, key, node, (double)value))
        *(int64_t *)to = value;
}

static void set_real(struct rn_schema_pass *p, const struct rn_key *key, enum rn_key_type type,
                     const struct rn_node *node, void *to)
{
    char why[RN_WHY];
    double value;
    if (!is_number_text(p, type, node))
        return;
    if (!rn_units_real(node->text, types[type].unit, &value, why))
        rn_schema_wrong_type(p, node, type, is_numeric(node) ? why : NULL);
    else if (in_bounds(p, key, node, value))
        *(double *)to = value;
}

static void set_str(struct rn_schema_pass *p, const struct rn_key *key, enum rn_key_type type,
                    const struct rn_node *node, void *to)
{
    bool other =
        node->style == RN_PLAIN && (rn_looks_bool(node->text) || rn_looks_number(node->text));
    if (other)
        rn_schema_wrong_type(p, node, type, "write it in quotes");
    else if (!*node->text && !key->def)
        problem(p, node, "must not be empty");
    else
        *(const char **)to = *node->text ? rn_arena_dup(p->f->arena, node->text) : NULL;
}

static void set_word(struct rn_schema_pass *p, const struct rn_key *key, enum rn_key_type type,
                     const struct rn_node *node, void *to)
{
    (void)type;
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
    rn_hint_near(e, rn_nearest_of(node->text, key->words));
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

static void set_ref(struct rn_schema_pass *p, const struct rn_key *key, enum rn_key_type type,
                    const struct rn_node *node, void *to)
{
    struct rn_ref ref = {0};
    const char *why;
    bool is_path = takes_paths(key) && (strchr(node->text, '/') || node->text[0] == '.');
    if (!is_path && !read_ref(p->f->arena, node->text, &ref, &why)) {
        rn_schema_wrong_type(p, node, type, why);
        return;
    }
    ref.text = rn_arena_dup(p->f->arena, node->text);
    ref.at = node->at;
    *(struct rn_ref *)to = ref;
}

void rn_schema_set(struct rn_schema_pass *p, const struct rn_key *key, enum rn_key_type type,
                   const struct rn_node *node, void *to)
{
    if (node->bad)
        return;
    if (node->kind != RN_NODE_SCALAR) {
        rn_schema_wrong_type(p, node, type, NULL);
        return;
    }
    RN_ASSERT(types[type].set);
    types[type].set(p, key, type, node, to);
}

void rn_schema_set_absent(const struct rn_key *key, void *to)
{
    int64_t number = key->low < 0 ? -1 : 0;
    double real = (double)number;
    if (types[key->type].bytes == 0)
        return;
    memset(to, 0, types[key->type].bytes);
    if (types[key->type].set == set_real)
        memcpy(to, &real, sizeof real);
    else if (types[key->type].set == set_int)
        memcpy(to, &number, sizeof number);
}
