/* status_watch.h - `runnel status RUN --watch`: a run looked at until it ends.
 *
 *     RN_TRY(rn_status_watch("runs/smoke-1a2b3c4d", json, err));
 *
 * On a terminal a screen drawn twice a second (dashboard.h); elsewhere a line for each stage that
 * went on, every 30 seconds and whenever its state changes, with json an object in its place.
 * Reads files only, for at most a fiftieth of the time: where that takes long, it is done less
 * often. */
#ifndef RN_STATUS_WATCH_H
#define RN_STATUS_WATCH_H

#include "err.h"

#include <stdbool.h>

/* Returns when the run is not at work (any more), or the one who looks has left. RN_EIO. */
int rn_status_watch(const char *run_dir, bool json, struct rn_err *);

#endif
