/* foreign_log.h - one line of another program's training log.
 *
 *     struct rn_foreign_line l;
 *     switch (rn_foreign_line_read(&l, "step 00004/71680 (0.01%) | loss: 8.81 | dt: 1571.88ms")) {
 *     case RN_FOREIGN_STEP:  use(l.step, l.total, l.values, l.n);
 *     case RN_FOREIGN_BROKEN: counted++;        looks like one, and something in it is no number
 *     case RN_FOREIGN_OTHER:  break;
 *     }
 *
 * Read are the lines of nanochat (2025, 2026: training, validation, CORE), llm.c (stdout and
 * main.log) and build-nanogpt (stdout and log.txt). Names become ours, in our units: "tok/sec" is
 * tok_per_sec, "dt: 1.57s" dt_ms 1570. Fields with other names are passed over. */
#ifndef RN_FOREIGN_LOG_H
#define RN_FOREIGN_LOG_H

#include "stage.h"

enum { RN_FOREIGN_VALUES = 16 };
enum rn_foreign { RN_FOREIGN_OTHER, RN_FOREIGN_STEP, RN_FOREIGN_BROKEN };

struct rn_foreign_line {
    int64_t step;  /* -1: of the line before it (llm.c's "val loss") */
    int64_t total; /* steps of the whole training, 0: not said */
    struct rn_metric_value values[RN_FOREIGN_VALUES]; /* names are static */
    size_t n;
};
enum rn_foreign rn_foreign_line_read(struct rn_foreign_line *, const char *line);

#endif
