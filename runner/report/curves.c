#include "curves.h"

#include "json.h"
#include "mem.h"
#include "metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More columns than any table of metrics has: a strange file must not make a row per name. */
enum { MOST_CURVES = 4096 };

static struct rn_curve *find(const struct rn_curves *c, const char *name)
{
    for (size_t i = 0; i < c->n_curves; i++)
        if (strcmp(c->curves[i].name, name) == 0)
            return &c->curves[i];
    return NULL;
}

const struct rn_curve *rn_curves_find(const struct rn_curves *c, const char *name)
{
    return find(c, name);
}

static struct rn_curve *column(struct rn_curves *c, const char *name)
{
    struct rn_curve *found = find(c, name);
    if (found || c->n_curves == MOST_CURVES)
        return found;
    c->curves = rn_xrealloc(c->curves, c->n_curves + 1, sizeof *c->curves);
    c->curves[c->n_curves] = (struct rn_curve){.name = rn_xdup(name),
                                               .values = rn_xalloc(c->cap * sizeof(double)),
                                               .known = rn_xalloc(c->cap)};
    return &c->curves[c->n_curves++];
}

static void grow(struct rn_curves *c)
{
    size_t old = c->cap;
    c->cap = old ? 2 * old : 256;
    c->steps = rn_xrealloc(c->steps, c->cap, sizeof *c->steps);
    c->times_s = rn_xrealloc(c->times_s, c->cap, sizeof *c->times_s);
    for (size_t i = 0; i < c->n_curves; i++) {
        struct rn_curve *k = &c->curves[i];
        k->values = rn_xrealloc(k->values, c->cap, sizeof *k->values);
        k->known = rn_xrealloc(k->known, c->cap, 1);
        memset(k->known + old, 0, c->cap - old);
    }
}

/* Forgets rows at and after `step`: a run that went back to an earlier step says them again. */
static void rewind_to(struct rn_curves *c, int64_t step)
{
    while (c->n > 0 && c->steps[c->n - 1] > step) {
        c->n--;
        for (size_t i = 0; i < c->n_curves; i++)
            c->curves[i].known[c->n] = 0;
    }
}

static size_t row_of(struct rn_curves *c, int64_t step)
{
    rewind_to(c, step);
    if (c->n > 0 && c->steps[c->n - 1] == step)
        return c->n - 1;
    if (c->n == c->cap)
        grow(c);
    c->steps[c->n] = step;
    return c->n++;
}

static void add_value(struct rn_curves *c, size_t row, const char *name, const json_t *value)
{
    struct rn_curve *curve = column(c, name);
    if (!curve)
        return;
    curve->values[row] = json_is_number(value) ? json_number_value(value) : NAN;
    curve->known[row] = 1;
}

static void add_text(struct rn_curves *c, int64_t step, double time_s, const char *name,
                     const char *text)
{
    struct rn_said said = {step, time_s, rn_xdup(name), rn_xdup(text)};
    RN_PUSH(c->said, c->n_said, c->cap_said, said);
}

static void add_line(void *ctx, json_t *line, int64_t end_bytes)
{
    struct rn_curves *c = ctx;
    const char *name;
    json_t *value;
    int64_t step = rn_json_int(line, "step", -1);
    double time_s = json_number_value(json_object_get(line, "time"));
    (void)end_bytes;
    if (step < 0)
        return;
    size_t row = row_of(c, step);
    c->times_s[row] = time_s;
    json_object_foreach(line, name, value)
    {
        if (json_is_string(value))
            add_text(c, step, time_s, name, json_string_value(value));
        else if (strcmp(name, "step") != 0 && strcmp(name, "time") != 0)
            add_value(c, row, name, value);
    }
}

int rn_curves_read(struct rn_curves *c, const char *run_dir, const char *stage, struct rn_err *err)
{
    char *path = rn_xprintf("%s/metrics/%s.jsonl", run_dir, stage);
    *c = (struct rn_curves){.stage = rn_xdup(stage)};
    int rc = rn_metrics_each(path, add_line, c, err);
    free(path);
    if (rc != RN_OK)
        rn_curves_release(c);
    return rc;
}

double rn_curves_last(const struct rn_curves *c, const char *name)
{
    const struct rn_curve *curve = find(c, name);
    for (size_t i = curve ? c->n : 0; i-- > 0;)
        if (curve->known[i] && isfinite(curve->values[i]))
            return curve->values[i];
    return NAN;
}

void rn_curves_release(struct rn_curves *c)
{
    for (size_t i = 0; i < c->n_curves; i++) {
        free(c->curves[i].name);
        free(c->curves[i].values);
        free(c->curves[i].known);
    }
    for (size_t i = 0; i < c->n_said; i++) {
        free(c->said[i].name);
        free(c->said[i].text);
    }
    free(c->said);
    free(c->curves);
    free(c->steps);
    free(c->times_s);
    free(c->stage);
    *c = (struct rn_curves){0};
}
