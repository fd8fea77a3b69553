#include "spent.h"

#include <math.h>
#include <string.h>

void rn_spent_init(struct rn_spent *s, const struct rn_gauge *gauge)
{
    *s = (struct rn_spent){.gauge = gauge, .last.time_s = NAN};
}

static double rate_of(const struct rn_metric_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].name, "tok_per_sec") == 0)
            return v[i].value;
    return NAN;
}

/* Steps that are quicker than samples share what was measured last. */
static void advance(struct rn_spent *s, const struct rn_reading *now)
{
    const double SHORT_S = 0.5; /* a counter may not have moved */
    double span_s = now->time_s - s->last.time_s;
    double counted_w = (now->gpu_j - s->last.gpu_j) / span_s;
    double by_power_w = (now->by_power_j - s->last.by_power_j) / span_s;
    double cpu_w = (now->cpu_j - s->last.cpu_j) / span_s;
    if (span_s <= 0)
        return;
    s->gpu_w = isnan(span_s) ? now->gpu_w : span_s < SHORT_S ? by_power_w : counted_w;
    s->all_w = s->gpu_w + (isnan(cpu_w) ? 0 : cpu_w);
    s->last = *now;
}

size_t rn_spent_since(struct rn_spent *s, const struct rn_metric_value *v, size_t n,
                      struct rn_metric_value out[RN_SPENT_VALUES])
{
    struct rn_reading now;
    double rate = rate_of(v, n);
    size_t made = 0;
    if (!s->gauge || !(rate > 0) || !rn_gauge_get(s->gauge, &now))
        return 0;
    advance(s, &now);
    const struct rn_metric_value all[RN_SPENT_VALUES] = {
        {"gpu_power_w", s->gpu_w}, {"gpu_temp_c", now.hottest_c}, {"j_per_token", s->all_w / rate}};
    for (size_t i = 0; i < RN_SPENT_VALUES; i++)
        if (isfinite(all[i].value))
            out[made++] = all[i];
    return made;
}
