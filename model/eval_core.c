#include "eval_core.h"

#include "file.h"
#include "yaml_tree.h"

#include <stdlib.h>
#include <string.h>

enum { TASKS_MAX = 1000, SHOTS_MAX = 100, CSV_BYTES = 1 << 20, CHUNK = 64 /* items at once */ };

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
        rc = rn_fail(err, RN_ECORRUPT, problems.items[0]->at, "%s", problems.items[0]->msg);
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

/* --- scoring --- */

struct chunk { /* the prompts of a few items */
    struct rn_span *spans;
    size_t first[CHUNK + 1]; /* item i has spans first[i] .. first[i + 1] */
};

static void ask(const struct rn_core_rows *rows, const struct rn_core_run *run, size_t from,
                size_t n, struct chunk *c)
{
    c->first[0] = 0;
    for (size_t i = 0; i < n; i++) {
        struct rn_span *at = c->spans + c->first[i];
        c->first[i + 1] = c->first[i] + rn_core_spans(rows, from + i, run->tokenizer, at);
    }
    int64_t most = rn_scorer_max_len(run->scorer);
    if (run->max_len > 0 && (most == 0 || run->max_len < most))
        most = run->max_len;
    rn_spans_crop(c->spans, c->first[n], most);
}

static size_t count_right(const struct rn_core_task *t, const struct rn_core_rows *rows,
                          size_t from, size_t n, const struct chunk *c)
{
    size_t right = 0;
    for (size_t i = 0; i < n; i++) {
        const struct rn_span *s = c->spans + c->first[i];
        if (t->type == RN_CORE_LM)
            right += s->all_likeliest;
        else
            right += rn_spans_lowest(s, c->first[i + 1] - c->first[i]) ==
                     rn_core_row_gold(rows, from + i);
    }
    return right;
}

static int score_chunk(const struct rn_core_task *t, const struct rn_core_rows *rows,
                       const struct rn_core_run *run, size_t from, size_t n, size_t *right,
                       struct rn_err *err)
{
    struct chunk c = {.spans = rn_xalloc(CHUNK * RN_CORE_OPTIONS * sizeof(struct rn_span))};
    ask(rows, run, from, n, &c);
    int rc = rn_spans_score(run->scorer, c.spans, c.first[n], err);
    if (rc == RN_OK)
        *right += count_right(t, rows, from, n, &c);
    rn_spans_release(c.spans, c.first[n]);
    free(c.spans);
    return rc;
}

static int score_rows(const struct rn_core_task *t, const struct rn_core_rows *rows,
                      const struct rn_core_run *run, size_t *right, struct rn_err *err)
{
    size_t all = rn_core_rows_count(rows);
    for (size_t i = 0; i < all; i += CHUNK) {
        size_t n = all - i < CHUNK ? all - i : CHUNK;
        RN_TRY(score_chunk(t, rows, run, i, n, right, err));
        if (run->progress && !run->progress(run->ctx, t->label, i + n, all))
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped while measuring CORE");
    }
    return RN_OK;
}

/* DCLM's table of September 2025 differs from the bundle's in these. */
static double baseline_v2(const struct rn_core_task *t)
{
    static const struct {
        const char *label;
        double percent;
    } corrected[] = {{"commonsense_qa", 40.3},
                     {"agi_eval_lsat_ar", 25},
                     {"bigbench_language_identification", 25}};
    for (size_t i = 0; i < RN_COUNT(corrected); i++)
        if (strcmp(corrected[i].label, t->label) == 0)
            return corrected[i].percent;
    return t->baseline;
}

static double center(double accuracy, double baseline_percent)
{
    double b = 0.01 * baseline_percent;
    return (accuracy - b) / (1.0 - b);
}

static int score_task(const struct rn_core_task *t, const struct rn_core_run *run,
                      struct rn_core_task_result *r, struct rn_err *err)
{
    struct rn_core_rows *rows;
    size_t right = 0;
    RN_TRY(rn_core_rows_load(&rows, t, run->max_per_task, err));
    int rc = score_rows(t, rows, run, &right, err);
    r->items = rn_core_rows_count(rows);
    r->accuracy = r->items ? (double)right / (double)r->items : 0;
    r->centered = center(r->accuracy, t->baseline);
    r->centered_v2 = center(r->accuracy, baseline_v2(t));
    rn_core_rows_free(rows);
    return rc;
}

int rn_core_score(const struct rn_core *c, const struct rn_core_run *run, struct rn_core_result *r,
                  struct rn_err *err)
{
    *r = (struct rn_core_result){.tasks = rn_xalloc((c->n + 1) * sizeof *r->tasks)};
    for (size_t i = 0; i < c->n; i++) {
        int rc = score_task(&c->tasks[i], run, &r->tasks[i], err);
        if (rc != RN_OK) {
            rn_core_result_release(r);
            return rc;
        }
        r->core += r->tasks[i].centered / (double)c->n;
        r->core_v2 += r->tasks[i].centered_v2 / (double)c->n;
    }
    return RN_OK;
}

void rn_core_result_release(struct rn_core_result *r)
{
    free(r->tasks);
    *r = (struct rn_core_result){0};
}

int rn_core_write_csv(const struct rn_core *c, const struct rn_core_result *r, const char *path,
                      struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, path, err));
    rn_writer_printf(&w, "%-35s, %-10s, %-10s\n", "Task", "Accuracy", "Centered");
    for (size_t i = 0; i < c->n; i++)
        rn_writer_printf(&w, "%-35s, %-10.6f, %-10.6f\n", c->tasks[i].label, r->tasks[i].accuracy,
                         r->tasks[i].centered);
    rn_writer_printf(&w, "%-35s, %-10s, %-10.6f\n", "CORE", "", r->core);
    return rn_writer_commit(&w, NULL, err);
}
