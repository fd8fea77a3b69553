#include "watch.h"

#include "str.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum rn_code rn_alarm_code(enum rn_alarm alarm)
{
    return alarm == RN_DERAILS ? RN_EDEVICE : RN_EPEER;
}

void rn_watching_start(struct rn_watching *w, const struct rn_watch *rules, double now_s)
{
    *w = (struct rn_watching){
        .rules = rules, .sign_s = now_s, .done = -1, .slow_since_s = -1, .step = -1};
    if (rules->spike_factor > 0)
        rn_ring_init(&w->window, (size_t)rules->spike_window);
}

void rn_watching_stop(struct rn_watching *w)
{
    rn_ring_release(&w->window);
    *w = (struct rn_watching){0};
}

static void RN_PRINTF(3, 4)
    raise_alarm(struct rn_watching *w, enum rn_alarm alarm, const char *fmt, ...)
{
    if (w->alarm != RN_QUIET)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    w->alarm = alarm;
}

static void hear_spike(struct rn_watching *w, const struct rn_metric_value *v)
{
    struct rn_ring *window = &w->window;
    if (!window->values || strcmp(v->name, w->rules->spike_metric) != 0 || !isfinite(v->value))
        return;
    double usual = rn_ring_is_full(window) ? rn_ring_median(window, window->size) : INFINITY;
    if (v->value > w->rules->spike_factor * usual)
        raise_alarm(w, RN_DERAILS, "%s %.4g is over %g times its median %.4g", v->name, v->value,
                    w->rules->spike_factor, usual);
    rn_ring_add(window, v->value);
}

static void hear_floor(struct rn_watching *w, const struct rn_metric_value *v, double now_s)
{
    if (!(w->rules->floor_min > 0) || strcmp(v->name, w->rules->floor_metric) != 0)
        return;
    if (v->value >= w->rules->floor_min)
        w->slow_since_s = -1;
    else if (w->slow_since_s < 0)
        w->slow_since_s = now_s;
}

static void hear_value(struct rn_watching *w, const struct rn_metric_value *v, int64_t step,
                       double now_s)
{
    if (w->rules->nan && !isfinite(v->value))
        raise_alarm(w, RN_DERAILS, "%s is not finite at step %lld", v->name, (long long)step);
    hear_spike(w, v);
    hear_floor(w, v, now_s);
}

void rn_watching_hear(struct rn_watching *w, const struct rn_news *news, double now_s)
{
    if (news->kind == RN_NEWS_PROGRESS && news->done != w->done) {
        w->done = news->done;
        w->sign_s = now_s;
    }
    if (news->kind != RN_NEWS_NUMBERS)
        return;
    w->sign_s = now_s;
    if (w->alarm == RN_QUIET)
        w->step = news->step;
    for (size_t i = 0; i < news->n_values; i++)
        hear_value(w, &news->values[i], news->step, now_s);
}

enum rn_alarm rn_watching_look(struct rn_watching *w, double now_s)
{
    char span[32];
    const struct rn_watch *r = w->rules;
    if (r->no_step_s > 0 && now_s - w->sign_s >= r->no_step_s)
        raise_alarm(w, RN_HANGS, "no step for %s", rn_show_time(span, r->no_step_s));
    if (w->slow_since_s >= 0 && now_s - w->slow_since_s >= r->floor_for_s)
        raise_alarm(w, RN_HANGS, "%s below %g for %s", r->floor_metric, r->floor_min,
                    rn_show_time(span, r->floor_for_s));
    return w->alarm;
}

double rn_watching_due_s(const struct rn_watching *w)
{
    double step_s = w->rules->no_step_s > 0 ? w->sign_s + w->rules->no_step_s : INFINITY;
    double floor_s = w->slow_since_s >= 0 ? w->slow_since_s + w->rules->floor_for_s : INFINITY;
    return w->alarm != RN_QUIET ? INFINITY : fmin(step_s, floor_s);
}
