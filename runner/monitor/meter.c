#include "meter.h"

#include <math.h>

/* Between two moments the power is taken to change evenly. */
static double by_power(const struct rn_meter *m, double now_s, double power_w)
{
    double mean_w = (m->power_w + power_w) / 2;
    return isnan(mean_w) ? 0 : mean_w * (now_s - m->last_s);
}

static void add_span(struct rn_meter *m, double now_s, double power_w, double counter_j)
{
    double joules = by_power(m, now_s, power_w);
    m->by_power_j += joules;
    m->since_j += joules;
    if (isnan(counter_j))
        return;
    m->counted_j += counter_j >= m->counter_j ? counter_j - m->counter_j : m->since_j;
    m->since_j = 0;
    m->counter_j = counter_j;
}

void rn_meter_add(struct rn_meter *m, double now_s, double power_w, double counter_j)
{
    if (isnan(power_w) && isnan(counter_j))
        return;
    if (m->known)
        add_span(m, now_s, power_w, counter_j);
    else
        *m = (struct rn_meter){
            .known = true, .first_s = now_s, .counter_j = counter_j, .power_max_w = power_w};
    m->last_s = now_s;
    m->power_w = power_w;
    m->power_max_w = fmax(m->power_max_w, power_w); /* of a NaN and a number: the number */
}

double rn_meter_joules(const struct rn_meter *m)
{
    const double SHORT_S = 0.5;
    if (!m->known)
        return NAN;
    if (m->last_s - m->first_s < SHORT_S && m->by_power_j > 0)
        return m->by_power_j;
    return m->counted_j + m->since_j;
}

double rn_meter_watts(const struct rn_meter *m)
{
    double span_s = m->last_s - m->first_s;
    return span_s > 0 ? rn_meter_joules(m) / span_s : m->known ? m->power_w : NAN;
}
