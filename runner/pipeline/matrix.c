#include "matrix.h"

#include "merge.h"
#include "nearest.h"
#include "overrides.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { AXES_MAX = 16, CELLS_MAX = 10000, SHOWN_MAX = 40 };

static const char *const words[] = {"include", "exclude", "fail_fast", NULL};

struct axis {
    const char *key, *label; /* "vars.depth", "depth" */
    const struct rn_node *values;
    struct rn_place at;
};

struct reading {
    struct rn_document *d;
    struct rn_matrix *m;
    const struct rn_node *node;
    struct axis axes[AXES_MAX];
    size_t n_axes, cap;
};

static struct rn_err *problem(struct reading *r, struct rn_place at, const char *text)
{
    return rn_problem_add(&r->d->problems, at, "%s", text);
}

static bool same_value(const struct rn_node *a, const struct rn_node *b)
{
    if (a->kind != b->kind || a->n != b->n)
        return false;
    if (a->kind == RN_NODE_SCALAR)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->n; i++) {
        const char *k = a->entries[i].key, *l = b->entries[i].key;
        if ((k && strcmp(k, l) != 0) || !same_value(a->entries[i].value, b->entries[i].value))
            return false;
    }
    return true;
}

/* --- axes --- */

static bool is_word(const char *key)
{
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], key) == 0)
            return true;
    return false;
}

static bool is_key(struct reading *r, const struct rn_entry *e)
{
    if (strchr(e->key, '.'))
        return true;
    struct rn_err *err =
        rn_problem_add(&r->d->problems, e->at, "the matrix knows no '%.64s'", e->key);
    if (!rn_hint_near(err, rn_nearest_of(e->key, words)))
        rn_hint(err, "an axis is a key such as vars.%.64s or STAGE.%.64s", e->key, e->key);
    return false;
}

static bool check_values(struct reading *r, const struct rn_node *list)
{
    char shown[96];
    if (list->kind != RN_NODE_LIST || !list->n) {
        rn_hint(rn_problem_add(&r->d->problems, list->at,
                               "an axis takes a list of values, found %s",
                               list->n ? rn_node_show(list, shown) : "none"),
                "write [1, 2]");
        return false;
    }
    for (size_t i = 1; i < list->n; i++)
        for (size_t k = 0; k < i; k++)
            if (same_value(list->entries[i].value, list->entries[k].value)) {
                problem(r, list->entries[i].value->at, "a value that the axis has already");
                return false;
            }
    return true;
}

static void add_axis(struct reading *r, const struct rn_entry *e)
{
    if (r->n_axes == AXES_MAX) {
        problem(r, e->at, "more than 16 axes");
        return;
    }
    for (size_t i = 0; i < r->n_axes; i++)
        if (rn_override_overlaps(r->axes[i].key, e->key)) {
            rn_problem_add(&r->d->problems, e->at, "'%.64s' sets what '%.64s' sets", e->key,
                           r->axes[i].key);
            return;
        }
    if (is_key(r, e) && e->value->n <= CELLS_MAX && check_values(r, e->value))
        r->axes[r->n_axes++] = (struct axis){e->key, NULL, e->value, e->at};
}

static const char *last_word(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* "depth", or the whole key where two end alike. */
static const char *label(const struct reading *r, const char *key)
{
    for (size_t i = 0; i < r->n_axes; i++)
        if (strcmp(r->axes[i].key, key) != 0 &&
            strcmp(last_word(r->axes[i].key), last_word(key)) == 0)
            return key;
    return last_word(key);
}

/* --- cells --- */

/* A value as part of a name: short scalars as they are, others by their number in the axis. */
static void add_value(const struct reading *r, struct rn_str *name, const struct rn_setting *s)
{
    if (s->value->kind == RN_NODE_SCALAR && strlen(s->value->text) <= SHOWN_MAX) {
        rn_str_puts(name, s->value->text);
        return;
    }
    for (size_t a = 0; a < r->n_axes; a++)
        for (size_t i = 0; strcmp(r->axes[a].key, s->key) == 0 && i < r->axes[a].values->n; i++)
            if (same_value(r->axes[a].values->entries[i].value, s->value)) {
                rn_str_printf(name, "#%zu", i + 1);
                return;
            }
    rn_str_printf(name, "line-%d", s->at.line);
}

static const char *cell_name(const struct reading *r, const struct rn_setting *set, size_t n)
{
    struct rn_str name = {0};
    rn_str_puts(&name, "");
    for (size_t i = 0; i < n; i++) {
        rn_str_printf(&name, "%s%s=", i ? "," : "", label(r, set[i].key));
        add_value(r, &name, &set[i]);
    }
    const char *kept = rn_arena_dup(&r->d->arena, name.p);
    rn_str_release(&name);
    return kept;
}

static void add_cell(struct reading *r, struct rn_setting *set, size_t n)
{
    struct rn_matrix *m = r->m;
    if (m->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        struct rn_cell *more = rn_arena_alloc(&r->d->arena, cap * sizeof *more);
        if (m->n)
            memcpy(more, m->cells, m->n * sizeof *more);
        m->cells = more;
        r->cap = cap;
    }
    m->cells[m->n++] = (struct rn_cell){cell_name(r, set, n), set, n};
}

static const struct rn_setting *setting(const struct rn_cell *c, const char *key)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->set[i].key, key) == 0)
            return &c->set[i];
    return NULL;
}

/* Has the cell all the values of a mapping? */
static bool has_values(const struct rn_cell *c, const struct rn_node *map)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct rn_setting *s = setting(c, map->entries[i].key);
        if (!s || !same_value(s->value, map->entries[i].value))
            return false;
    }
    return true;
}

/* --- exclude, include, fail_fast --- */

static bool is_excluded(const struct rn_node *list, const struct rn_cell *c, bool *used)
{
    bool out = false;
    for (size_t i = 0; list && list->kind == RN_NODE_LIST && i < list->n; i++) {
        const struct rn_node *map = list->entries[i].value;
        if (map->kind == RN_NODE_MAP && map->n && has_values(c, map))
            out = used[i] = true;
    }
    return out;
}

static bool check_list(struct reading *r, const struct rn_node *list, const char *what)
{
    const struct rn_node *bad = NULL;
    char shown[96];
    if (!list || list->kind == RN_NODE_NULL)
        return false;
    if (list->kind != RN_NODE_LIST)
        bad = list;
    for (size_t i = 0; !bad && i < list->n; i++)
        if (list->entries[i].value->kind != RN_NODE_MAP || !list->entries[i].value->n)
            bad = list->entries[i].value;
    if (bad)
        rn_hint(rn_problem_add(&r->d->problems, bad->at,
                               "'%s' takes a list of cells, found %s here", what,
                               rn_node_show(bad, shown)),
                "write [{vars.depth: 12}]");
    return !bad;
}

static void all_cells(struct reading *r, const struct rn_node *exclude, bool *used)
{
    size_t count = r->n_axes ? 1 : 0, at[AXES_MAX] = {0};
    for (size_t a = 0; a < r->n_axes; a++) {
        count *= r->axes[a].values->n;
        if (count > CELLS_MAX) {
            problem(r, r->axes[a].at, "more than 10000 cells");
            return;
        }
    }
    for (size_t k = 0; k < count; k++) {
        struct rn_setting *set = rn_arena_alloc(&r->d->arena, r->n_axes * sizeof *set);
        for (size_t a = 0; a < r->n_axes; a++) {
            const struct rn_node *value = r->axes[a].values->entries[at[a]].value;
            set[a] = (struct rn_setting){r->axes[a].key, value, r->axes[a].at};
        }
        if (!is_excluded(exclude, &(struct rn_cell){NULL, set, r->n_axes}, used))
            add_cell(r, set, r->n_axes);
        for (size_t a = r->n_axes; a-- > 0 && ++at[a] == r->axes[a].values->n;)
            at[a] = 0;
    }
}

static void check_used(struct reading *r, const struct rn_node *exclude, const bool *used)
{
    for (size_t i = 0; exclude && exclude->kind == RN_NODE_LIST && i < exclude->n; i++) {
        const struct rn_node *map = exclude->entries[i].value;
        if (!used[i] && map->kind == RN_NODE_MAP)
            rn_hint(problem(r, map->at, "no cell has these values"),
                    "an entry of 'exclude' names values of axes, written as there");
    }
}

static void include_cells(struct reading *r, const struct rn_node *list)
{
    for (size_t i = 0; i < list->n && r->m->n < CELLS_MAX; i++) {
        const struct rn_node *map = list->entries[i].value;
        struct rn_setting *set = rn_arena_alloc(&r->d->arena, map->n * sizeof *set);
        for (size_t k = 0; k < map->n; k++) {
            const struct rn_entry *e = &map->entries[k];
            set[k] = (struct rn_setting){e->key, e->value, e->at};
            is_key(r, e);
        }
        add_cell(r, set, map->n);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct rn_cell *x = *(struct rn_cell *const *)a, *y = *(struct rn_cell *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x > y) - (x < y);
}

static void refuse_twins(struct reading *r)
{
    size_t n = r->m->n;
    struct rn_cell **sorted = rn_xrealloc(NULL, n + 1, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &r->m->cells[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i]->name, sorted[i - 1]->name) == 0)
            rn_problem_add(&r->d->problems, sorted[i]->set[0].at, "two cells are called '%.100s'",
                           sorted[i]->name);
    free(sorted);
}

static void read_fail_fast(struct reading *r)
{
    const struct rn_node *node = rn_node_get(r->node, "fail_fast");
    char shown[96];
    r->m->fail_fast = true;
    if (!node)
        return;
    if (node->kind == RN_NODE_SCALAR && node->style != RN_QUOTED && rn_looks_bool(node->text))
        r->m->fail_fast = node->text[0] == 't' || node->text[0] == 'T';
    else
        rn_problem_add(&r->d->problems, node->at, "'fail_fast' takes true or false, found %s",
                       rn_node_show(node, shown));
}

static void read_cells(struct reading *r)
{
    const struct rn_node *exclude = rn_node_get(r->node, "exclude"),
                         *include = rn_node_get(r->node, "include");
    bool cuts = check_list(r, exclude, "exclude");
    bool *used = rn_xalloc(cuts ? exclude->n + 1 : 1);
    all_cells(r, cuts ? exclude : NULL, used);
    check_used(r, cuts ? exclude : NULL, used);
    free(used);
    if (check_list(r, include, "include"))
        include_cells(r, include);
    refuse_twins(r);
    if (!r->m->n && !r->d->problems.n)
        problem(r, r->node->at, "the matrix has no cells");
}

void rn_matrix_read(struct rn_matrix *m, struct rn_document *d)
{
    struct reading r = {.d = d, .m = m, .node = rn_node_get(d->root, "matrix")};
    char shown[96];
    *m = (struct rn_matrix){.fail_fast = true};
    if (!r.node || r.node->kind == RN_NODE_NULL)
        return;
    if (r.node->kind != RN_NODE_MAP) {
        rn_problem_add(&d->problems, r.node->at, "'matrix' takes a mapping, found %s",
                       rn_node_show(r.node, shown));
        return;
    }
    for (size_t i = 0; i < r.node->n; i++)
        if (!is_word(r.node->entries[i].key))
            add_axis(&r, &r.node->entries[i]);
    read_fail_fast(&r);
    read_cells(&r);
}

/* --- using cells --- */

const struct rn_cell *rn_matrix_find(const struct rn_matrix *m, const char *name)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    if (*name && !*end && number >= 1 && number <= m->n)
        return &m->cells[number - 1];
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->cells[i].name, name) == 0)
            return &m->cells[i];
    return NULL;
}

static const char *key_of_override(const char *text, char key[256])
{
    text += *text == '+' || *text == '~';
    snprintf(key, 256, "%.*s", (int)strcspn(text, "="), text);
    return key;
}

void rn_matrix_lay(struct rn_loading *l, const struct rn_cell *c, const char *const *overrides)
{
    char key[256];
    for (size_t i = 0; i < c->n; i++) {
        const struct rn_setting *s = &c->set[i];
        for (const char *const *o = overrides; o && *o; o++)
            if (rn_override_overlaps(key_of_override(*o, key), s->key))
                rn_hint(rn_problem_add(&l->problems, RN_PATH(RN_COMMAND_LINE),
                                       "%.100s: the matrix of the file sets '%.64s'", *o, s->key),
                        "choose a cell with --cell");
        struct rn_node *value = rn_node_copy(&l->tree, s->value);
        if (value)
            rn_override_set(l, s->key, value, s->at);
    }
}
