#include "series.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>

/* Tokens trained on up to a row: rate times duration, added up. Rows without both add nothing. */
static double tokens_of(const struct rn_curve *rate, const struct rn_curve *dt, size_t row)
{
    if (!rate || !dt || !rate->known[row] || !dt->known[row])
        return 0;
    double n = rate->values[row] * dt->values[row] / 1000;
    return isfinite(n) ? n : 0;
}

static struct rn_series series_of(const struct rn_curves *c, const struct rn_curve *curve,
                                  char *label)
{
    const struct rn_curve *rate = rn_curves_find(c, "tok_per_sec"),
                          *dt = rn_curves_find(c, "dt_ms"),
                          *total = rn_curves_find(c, "total_flops");
    size_t bytes = c->n * sizeof(double);
    struct rn_series d = {label,
                          rn_xalloc(bytes),
                          rn_xalloc(bytes),
                          rn_xalloc(bytes),
                          rn_xalloc(bytes),
                          rn_xalloc(bytes),
                          0};
    double tokens = 0, flops = 0;
    for (size_t row = 0; row < c->n; row++) {
        tokens += tokens_of(rate, dt, row);
        flops = total && total->known[row] ? total->values[row] : flops;
        if (!curve->known[row])
            continue;
        d.step[d.n] = (double)c->steps[row];
        d.time_s[d.n] = c->times_s[row] - c->times_s[0];
        d.tokens[d.n] = tokens;
        d.flops[d.n] = flops;
        d.y[d.n++] = curve->values[row];
    }
    return d;
}

void rn_series_free(struct rn_series *d, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(d[i].label);
        free(d[i].step);
        free(d[i].time_s);
        free(d[i].tokens);
        free(d[i].flops);
        free(d[i].y);
    }
    free(d);
}

struct rn_series *rn_series_collect(const struct rn_account *runs, size_t n_runs,
                                    const char *metric, size_t *n)
{
    struct rn_series *all = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t r = 0; r < n_runs; r++) {
        const struct rn_numbers *numbers = &runs[r].numbers;
        for (size_t s = 0; s < numbers->n; s++) {
            const struct rn_curves *c = &numbers->stages[s];
            const struct rn_curve *curve = rn_curves_find(c, metric);
            if (!curve || c->n < 2)
                continue;
            char *label =
                n_runs > 1 ? rn_xprintf("%s %s", numbers->tag, c->stage) : rn_xdup(c->stage);
            struct rn_series d = series_of(c, curve, label);
            RN_PUSH(all, *n, cap, d);
        }
    }
    return all;
}
