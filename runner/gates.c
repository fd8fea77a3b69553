#include "gates.h"

#include "str.h"
#include "units.h"

#include <string.h>

enum { WORDS_MAX = 128 };

static const struct {
    const char *text;
    enum rn_gate_op op;
} ops[] = {{"<=", RN_GATE_LE}, {">=", RN_GATE_GE}, {"<", RN_GATE_LT}, {">", RN_GATE_GT}};

/* Length of a metric's name at p. */
static size_t metric_length(const char *p)
{
    size_t n = 0;
    while (p[n] && !strchr(" \t<>=()", p[n]))
        n++;
    return n;
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

static bool parse_finite(struct rn_arena *arena, const char *p, struct rn_gate *gate)
{
    p = skip_space(p + strlen("finite"));
    if (*p++ != '(')
        return false;
    p = skip_space(p);
    size_t n = metric_length(p);
    gate->metric = rn_arena_printf(arena, "%.*s", (int)n, p);
    gate->op = RN_GATE_FINITE;
    p = skip_space(p + n);
    return n > 0 && *p == ')' && !*skip_space(p + 1);
}

static bool parse_compare(struct rn_arena *arena, const char *p, struct rn_gate *gate)
{
    char why[RN_WHY];
    size_t n = metric_length(p);
    gate->metric = rn_arena_printf(arena, "%.*s", (int)n, p);
    p = skip_space(p + n);
    for (size_t i = 0; n > 0 && i < RN_COUNT(ops); i++)
        if (rn_starts_with(p, ops[i].text)) {
            gate->op = ops[i].op;
            return rn_units_real(skip_space(p + strlen(ops[i].text)), RN_U_NONE, &gate->bound, why);
        }
    return false;
}

static bool parse(struct rn_arena *arena, const char *text, struct rn_gate *gate)
{
    const char *p = skip_space(text);
    gate->text = text;
    if (rn_starts_with(p, "finite") && *skip_space(p + 6) == '(')
        return parse_finite(arena, p, gate);
    return parse_compare(arena, p, gate);
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
    if (in_table(s->stage->metrics, name))
        return true;
    return dot && is_reference_of(s, name, (size_t)(dot - name)) &&
           in_table(s->stage->metrics, dot + 1);
}

static void unknown_metric(struct rn_loading *l, const struct rn_pstage *s,
                           const struct rn_gate *gate)
{
    const char *words[WORDS_MAX + 1];
    struct rn_str all = {0};
    size_t n = 0;
    for (const struct rn_metric *m = s->stage->metrics; m && m->name && n < WORDS_MAX; m++) {
        rn_str_printf(&all, "%s%s", n ? ", " : "known: ", m->name);
        words[n++] = m->name;
    }
    words[n] = NULL;
    struct rn_err *e = rn_problem_add(&l->problems, gate->at, "stage %s has no metric '%.64s'",
                                      s->name, gate->metric);
    const char *dot = strrchr(gate->metric, '.');
    const char *near = rn_nearest(dot ? dot + 1 : gate->metric, words);
    bool reference = dot && is_reference_of(s, gate->metric, (size_t)(dot - gate->metric));
    if (near && reference)
        rn_hint(e, "did you mean '%.*s.%s'?", (int)(dot - gate->metric), gate->metric, near);
    else if (near && !dot)
        rn_hint(e, "did you mean '%s'?", near);
    else if (all.n)
        rn_hint(e, "%s", all.p);
    rn_str_release(&all);
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
                    "write finite(METRIC) or METRIC < NUMBER, also <= > >=");
        else if (!known_metric(s, gate.metric))
            unknown_metric(l, s, &gate);
        else
            gates[n++] = gate;
    }
    *out = gates;
    return n;
}
