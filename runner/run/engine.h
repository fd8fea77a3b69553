/* engine.h - runs a pipeline: keeps what is in the store and makes the rest.
 *
 *     struct rn_run_how how = {.runs = "runs", .device = "cpu", .threads = 2};
 *     struct rn_ui ui;
 *     rn_ui_init(&ui, false, 10);
 *     int rc = rn_run(pipeline, &how, &ui, err);
 *
 * Order on disk, for each stage:
 *
 *     runner     journal `started`
 *     runner     lock of <work>                     one writer, shared with the stage's process
 *     stage      outputs into <entry>.attempt       in a process of its own (child.h)
 *     stage      sync, digests, manifest
 *     stage      rename to <entry>                  whole from here on
 *     runner     link runs/<tag>/stages/<stage>
 *     runner     journal `done`
 *     runner     gates
 *
 * Whichever process is killed anywhere in between, the same command continues. Stages' processes
 * do not outlive the runner. Signal handlers are the process's, so two runs in one process must
 * follow each other; the caller has one thread. */
#ifndef RN_ENGINE_H
#define RN_ENGINE_H

#include "plan.h"
#include "progress.h"

/* RN_OK: everything asked for is up to date and its gates are met. RN_ELOCKED, RN_EGATE,
 * RN_ESTOPPED (the same command resumes), RN_EUSAGE (consent or inputs missing), or what the stage
 * that failed returned; then its log's last lines and how to continue have been shown. */
int rn_run(const struct rn_pipeline *, const struct rn_run_how *, struct rn_ui *, struct rn_err *);

#endif
