/* monitoring.h - `monitor:`, a process that samples the cards while stages run.
 *
 *     struct rn_monitoring m = {.tell = tell, .ctx = ctx};
 *     RN_TRY(rn_monitoring_start(&m, &what, err));
 *     rn_monitoring_mark(&m, stage, step);
 *     rn_monitoring_listen(&m);                  now and then: tells why, if it cannot
 *     rn_monitoring_stop(&m);
 *
 * Writes RUN/monitor/gpu_metrics_YYYYMMDD_HHMMSS.csv, wide (samples.h), with stage and step. A
 * process because the runner has one thread (child.h), and because a driver can hang. */
#ifndef RN_MONITORING_H
#define RN_MONITORING_H

#include "child.h"
#include "gauge.h"

struct rn_monitoring {
    void (*tell)(void *ctx, const char *text); /* one line that somebody should know */
    void *ctx;
    struct rn_gauge *gauge; /* NULL: not started */
    struct rn_child child;
};
struct rn_monitored { /* borrowed for the call */
    const char *dir;  /* RUN/monitor, made when there is something to write */
    double hz;
    const char *const *stages; /* names by number */
    size_t n_stages;
};

int rn_monitoring_start(struct rn_monitoring *, const struct rn_monitored *, struct rn_err *);
/* Both do nothing where it was not started. */
void rn_monitoring_mark(const struct rn_monitoring *, size_t stage, int64_t step); /* at work now */
void rn_monitoring_listen(struct rn_monitoring *);
/* Lets it write down what it has; safe when not started. */
void rn_monitoring_stop(struct rn_monitoring *);

#endif
