#include "core_bundle.h"

#include "file.h"
#include "yaml_tree.h"

#include <stdlib.h>
#include <string.h>

enum { TASKS_MAX = 1000, SHOTS_MAX = 100, CSV_BYTES = 1 << 20 };

/* --- the bundle --- */

static int bad_task(struct rn_err *err, const struct rn_node *n, const char *what)
{
    return rn_fail(err, RN_ECORRUPT, n->at, "task of CORE: %s", what);
}

static const char *text_of(const struct rn_node *task, const char *key)
{
    const struct rn_node *n = rn_node_get(task, key);
    return n && n->kind == RN_NODE_SCALAR ? n->text : NULL;
}

static int task_type(const char *name, enum rn_core_type *type)
{
    static const char *const names[] = {[RN_CORE_CHOICE] = "multiple_choice",
                                        [RN_CORE_SCHEMA] = "schema",
                                        [RN_CORE_LM] = "language_modeling"};
    for (size_t i = 0; name && i < RN_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *type = (enum rn_core_type)i;
            return RN_OK;
        }
    }
    return RN_ECORRUPT;
}

static int task_shots(const struct rn_node *task, int *shots)
{
    const struct rn_node *list = rn_node_get(task, "num_fewshot");
    if (!list || list->kind != RN_NODE_LIST || list->n == 0)
        return RN_ECORRUPT;
    const struct rn_node *first = list->entries[0].value;
    char *end = NULL;
    long n = first->kind == RN_NODE_SCALAR ? strtol(first->text, &end, 10) : -1;
    if (!end || *end || n < 0 || n > SHOTS_MAX)
        return RN_ECORRUPT;
    *shots = (int)n;
    return RN_OK;
}

/* A path inside the bundle; what climbs out of it or is absolute is refused. */
static bool stays_inside(const char *path)
{
    if (!*path || *path == '/')
        return false;
    for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))
            return false;
    return true;
}

static int add_task(struct rn_core *c, const char *dir, const struct rn_node *n, struct rn_err *err)
{
    const char *label = text_of(n, "label"), *uri = text_of(n, "dataset_uri");
    const char *delimiter = text_of(n, "continuation_delimiter");
    struct rn_core_task t = {.delimiter = delimiter ? delimiter : " ", .baseline = -1};
    if (!label || !*label)
        return bad_task(err, n, "no label");
    if (!uri || !stays_inside(uri))
        return bad_task(err, n, "dataset_uri is no path inside the bundle");
    if (task_type(text_of(n, "icl_task_type"), &t.type) != RN_OK)
        return bad_task(err, n,
                        "icl_task_type is not multiple_choice, schema or language_modeling");
    if (task_shots(n, &t.shots) != RN_OK)
        return bad_task(err, n, "num_fewshot is no list with a number from 0 to 100");
    t.label = label;
    t.path = rn_arena_printf(&c->arena, "%s/eval_data/%s", dir, uri);
    c->tasks[c->n++] = t;
    return RN_OK;
}

static int read_tree(struct rn_core *c, const char *dir, const struct rn_node *root,
                     const char *path, struct rn_err *err)
{
    const struct rn_node *list = rn_node_get(root, "icl_tasks");
    if (!list || list->kind != RN_NODE_LIST || list->n == 0 || list->n > TASKS_MAX)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "no list icl_tasks of 1 to %d tasks",
                       TASKS_MAX);
    c->tasks = rn_arena_alloc(&c->arena, list->n * sizeof *c->tasks);
    for (size_t i = 0; i < list->n; i++)
        RN_TRY(add_task(c, dir, list->entries[i].value, err));
    return RN_OK;
}

static int read_yaml(struct rn_core *c, const char *dir, struct rn_err *err)
{
    struct rn_problems problems = {0};
    struct rn_tree tree = {.arena = &c->arena, .problems = &problems};
    const char *path = rn_arena_printf(&c->arena, "%s/core.yaml", dir);
    char *text;
    size_t n;
    RN_TRY(rn_file_read(path, RN_YAML_BYTES, &text, &n, err));
    const struct rn_node *root = rn_yaml_parse(&tree, text, n, path);
    int rc = RN_OK;
    if (rn_problems_count(&problems))
        rc = rn_fail(err, RN_ECORRUPT, rn_err_place(problems.items[0]), "%s",
                     problems.items[0]->msg);
    else
        rc = read_tree(c, dir, root, path, err);
    rn_problems_release(&problems);
    free(text);
    return rc;
}

/* --- baselines: a CSV with quoted fields --- */

/* Reads one field to `out`; *p moves behind its comma. False at the end of the line, which *p then
 * points at. */
static bool csv_field(const char **p, struct rn_str *out)
{
    bool quoted = **p == '"';
    const char *s = *p + quoted;
    rn_str_clear(out);
    for (; *s; s++) {
        if (quoted && s[0] == '"' && s[1] == '"')
            s++;
        else if (quoted && s[0] == '"')
            quoted = false, s++;
        if (!quoted && (*s == ',' || *s == '\n' || *s == '\r' || !*s))
            break;
        rn_str_putc(out, *s);
    }
    *p = *s == ',' ? s + 1 : s;
    return *s == ',';
}

struct csv_row {
    struct rn_str field[2]; /* of the two wanted columns */
};

/* Reads a line; fields whose number is wanted are kept. */
static void csv_line(const char **p, const int wanted[2], struct csv_row *row)
{
    struct rn_str s = {0};
    bool more = true;
    rn_str_clear(&row->field[0]);
    rn_str_clear(&row->field[1]);
    for (int column = 0; more; column++) {
        more = csv_field(p, &s);
        for (int k = 0; k < 2; k++)
            if (wanted[k] == column)
                rn_str_add(&row->field[k], s.p ? s.p : "", s.n);
    }
    *p += strspn(*p, "\r\n");
    rn_str_release(&s);
}

static void set_baseline(struct rn_core *c, const struct csv_row *row)
{
    char *end;
    const char *number = row->field[1].p ? row->field[1].p : "";
    double value = strtod(number, &end);
    for (size_t i = 0; i < c->n; i++)
        if (row->field[0].p && strcmp(c->tasks[i].label, row->field[0].p) == 0 && end > number)
            c->tasks[i].baseline = value;
}

/* The columns "Eval Task" and "Random baseline" of the heading. */
static int find_columns(const char **p, int column[2], const char *path, struct rn_err *err)
{
    static const char *const names[2] = {"Eval Task", "Random baseline"};
    struct rn_str s = {0};
    bool more = true;
    column[0] = column[1] = -1;
    for (int i = 0; more; i++) {
        more = csv_field(p, &s);
        for (int k = 0; k < 2; k++)
            if (s.p && strcmp(s.p, names[k]) == 0)
                column[k] = i;
    }
    rn_str_release(&s);
    *p += strspn(*p, "\r\n");
    if (column[0] < 0 || column[1] < 0)
        return rn_fail(err, RN_ECORRUPT, RN_LINE(path, 1), "no columns '%s' and '%s'", names[0],
                       names[1]);
    return RN_OK;
}

static int read_baselines(struct rn_core *c, const char *dir, struct rn_err *err)
{
    const char *path = rn_arena_printf(&c->arena, "%s/eval_meta_data.csv", dir);
    struct csv_row row = {0};
    int column[2];
    char *text;
    size_t n;
    RN_TRY(rn_file_read(path, CSV_BYTES, &text, &n, err));
    const char *p = text;
    int rc = find_columns(&p, column, path, err);
    while (rc == RN_OK && *p) {
        csv_line(&p, column, &row);
        set_baseline(c, &row);
    }
    rn_str_release(&row.field[0]);
    rn_str_release(&row.field[1]);
    free(text);
    for (size_t i = 0; i < c->n && rc == RN_OK; i++)
        if (!(c->tasks[i].baseline >= 0 && c->tasks[i].baseline < 100))
            rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "no random baseline for the task '%s'",
                         c->tasks[i].label);
    return rc;
}

int rn_core_open(struct rn_core *c, const char *dir, struct rn_err *err)
{
    *c = (struct rn_core){0};
    int rc = read_yaml(c, dir, err);
    if (rc == RN_OK)
        rc = read_baselines(c, dir, err);
    if (rc != RN_OK)
        rn_core_release(c);
    return rc;
}

void rn_core_release(struct rn_core *c)
{
    rn_arena_release(&c->arena);
    *c = (struct rn_core){0};
}
