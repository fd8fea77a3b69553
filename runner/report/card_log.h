/* card_log.h - power and heat of a run's cards, as `monitor:` left them in
 * RUN/monitor/gpu_metrics_*.csv.
 *
 *     json_t *cards = rn_card_newest(run_dir);         [{"power_w": 412, "temp_c": 63, ...}, ...]
 *     struct rn_card_log log;
 *     rn_card_log_read(&log, run_dir);
 *     draw(log.time_s, log.columns[0].values, log.n);  "gpu0_power_w"
 *     rn_card_log_release(&log);
 *
 * A run without them has no cards and no rows. Any number of rows becomes RN_CARD_ROWS at most,
 * means of stretches. Strange rows and columns are passed over. */
#ifndef RN_CARD_LOG_H
#define RN_CARD_LOG_H

#include "json.h"

enum { RN_CARD_ROWS = 4096, RN_CARD_COLUMNS = 64 };

struct rn_card_column {
    char *name;     /* "gpu0_power_w" */
    double *values; /* [n]; NaN: not known */
};
struct rn_card_log {
    double *time_s; /* [n]; since the first row, files one after the other */
    size_t n, n_columns;
    struct rn_card_column columns[RN_CARD_COLUMNS]; /* power and temperature of every card */
};
void rn_card_log_read(struct rn_card_log *, const char *run_dir);
void rn_card_log_release(struct rn_card_log *);

/* The newest sample, an object a card: a new array. Of a file that is being written the last whole
 * line; of one that has not changed for a minute nothing. */
json_t *rn_card_newest(const char *run_dir);

#endif
