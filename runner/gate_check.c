#include "gate_check.h"

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

static int check(const struct rn_pstage *s, const struct rn_gate *g, const json_t *value,
                 struct rn_err *err)
{
    if (!value)
        return rn_fail(err, RN_EGATE, g->at, "stage '%s': gate '%s': '%s' was never measured",
                       s->name, g->text, g->metric);
    double v = json_is_number(value) ? json_number_value(value) : NAN;
    if (holds(g, v))
        return RN_OK;
    return rn_fail(err, RN_EGATE, g->at, "stage '%s': gate '%s' not met: %s is %.6g", s->name,
                   g->text, g->metric, v);
}

int rn_gates_check(const struct rn_pstage *s, const json_t *metrics, const json_t *more,
                   struct rn_err *err)
{
    for (size_t i = 0; i < s->n_gates; i++) {
        const json_t *value = json_object_get(metrics, s->gates[i].metric);
        if (!value)
            value = json_object_get(more, s->gates[i].metric);
        RN_TRY(check(s, &s->gates[i], value, err));
    }
    return RN_OK;
}
