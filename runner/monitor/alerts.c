#include "alerts.h"

#include "str.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* --- what was heard --- */

enum { WINDOW = 128, GAPS = 64, RATES = 64, RATES_NEWEST = 5, RATES_LEAST = 16 };

const struct rn_signs rn_no_signs = {.disk_free_bytes = NAN,
                                     .checkpoint_bytes = NAN,
                                     .since_save_s = NAN,
                                     .hottest_c = NAN,
                                     .slowdown_c = NAN};

void rn_vigil_start(struct rn_vigil *v, const char *stage, const struct rn_stage *kind,
                    void (*raise)(void *, const struct rn_alert *), void *ctx, double now_s)
{
    *v = (struct rn_vigil){.stage = stage,
                           .kind = kind,
                           .raise = raise,
                           .ctx = ctx,
                           .step = -1,
                           .step_s = NAN,
                           .life_s = now_s,
                           .loss_z = NAN,
                           .norm_z = NAN,
                           .throttled_since_s = NAN,
                           .signs = rn_no_signs};
    for (int i = 0; i < RN_ALERTS; i++)
        v->rules[i].told_s = -INFINITY;
    rn_ring_init(&v->gaps_s, GAPS);
    rn_ring_init(&v->loss, WINDOW);
    rn_ring_init(&v->norm, WINDOW);
    rn_ring_init(&v->rate, RATES);
}

void rn_vigil_stop(struct rn_vigil *v)
{
    rn_ring_release(&v->gaps_s);
    rn_ring_release(&v->loss);
    rn_ring_release(&v->norm);
    rn_ring_release(&v->rate);
}

/* How unusual it is against those before it; NaN for what is no number. */
static double take(struct rn_ring *r, double value)
{
    double z = isfinite(value) ? rn_ring_z(r, value) : NAN;
    if (isfinite(value))
        rn_ring_add(r, value);
    return z;
}

static void take_value(struct rn_vigil *v, const struct rn_metric_value *value)
{
    bool loss = strcmp(value->name, "loss") == 0, norm = strcmp(value->name, "grad_norm") == 0;
    if ((loss || norm) && !isfinite(value->value))
        snprintf(v->odd, sizeof v->odd, "%s", value->name);
    if (loss)
        v->loss_z = take(&v->loss, value->value);
    else if (norm)
        v->norm_z = take(&v->norm, value->value);
    else if (strcmp(value->name, "tok_per_sec") == 0)
        take(&v->rate, value->value);
}

static void take_numbers(struct rn_vigil *v, const struct rn_news *news, double now_s)
{
    if (news->step > v->step && !isnan(v->step_s))
        rn_ring_add(&v->gaps_s, now_s - v->step_s);
    if (news->step != v->step) { /* one step may come in several pieces */
        v->step_s = now_s;
        v->odd[0] = '\0';
    }
    v->step = news->step;
    for (size_t i = 0; i < news->n_values; i++)
        take_value(v, &news->values[i]);
}

/* --- rules: true while they hold, then text says how --- */

typedef bool rule(const struct rn_vigil *, double now_s, char text[RN_ALERT_TEXT]);

static bool RN_PRINTF(2, 3) say(char text[RN_ALERT_TEXT], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, RN_ALERT_TEXT, fmt, ap);
    va_end(ap);
    return true;
}

static bool test_not_finite(const struct rn_vigil *v, double now_s, char *text)
{
    (void)now_s;
    return v->odd[0] && say(text, "%s is no number", v->odd);
}

static bool test_spike(const struct rn_vigil *v, double now_s, char *text)
{
    const double LIMIT = 6;
    const char *words = "standard deviations above its last";
    (void)now_s;
    return (v->loss_z > LIMIT && say(text, "loss is %.1f %s %d", v->loss_z, words, WINDOW)) ||
           (v->norm_z > LIMIT && say(text, "grad_norm is %.1f %s %d", v->norm_z, words, WINDOW));
}

static bool test_stall(const struct rn_vigil *v, double now_s, char *text)
{
    const double LEAST_S = 300, TIMES = 10;
    char span[32], usual[32];
    double silent_s = now_s - v->life_s, step_s = rn_ring_median(&v->gaps_s, GAPS);
    if (!(silent_s > fmax(LEAST_S, TIMES * step_s)))
        return false;
    return say(text, "no sign of life for %s%s%s", rn_show_time(span, silent_s),
               isnan(step_s) ? "" : "; a step takes ",
               isnan(step_s) ? "" : rn_show_time(usual, step_s));
}

/* The newest few against all: one slow step, with an evaluation in it, is no news. */
static bool test_slow(const struct rn_vigil *v, double now_s, char *text)
{
    const double SHARE = 0.7;
    double now = rn_ring_median(&v->rate, RATES_NEWEST), usual = rn_ring_median(&v->rate, RATES);
    (void)now_s;
    return rn_ring_n(&v->rate) >= RATES_LEAST && now < SHARE * usual &&
           say(text, "%.0f tokens a second, %.0f %% of the median %.0f", now, 100 * now / usual,
               usual);
}

static bool test_throttled(const struct rn_vigil *v, double now_s, char *text)
{
    const double LONG_S = 30;
    char span[32];
    double held_s = now_s - v->throttled_since_s;
    return held_s > LONG_S &&
           say(text, "a GPU is held back by heat or its supply for %s", rn_show_time(span, held_s));
}

static bool test_hot(const struct rn_vigil *v, double now_s, char *text)
{
    const double NEAR_C = 5, USUAL_LIMIT_C = 90;
    double limit_c = isnan(v->signs.slowdown_c) ? USUAL_LIMIT_C : v->signs.slowdown_c;
    (void)now_s;
    return v->signs.hottest_c >= limit_c - NEAR_C &&
           say(text, "a GPU has %.0f degrees; at %.0f it slows itself down", v->signs.hottest_c,
               limit_c);
}

static bool test_gpu_lost(const struct rn_vigil *v, double now_s, char *text)
{
    (void)now_s;
    return v->signs.lost > 0 && say(text, "%d GPU%s off the bus", v->signs.lost,
                                    v->signs.lost == 1 ? " fell" : "s fell");
}

static bool test_disk(const struct rn_vigil *v, double now_s, char *text)
{
    char left[32], size[32];
    const struct rn_signs *s = &v->signs;
    (void)now_s;
    return s->disk_free_bytes < 2 * s->checkpoint_bytes &&
           say(text, "%s left, a checkpoint takes %s", rn_show_bytes(left, s->disk_free_bytes),
               rn_show_bytes(size, s->checkpoint_bytes));
}

/* The nearer of the two cadences; INFINITY: none is due. */
static double save_due_s(const struct rn_vigil *v)
{
    double steps_s = v->signs.save_every_steps * rn_ring_median(&v->gaps_s, GAPS);
    double time_s = v->signs.save_every_s;
    return fmin(time_s > 0 ? time_s : INFINITY, steps_s > 0 ? steps_s : INFINITY);
}

static bool test_late(const struct rn_vigil *v, double now_s, char *text)
{
    const double SOME_S = 60;
    char since[32], due[32];
    double due_s = save_due_s(v), since_s = v->signs.since_save_s;
    (void)now_s;
    return since_s > 2 * due_s + SOME_S &&
           say(text, "the last checkpoint is %s old, one was due after %s",
               rn_show_time(since, since_s), rn_show_time(due, due_s));
}

static bool test_source(const struct rn_vigil *v, double now_s, char *text)
{
    (void)now_s;
    return v->warning[0] && v->kind->files && say(text, "%s", v->warning);
}

static bool test_warned(const struct rn_vigil *v, double now_s, char *text)
{
    (void)now_s;
    return v->warning[0] && !v->kind->files && say(text, "%s", v->warning);
}

/* --- judging --- */

#define WARNING  "warning"
#define CRITICAL "critical"
const struct rn_alert_row rn_alert_rows[RN_ALERTS] = {
#define ALERT(id, name, level, doc) {name, level, doc},
#define TOLD(id, name, level, doc)  {name, level, doc},
#include "alerts.def"
#undef TOLD
#undef ALERT
};
static rule *const tests[RN_ALERTS] = {
#define ALERT(id, name, level, doc) test_##id,
#define TOLD(id, name, level, doc)  NULL,
#include "alerts.def"
#undef TOLD
#undef ALERT
};

static void tell(struct rn_vigil *v, struct rn_alert *a, double now_s)
{
    struct rn_rule_state *s = &v->rules[a->id];
    size_t n = strlen(a->text);
    if (s->n_passed)
        snprintf(a->text + n, sizeof a->text - n, " (and %d time%s since the last)", s->n_passed,
                 s->n_passed == 1 ? "" : "s");
    *s = (struct rn_rule_state){.holds = true, .told_s = now_s};
    v->raise(v->ctx, a);
}

static void forget(struct rn_rule_state *s)
{
    s->holds = s->passed_over = false;
}

static void judge_rule(struct rn_vigil *v, enum rn_alert_id id, double now_s)
{
    const double QUIET_S = 600;
    struct rn_rule_state *s = &v->rules[id];
    struct rn_alert a = {.id = id, .stage = v->stage, .step = v->step};
    if (!tests[id](v, now_s, a.text)) {
        forget(s);
    } else if (!s->holds && now_s - s->told_s >= QUIET_S) {
        tell(v, &a, now_s);
    } else if (!s->holds && !s->passed_over) {
        s->passed_over = true;
        s->n_passed++;
    }
}

static void judge(struct rn_vigil *v, double now_s)
{
    for (int id = 0; id < RN_ALERTS; id++)
        if (tests[id])
            judge_rule(v, (enum rn_alert_id)id, now_s);
}

void rn_vigil_hear(struct rn_vigil *v, const struct rn_news *news, double now_s)
{
    if (news->kind == RN_NEWS_END) {
        v->life_s = NAN;
        return;
    }
    v->life_s = now_s;
    if (news->kind == RN_NEWS_NUMBERS)
        take_numbers(v, news, now_s);
    if (news->kind == RN_NEWS_LOG && news->level == RN_WARN)
        snprintf(v->warning, sizeof v->warning, "%s", news->text);
    judge(v, now_s);
    v->warning[0] = '\0';
    forget(&v->rules[RN_ALERT_source]); /* each warning is an event of its own */
    forget(&v->rules[RN_ALERT_warned]);
}

void rn_vigil_see(struct rn_vigil *v, const struct rn_signs *signs, double now_s)
{
    v->signs = *signs;
    if (!signs->throttled)
        v->throttled_since_s = NAN;
    else if (isnan(v->throttled_since_s))
        v->throttled_since_s = now_s;
    judge(v, now_s);
}
