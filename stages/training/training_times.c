/* `run --op-times`: where the time of a training's steps went. */
#include "mem.h"
#include "peak.h"
#include "training_run.h"

#include <stdlib.h>
#include <string.h>

void rn_training_time_ops(struct rn_training *t)
{
    if (!t->job->op_times)
        return;
    t->times = rn_new(struct rn_op_times);
    rn_prog_time_ops(t->program.prog, t->times);
    rn_optim_time_ops(t->optim, t->times);
}

/* A table is a paragraph, the log takes lines. */
static void log_lines(const struct rn_log *log, char *text)
{
    char *rest;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        rn_log(log, RN_INFO, "%s", line);
}

static void log_table(const struct rn_training *t)
{
    struct rn_peaks peaks = {t->peak_flops, rn_peak_bytes(t->device)};
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return;
    rn_op_times_print(t->times, &peaks, out);
    if (fclose(out) == 0)
        log_lines(t->job->log, text);
    free(text);
}

void rn_training_tell_times(const struct rn_training *t)
{
    struct rn_metric_value values[RN_OP_COUNT];
    size_t n = 0;
    int64_t steps = t->times ? t->times->of[RN_OP_CLIP_COEF][0].calls : 0; /* one a step */
    if (steps == 0)
        return;
    log_table(t);
    for (int kind = 0; kind < RN_OP_COUNT; kind++) {
        struct rn_op_time all = rn_op_times_of(t->times, kind);
        double step_ms = all.time_s * 1e3 / (double)steps;
        if (all.calls > 0)
            values[n++] = (struct rn_metric_value){rn_op_metrics[kind], step_ms};
    }
    rn_job_metrics(t->job, t->step, values, n);
}
