/* Numbers of one model, what is to know about them, and what became of each question. */
#include "evals.h"
#include "file.h"
#include "mem.h"
#include "path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rn_eval_report {
    char *model, *dir;      /* dir NULL: none */
    json_t *numbers;        /* {metric: value}, in the order of measuring */
    json_t *notes;          /* {key: value} */
    json_t *tasks;          /* {name: {protocol, version, ..}} */
    json_t *task;           /* of the one in hand; borrowed */
    struct rn_writer items; /* open while a task runs that has said an item */
    bool items_open;
};

struct rn_eval_report *rn_eval_report_new(const char *model, const char *dir)
{
    struct rn_eval_report *r = rn_new(struct rn_eval_report);
    r->model = rn_xdup(model);
    r->dir = dir ? rn_xdup(dir) : NULL;
    r->numbers = json_object();
    r->notes = json_object();
    r->tasks = json_object();
    return r;
}

void rn_eval_report_free(struct rn_eval_report *r)
{
    if (!r)
        return;
    json_decref(r->numbers);
    json_decref(r->notes);
    json_decref(r->tasks);
    free(r->model);
    free(r->dir);
    free(r);
}

const char *rn_eval_model(const struct rn_eval_report *r)
{
    return r->model;
}

char *rn_eval_path(const struct rn_eval_report *r, const char *what, const char *ending)
{
    return r->dir ? rn_xprintf("%s/%s_%s.%s", r->dir, what, r->model, ending) : NULL;
}

double rn_eval_value(const struct rn_eval_report *r, const char *metric)
{
    return rn_json_real(r->numbers, metric, NAN);
}

/* --- what tasks say --- */

void rn_eval_metric(struct rn_eval_report *r, const char *id, double value, double error)
{
    json_object_set_new(r->numbers, id, json_real(value));
    if (isfinite(error)) {
        char *key = rn_xprintf("%s_stderr", id);
        json_object_set_new(r->task, key, json_real(error));
        free(key);
    }
}

void rn_eval_share(struct rn_eval_report *r, const char *id, size_t right, size_t n)
{
    double p = n ? (double)right / (double)n : 0;
    rn_eval_metric(r, id, p, n > 1 ? sqrt(p * (1 - p) / (double)(n - 1)) : NAN);
    json_object_set_new(r->task, "items", json_integer((json_int_t)n));
}

void rn_eval_cut(struct rn_eval_report *r, size_t prompts)
{
    json_object_set_new(r->task, "cut_prompts", json_integer((json_int_t)prompts));
}

void rn_eval_note(struct rn_eval_report *r, const char *key, json_t *value)
{
    json_object_set_new(r->notes, key, value);
}

void rn_eval_item(struct rn_eval_report *r, json_t *item)
{
    if (r->items_open) {
        char *line = rn_json_canonical(item);
        rn_writer_printf(&r->items, "%s\n", line);
        free(line);
    }
    json_decref(item);
}

/* --- running one --- */

/* "validation", "test", ..: as the file's name has it. */
static const char *split_of(const struct rn_eval_data *d)
{
    static const char *const words[] = {"validation", "test", "train", "dev", "val"};
    for (size_t i = 0; d->n && i < RN_COUNT(words); i++)
        if (strstr(rn_basename(d->paths[0]), words[i]))
            return words[i];
    return "as given";
}

static json_t *describe(const struct rn_eval_run *run, const struct rn_eval_task *t)
{
    json_t *doc = json_pack("{s:s, s:i}", "protocol", t->protocol, "version", t->version);
    for (int in = 1; in < RN_EVAL_INPUTS; in++) {
        const struct rn_eval_data *d = &run->data[in];
        if (!(t->inputs >> in & 1) || d->n == 0)
            continue;
        if (d->n == 1)
            json_object_set_new(doc, "file", json_string(rn_basename(d->paths[0])));
        json_object_set_new(doc, "split", json_string(t->split ? t->split : split_of(d)));
    }
    return doc;
}

static int open_items(struct rn_eval_report *r, const struct rn_eval *e, struct rn_err *err)
{
    char *path = rn_eval_path(r, e->id, "jsonl");
    int rc = path ? rn_writer_open(&r->items, path, err) : RN_OK;
    r->items_open = path && rc == RN_OK;
    free(path);
    return rc;
}

/* A file of items only where there were some. */
static int close_items(struct rn_eval_report *r, int rc, struct rn_err *err)
{
    if (!r->items_open)
        return rc;
    r->items_open = false;
    if (rc == RN_OK && r->items.size_bytes + r->items.buffered > 0)
        return rn_writer_commit(&r->items, NULL, err);
    rn_writer_abort(&r->items);
    return rc;
}

int rn_eval_measure(struct rn_eval_run *run, const struct rn_eval *e, struct rn_err *err)
{
    struct rn_eval_report *r = run->report;
    if (json_object_get(r->numbers, e->id))
        return RN_OK;
    json_t *outer = r->task; /* a task may ask for others */
    struct rn_writer outer_items = r->items;
    bool outer_open = r->items_open;
    r->items_open = false;
    r->task = describe(run, e->task);
    json_object_set_new(r->tasks, e->name, r->task);
    int rc = open_items(r, e, err);
    if (rc == RN_OK)
        rc = close_items(r, e->task->run(run, err), err);
    r->task = outer;
    r->items = outer_items;
    r->items_open = outer_open;
    return rc == RN_OK ? RN_OK : rn_while(err, "measuring %s of %s", e->name, r->model);
}

/* --- showing --- */

json_t *rn_eval_report_json(const struct rn_eval_report *r)
{
    json_t *doc = json_copy(r->numbers);
    json_object_update(doc, r->notes);
    json_object_set(doc, "tasks", r->tasks);
    return doc;
}

void rn_eval_each(const struct rn_eval_report *r, void (*each)(void *, const char *, double),
                  void *ctx)
{
    const char *id;
    json_t *value;
    json_object_foreach(r->numbers, id, value) each(ctx, id, json_number_value(value));
}

static void table_line(struct rn_eval_report *const *r, size_t n, const char *metric,
                       struct rn_str *out)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= json_object_get(r[i]->numbers, metric) != NULL;
    if (!any)
        return;
    rn_str_printf(out, "%-20s", metric);
    for (size_t i = 0; i < n; i++) {
        double value = rn_eval_value(r[i], metric);
        if (isnan(value))
            rn_str_printf(out, " %12s", "-");
        else
            rn_str_printf(out, " %12.4f", value);
    }
    rn_str_puts(out, "\n");
}

void rn_eval_table(struct rn_eval_report *const *r, size_t n, struct rn_str *out)
{
    static const char *const metrics[] = {
#define EVAL(id, name, unit, better, doc) #id,
#define ALSO(id, unit, better, doc)       #id,
#include "evals.def"
    };
    rn_str_printf(out, "%-20s", "");
    for (size_t i = 0; i < n; i++)
        rn_str_printf(out, " %12s", r[i]->model);
    rn_str_puts(out, "\n");
    for (size_t k = 0; k < RN_COUNT(metrics); k++)
        table_line(r, n, metrics[k], out);
}
