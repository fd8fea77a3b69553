/* prometheus.h - a run as Prometheus reads it: newest values, in base units.
 *
 *     rn_prometheus_print(out, "runs/smoke-1a2b3c4d", NULL);
 *
 *     runnel_step{run,stage}, runnel_last_step_timestamp_seconds
 *     runnel_stage_state{run,stage,state}
 *     runnel_loss, runnel_tokens_per_second, runnel_gpu_power_watts, ...     every number it has
 *     runnel_checkpoint_last_success_timestamp_seconds, runnel_alerts_total{run,stage,alert,level}
 *
 * Exposition format 0.0.4, which node_exporter's textfile collector takes, too: no timestamps, each
 * TYPE once. Only the ends of the run's files are read, however long it is. */
#ifndef RN_PROMETHEUS_H
#define RN_PROMETHEUS_H

#include <stdio.h>

/* only: one stage, NULL: all. */
void rn_prometheus_print(FILE *out, const char *run_dir, const char *only);

#endif
