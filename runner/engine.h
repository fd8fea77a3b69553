/* runner/engine.h - runs a pipeline: keeps what is in the store and makes the rest.
 *
 *     struct rn_run_how how = {.runs = "runs", .device = "cpu", .threads = 2};
 *     struct rn_ui ui;
 *     rn_ui_init(&ui, false, 10);
 *     int rc = rn_run(pipeline, &how, &ui, err);
 *
 * Order on disk, for each stage:
 *
 *     journal `started`
 *     lock of <work>                     one writer
 *     outputs into <entry>.attempt       the stage runs
 *     sync, digests, manifest
 *     rename to <entry>                  whole from here on
 *     link runs/<tag>/stages/<stage>
 *     journal `done`
 *     gates
 *
 * A process killed anywhere in between continues with the same command. */
#ifndef RN_ENGINE_H
#define RN_ENGINE_H

#include "plan.h"
#include "progress.h"

/* RN_OK: everything asked for is up to date and its gates are met. RN_ELOCKED, RN_EGATE,
 * RN_ESTOPPED (the same command resumes), RN_EUSAGE (consent or inputs missing), or what the stage
 * that failed returned; then its log's last lines and how to continue have been shown. */
int rn_run(const struct rn_pipeline *, const struct rn_run_how *, struct rn_ui *, struct rn_err *);

#endif
