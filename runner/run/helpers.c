/* helpers.c - processes beside the stages: one samples the GPUs (`monitor:`), one posts
 * alerts (`alerts.webhook`). Started with the first stage, so that a run without work has none. A
 * helper that fails or hangs is told of, and the run goes on. */
#include "running.h"

#include <stdlib.h>
#include <unistd.h>

static void say(void *ctx, const char *text)
{
    const struct rn_running *r = ctx;
    rn_ui_say(r->ui, "%s", text);
}

static void start_monitoring(struct rn_running *r)
{
    const struct rn_pipeline *p = r->plan.p;
    struct rn_err err = {0};
    const char **names = rn_xalloc((p->n_stages + 1) * sizeof *names);
    char *dir = rn_run_path(r, "", "monitor", "");
    for (size_t i = 0; i < p->n_stages; i++)
        names[i] = p->stages[i].name;
    struct rn_monitored what = {
        .dir = dir, .hz = p->monitor_hz, .stages = names, .n_stages = p->n_stages};
    r->monitoring = (struct rn_monitoring){.tell = say, .ctx = r};
    if (rn_monitoring_start(&r->monitoring, &what, &err) != RN_OK)
        rn_ui_say(r->ui, "the GPUs are not monitored: %s", err.msg);
    free(dir);
    free(names);
}

static void start_messenger(struct rn_running *r)
{
    struct rn_err err = {0};
    struct rn_messenger *m = &r->alerting.messenger;
    *m = (struct rn_messenger){.tell = say, .ctx = r};
    r->alerting.posts = rn_messenger_start(m, r->plan.p->alerts_webhook, &err) == RN_OK;
    if (!r->alerting.posts)
        rn_ui_say(r->ui, "alerts are not posted: %s", err.msg);
}

void rn_helpers_start(struct rn_running *r)
{
    if (r->helped)
        return;
    r->helped = true;
    if (r->plan.p->monitor_hz > 0)
        start_monitoring(r);
    if (r->plan.p->alerts_webhook)
        start_messenger(r);
}

void rn_helpers_listen(struct rn_running *r)
{
    rn_monitoring_listen(&r->monitoring);
    if (r->alerting.posts)
        rn_messenger_listen(&r->alerting.messenger);
}

void rn_helpers_stop(struct rn_running *r)
{
    const double PATIENCE_S = 3; /* for the last alerts, which may be why the run ends */
    rn_monitoring_stop(&r->monitoring);
    if (r->alerting.posts)
        rn_messenger_stop(&r->alerting.messenger, PATIENCE_S);
    r->alerting.posts = false;
}

void rn_helpers_forget(struct rn_running *r)
{
    if (r->monitoring.gauge)
        close(r->monitoring.child.fd);
    if (!r->alerting.posts)
        return;
    close(r->alerting.messenger.child.fd);
    close(r->alerting.messenger.fd);
}
