#include "gate_check.h"

#include "metrics.h"
#include "str.h"

#include <math.h>

/* Comparisons are written so that NaN fails them. */
static bool holds(const struct rn_gate *g, double v)
{
    switch (g->op) {
    case RN_GATE_FINITE:
        return isfinite(v);
    case RN_GATE_LT:
        return v < g->bound;
    case RN_GATE_LE:
        return v <= g->bound;
    case RN_GATE_GT:
        return v > g->bound;
    case RN_GATE_GE:
        return v >= g->bound;
    }
    return false;
}

/* All values of a metric, oldest first, folded into one. Not finite anywhere: not a number. */
struct folded {
    double last, least, most, sum;
    size_t n;
};

static struct folded fold(const json_t *lines, const char *metric)
{
    struct folded f = {0};
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *value = json_object_get(json_array_get(lines, i), metric);
        if (!value)
            continue;
        double v = json_is_number(value) ? json_number_value(value) : NAN;
        bool bad = isnan(v) || isnan(f.sum);
        f.last = v;
        f.least = bad ? NAN : f.n == 0 || v < f.least ? v : f.least;
        f.most = bad ? NAN : f.n == 0 || v > f.most ? v : f.most;
        f.sum += v;
        f.n++;
    }
    return f;
}

static double folded_value(const struct folded *f, enum rn_gate_fold how)
{
    return how == RN_FOLD_MIN    ? f->least
           : how == RN_FOLD_MAX  ? f->most
           : how == RN_FOLD_MEAN ? f->sum / (double)f->n
                                 : f->last;
}

/* False: the stage never measured it. */
static bool measured(const struct rn_gate *g, const json_t *final, const json_t *lines, double *v)
{
    const json_t *value = g->fold == RN_FOLD_LAST ? json_object_get(final, g->metric) : NULL;
    if (value) {
        *v = json_is_number(value) ? json_number_value(value) : NAN;
        return true;
    }
    struct folded f = fold(lines, g->metric);
    *v = folded_value(&f, g->fold);
    return f.n > 0;
}

static void hint_measured(const json_t *final, struct rn_err *err)
{
    struct rn_str all = {0};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *) final, name, value)
        rn_str_printf(&all, "%s%s", all.n ? ", " : "", name);
    if (all.n)
        rn_hint(err,
                "measured were %s; another gate may be written without running the stage again",
                all.p);
    rn_str_release(&all);
}

static int check(const struct rn_pstage *s, const struct rn_gate *g, const json_t *final,
                 const json_t *lines, struct rn_err *err)
{
    static const char *const words[] = {"", "smallest ", "largest ", "mean "};
    double v;
    if (!measured(g, final, lines, &v)) {
        hint_measured(final, err);
        return rn_fail(err, RN_EGATE, g->at, "stage '%s': gate '%s': '%s' was never measured",
                       s->name, g->text, g->metric);
    }
    if (holds(g, v))
        return RN_OK;
    return rn_fail(err, RN_EGATE, g->at, "stage '%s': gate '%s' not met: %s%s is %.6g", s->name,
                   g->text, words[g->fold], g->metric, v);
}

static bool needs_lines(const struct rn_pstage *s, const json_t *final)
{
    for (size_t i = 0; i < s->n_gates; i++)
        if (s->gates[i].fold != RN_FOLD_LAST || !json_object_get(final, s->gates[i].metric))
            return true;
    return false;
}

int rn_gates_check(const struct rn_pstage *s, const json_t *final, const char *path,
                   struct rn_err *err)
{
    json_t *lines = path && needs_lines(s, final) ? rn_metrics_read(path) : NULL;
    int rc = RN_OK;
    for (size_t i = 0; i < s->n_gates && rc == RN_OK; i++)
        rc = check(s, &s->gates[i], final, lines, err);
    json_decref(lines);
    return rc;
}
