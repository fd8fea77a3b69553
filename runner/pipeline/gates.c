#include "gates.h"

#include "nearest.h"
#include "str.h"
#include "units.h"

#include <string.h>

static const struct {
    const char *text;
    enum rn_gate_op op;
} ops[] = {{"<=", RN_GATE_LE}, {">=", RN_GATE_GE}, {"<", RN_GATE_LT}, {">", RN_GATE_GT}};

static const struct {
    const char *text;
    enum rn_gate_fold fold;
} folds[] = {
    {"last", RN_FOLD_LAST}, {"min", RN_FOLD_MIN}, {"max", RN_FOLD_MAX}, {"mean", RN_FOLD_MEAN}};

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

/* A metric's name into the gate; what stands behind it, or NULL. */
static const char *parse_name(struct rn_arena *arena, const char *p, struct rn_gate *gate)
{
    size_t n = strcspn(p, " \t<>=()");
    gate->metric = rn_arena_printf(arena, "%.*s", (int)n, p);
    return n ? skip_space(p + n) : NULL;
}

/* WORD(METRIC), at the word; what stands behind it, or NULL. */
static const char *parse_call(struct rn_arena *arena, const char *p, const char *word,
                              struct rn_gate *gate)
{
    size_t n = strlen(word);
    const char *open = strncmp(p, word, n) == 0 ? skip_space(p + n) : "";
    if (*open != '(')
        return NULL;
    p = parse_name(arena, skip_space(open + 1), gate);
    return p && *p == ')' ? skip_space(p + 1) : NULL;
}

/* METRIC or FOLD(METRIC). */
static const char *parse_value(struct rn_arena *arena, const char *p, struct rn_gate *gate)
{
    for (size_t i = 0; i < RN_COUNT(folds); i++) {
        const char *rest = parse_call(arena, p, folds[i].text, gate);
        gate->fold = folds[i].fold;
        if (rest)
            return rest;
    }
    gate->fold = RN_FOLD_LAST;
    return parse_name(arena, p, gate);
}

static bool parse_compare(struct rn_arena *arena, const char *p, struct rn_gate *gate)
{
    char why[RN_WHY];
    p = parse_value(arena, p, gate);
    for (size_t i = 0; p && i < RN_COUNT(ops); i++)
        if (rn_starts_with(p, ops[i].text)) {
            gate->op = ops[i].op;
            return rn_units_real(skip_space(p + strlen(ops[i].text)), RN_U_NONE, &gate->bound, why);
        }
    return false;
}

static bool parse(struct rn_arena *arena, const char *text, struct rn_gate *gate)
{
    gate->text = text;
    gate->op = RN_GATE_FINITE;
    const char *rest = parse_call(arena, skip_space(text), "finite", gate);
    return rest ? *rest == '\0' : parse_compare(arena, skip_space(text), gate);
}

/* Tasks are written arc-easy, metrics arc_easy. */
static bool in_table(const struct rn_metric *table, const char *name)
{
    char copy[80];
    snprintf(copy, sizeof copy, "%s", name);
    for (char *c = copy; *c; c++)
        *c = *c == '-' ? '_' : *c;
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0 || strcmp(table->name, copy) == 0)
            return true;
    return false;
}

static bool is_reference_of(const struct rn_pstage *s, const char *text, size_t n)
{
    for (size_t i = 0; i < s->n_edges; i++)
        if (strlen(s->edges[i].ref->text) == n && strncmp(s->edges[i].ref->text, text, n) == 0)
            return true;
    return false;
}

static bool known_metric(const struct rn_pstage *s, const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!s->stage->metrics_of_inputs && in_table(s->stage->metrics, name))
        return true;
    return dot && is_reference_of(s, name, (size_t)(dot - name)) &&
           in_table(s->stage->metrics, dot + 1);
}

static void unknown_metric(struct rn_loading *l, const struct rn_pstage *s, const char *metric,
                           struct rn_place at)
{
    const char *dot = strrchr(metric, '.');
    struct rn_nearest near = {.to = dot ? dot + 1 : metric};
    struct rn_str all = {0};
    for (const struct rn_metric *m = s->stage->metrics; m && m->name; m++) {
        rn_nearest_try(&near, m->name);
        rn_str_printf(&all, "%s%s", all.n ? ", " : "known: ", m->name);
    }
    struct rn_err *e =
        rn_problem_add(&l->problems, at, "stage %s has no metric '%.64s'", s->name, metric);
    bool reference = dot && is_reference_of(s, metric, (size_t)(dot - metric));
    if (s->stage->metrics_of_inputs && near.word && !dot)
        rn_hint(e, "write whose: MODEL.%s, MODEL being one of 'in.models'", near.word);
    else if (near.word && reference)
        rn_hint(e, "did you mean '%.*s.%s'?", (int)(dot - metric), metric, near.word);
    else if (!rn_hint_near(e, dot ? NULL : near.word) && all.n)
        rn_hint(e, "%s", all.p);
    rn_str_release(&all);
}

bool rn_gates_know_metric(struct rn_loading *l, const struct rn_pstage *s, const char *metric,
                          struct rn_place at)
{
    if (known_metric(s, metric))
        return true;
    unknown_metric(l, s, metric, at);
    return false;
}

size_t rn_gates_read(struct rn_loading *l, const struct rn_pstage *s, const struct rn_list *texts,
                     const struct rn_node *node, struct rn_gate **out)
{
    const char *const *items = texts->items;
    struct rn_gate *gates = rn_arena_alloc(l->tree.arena, texts->n * sizeof *gates);
    size_t n = 0;
    for (size_t i = 0; i < texts->n; i++) {
        struct rn_gate gate = {.at = node->entries[i].value->at};
        if (!items[i])
            continue;
        if (!parse(l->tree.arena, items[i], &gate))
            rn_hint(rn_problem_add(&l->problems, gate.at, "cannot read '%.80s'", items[i]),
                    "write finite(METRIC) or METRIC < NUMBER, also <= > >=, and min(METRIC), max, "
                    "mean");
        else if (rn_gates_know_metric(l, s, gate.metric, gate.at))
            gates[n++] = gate;
    }
    *out = gates;
    return n;
}
