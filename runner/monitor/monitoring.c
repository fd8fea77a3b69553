#include "monitoring.h"

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "samples.h"
#include "signals.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* --- in its own process --- */

struct at_work {
    const struct rn_monitored *what;
    struct rn_gauge *gauge;
};

/* The card with the least distance to where it slows itself down. */
static void find_hottest(const struct rn_sampler *s, struct rn_reading *r)
{
    const double USUAL_LIMIT_C = 90;
    double least = INFINITY;
    for (size_t i = 0; i < s->n; i++) {
        double limit_c = s->cards[i].card->slowdown_c, c = s->cards[i].values[RN_GPU_TEMPERATURE];
        double margin = (isnan(limit_c) ? USUAL_LIMIT_C : limit_c) - c;
        if (margin < least) {
            least = margin;
            r->hottest_c = c;
            r->slowdown_c = limit_c;
        }
    }
}

static struct rn_reading reading_of(const struct rn_sampler *s)
{
    struct rn_reading r = {
        .time_s = s->last_s, .cpu_j = s->cpu_j, .hottest_c = NAN, .slowdown_c = NAN};
    for (size_t i = 0; i < s->n; i++) {
        const struct rn_sampled *c = &s->cards[i];
        r.lost += c->card->lost;
        r.throttled = fmax(r.throttled, c->held_hard);
        r.gpu_j += c->meter.counted_j + c->meter.since_j;
        r.by_power_j += c->meter.by_power_j;
        r.gpu_w += isnan(c->values[RN_GPU_POWER]) ? 0 : c->values[RN_GPU_POWER];
    }
    find_hottest(s, &r);
    return r;
}

static struct rn_tag tag_now(const struct at_work *a)
{
    size_t stage;
    struct rn_tag tag = {NULL, -1};
    if (rn_gauge_marked(a->gauge, &stage, &tag.step) && stage < a->what->n_stages)
        tag.stage = a->what->stages[stage];
    return tag;
}

static int open_file(struct rn_samples *f, const struct at_work *a, const struct rn_sampler *s,
                     struct rn_err *err)
{
    char *name = rn_samples_name(rn_time_s()), *path = rn_join(a->what->dir, name);
    int rc = rn_mkdirs(a->what->dir, err);
    if (rc == RN_OK)
        rc = rn_samples_open(f, path, RN_WIDE, s, true, err);
    free(path);
    free(name);
    return rc;
}

static void sample(struct rn_sampler *s, struct rn_samples *f, const struct at_work *a)
{
    struct rn_pace pace = rn_pace_from(rn_clock_s(), a->what->hz);
    while (!rn_signals_stopping()) {
        rn_sampler_take(s, rn_clock_s(), rn_time_s());
        struct rn_reading reading = reading_of(s);
        rn_gauge_put(a->gauge, &reading);
        rn_samples_add(f, s, tag_now(a));
        rn_pace_step(&pace, rn_clock_s());
        rn_pace_wait(&pace);
    }
}

static int work(const struct at_work *a, struct rn_err *err)
{
    struct rn_sampler s;
    struct rn_samples f = {.fd = -1};
    RN_TRY(rn_sampler_open(&s, NULL, err));
    int rc = open_file(&f, a, &s, err);
    if (rc == RN_OK)
        sample(&s, &f, a);
    rn_samples_close(&f);
    rn_sampler_release(&s);
    return rc;
}

static void run_sampler(void *ctx, struct rn_wire *wire)
{
    struct rn_stage_end end = {.step = -1};
    rn_child_keep_only(&wire->fd, 1);
    end.rc = work(ctx, &end.err);
    rn_wire_end(wire, &end);
}

/* --- in the runner --- */

int rn_monitoring_start(struct rn_monitoring *m, const struct rn_monitored *what,
                        struct rn_err *err)
{
    struct at_work a = {what, rn_gauge_new()};
    m->gauge = a.gauge;
    m->child = (struct rn_child){.fd = -1};
    return rn_child_start(&m->child, run_sampler, &a, STDERR_FILENO, err);
}

/* Its one word, if it has come: what kept it from sampling. */
static void hear(void *ctx, const struct rn_news *news)
{
    const struct rn_monitoring *m = ctx;
    if (news->kind != RN_NEWS_END || news->end.rc == RN_OK)
        return;
    char *text = rn_xprintf("the GPUs are not monitored: %s", news->end.err.msg);
    m->tell(m->ctx, text);
    free(text);
}

void rn_monitoring_mark(const struct rn_monitoring *m, size_t stage, int64_t step)
{
    if (m->gauge)
        rn_gauge_mark(m->gauge, stage, step);
}

void rn_monitoring_listen(struct rn_monitoring *m)
{
    struct rn_news news;
    while (m->gauge && rn_child_hears(&m->child, &news))
        hear(m, &news);
}

void rn_monitoring_stop(struct rn_monitoring *m)
{
    const double PATIENCE_S = 3;
    if (!m->gauge)
        return;
    rn_child_ask(&m->child);
    rn_child_hear_out(&m->child, PATIENCE_S, hear, m);
    rn_child_leave(&m->child);
    rn_gauge_free(m->gauge);
    m->gauge = NULL;
}
