/* alerting.c - `alerts:`, from what a stage at work shows to whoever should hear of it.
 *
 *     what its process tells   ->  rn_vigil (alerts.h)  ->  log, journal, file, webhook
 *     what can be seen of it   ->
 */
#include "running.h"

#include "clock.h"
#include "file.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- to whom --- */

void rn_alerting_open(struct rn_running *r)
{
    const struct rn_pipeline *p = r->plan.p;
    const char *file = p->alerts_file;
    r->alerting.on = p->alerts;
    if (file)
        r->alerting.file = *file == '/' ? rn_xdup(file) : rn_join(p->dir, file);
}

void rn_alerting_close(struct rn_running *r)
{
    free(r->alerting.file);
    r->alerting.file = NULL;
}

/* One line, one write: several runs may share the file. Said once if it cannot be. */
static void append(struct rn_running *r, const json_t *object)
{
    struct rn_alerting *a = &r->alerting;
    char *text = rn_json_canonical(object), *line = rn_xprintf("%s\n", text);
    int fd = open(a->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    size_t n = strlen(line);
    if ((fd < 0 || rn_write_all(fd, line, n) < n) && !a->file_failed) {
        rn_ui_say(r->ui, "alerts cannot be written to %s: %s", a->file, strerror(errno));
        a->file_failed = true;
    }
    if (fd >= 0)
        close(fd);
    free(line);
    free(text);
}

static json_t *object_of(const struct rn_running *r, const struct rn_alert *alert)
{
    const struct rn_alert_row *row = &rn_alert_rows[alert->id];
    char text[RN_ALERT_TEXT];
    snprintf(text, sizeof text, "%s", alert->text);
    rn_ui_clean(text);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:s}", "alert", row->name, "level", row->level,
                     "run", r->plan.p->tag, "stage", alert->stage, "step", (json_int_t)alert->step,
                     "time", rn_time_s(), "text", text);
}

static void show(void *ctx, enum rn_level level, const char *text)
{
    const struct rn_work *w = ctx;
    rn_ui_log(w->run->ui, w->stage->name, level, text);
}

static void log_it(struct rn_running *r, struct rn_work *w, const struct rn_alert *alert)
{
    char *line = rn_xprintf("alert %s: %s", rn_alert_rows[alert->id].name, alert->text);
    if (w) {
        struct rn_log log = rn_stagelog_log(&w->log, show, w);
        rn_log(&log, RN_WARN, "%s", line);
    } else {
        rn_ui_log(r->ui, alert->stage, RN_WARN, line);
    }
    free(line);
}

/* Into the run's record; that it cannot be written is no reason to fail. */
static void record(struct rn_running *r, size_t stage, const json_t *object)
{
    json_t *line = rn_run_record(r, stage, "alert");
    json_object_update_missing(line, (json_t *)object);
    json_object_del(line, "time"); /* the journal has its own */
    rn_journal_add(&r->journal, line, NULL);
}

static void tell(struct rn_running *r, size_t stage, struct rn_work *w,
                 const struct rn_alert *alert)
{
    json_t *object = object_of(r, alert), *event = json_copy(object);
    json_object_set_new(event, "event", json_string("alert"));
    rn_ui_event(r->ui, event);
    log_it(r, w, alert);
    record(r, stage, object);
    if (r->alerting.file)
        append(r, object);
    if (r->alerting.posts)
        rn_messenger_post(&r->alerting.messenger, object);
    json_decref(object);
}

void rn_alerting_tell(struct rn_running *r, size_t stage, struct rn_work *w, enum rn_alert_id id,
                      const char *text)
{
    struct rn_alert alert = {
        .id = id, .stage = r->plan.p->stages[stage].name, .step = w ? w->step : -1};
    snprintf(alert.text, sizeof alert.text, "%s", text);
    if (r->alerting.on)
        tell(r, stage, w, &alert);
}

/* --- a stage at work --- */

static void raise_alert(void *ctx, const struct rn_alert *alert)
{
    struct rn_work *w = ctx;
    tell(w->run, w->index, w, alert);
}

void rn_alerting_begin(struct rn_work *w)
{
    if (w->run->alerting.on)
        rn_vigil_start(&w->vigil, w->stage->name, w->stage->stage, raise_alert, w, w->start_s);
}

void rn_alerting_hear(struct rn_work *w, const struct rn_news *news)
{
    if (w->run->alerting.on)
        rn_vigil_hear(&w->vigil, news, rn_clock_s());
}

static void see_training(struct rn_work *w, struct rn_signs *s)
{
    const struct rn_estimate *cost = &w->node->cost;
    double began_s = rn_clock_s() - w->start_s;
    double expected_bytes = cost->weights_bytes + cost->optimizer_bytes;
    s->checkpoint_bytes = expected_bytes > 0 ? expected_bytes : NAN;
    rn_signs_of_work(s, &w->saved, w->dir);
    rn_signs_of_keys(s, w->stage->stage->keys, w->stage->cfg);
    s->since_save_s = fmin(s->since_save_s, began_s); /* not before this attempt began */
}

void rn_alerting_look(struct rn_work *w)
{
    const double EVERY_S = 10;
    struct rn_signs signs = rn_no_signs;
    double now_s = rn_clock_s();
    if (!w->run->alerting.on || now_s - w->seen_s < EVERY_S)
        return;
    w->seen_s = now_s;
    if (w->stage->stage->trains)
        see_training(w, &signs);
    rn_signs_of_gpus(&signs, w->run->monitoring.gauge);
    rn_vigil_see(&w->vigil, &signs, now_s);
}
