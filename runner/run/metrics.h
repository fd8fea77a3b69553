/* metrics.h - metrics/<stage>.jsonl: one writer, one line a call, every number's source.
 *
 *     RN_TRY(rn_metrics_open(&m, "runs/smoke/metrics/base.jsonl", err));
 *     rn_metrics_add(&m, step, values, n);         {"step":12,"time":1763,...,"loss":3.2}
 *     int64_t here = rn_metrics_offset(&m);        kept in a checkpoint
 *     RN_TRY(rn_metrics_cut(&m, here, err));        on resume
 *     rn_metrics_close(&m);
 *
 * Offsets count lines, not bytes: lines hold times of varying width, and a checkpoint must not.
 * A value that is not finite is written as null. A line that cannot be written is taken back whole,
 * counted in `lost` and never stops a training. */
#ifndef RN_METRICS_H
#define RN_METRICS_H

#include "json.h"
#include "stage.h"
#include "str.h"

struct rn_metrics {
    int fd;     /* -1 until there is a first line */
    char *path; /* owned */
    int64_t lines, size_bytes, lost;
    int64_t step; /* of the last line, -1 without one */
    json_t *last; /* {name: last value}; null where it was not finite */
};

int rn_metrics_open(struct rn_metrics *, const char *path, struct rn_err *);
void rn_metrics_add(struct rn_metrics *, int64_t step, const struct rn_metric_value *, size_t n);
/* A line with a text in place of a number; as UTF-8, what is none is replaced. */
void rn_metrics_say(struct rn_metrics *, int64_t step, const char *name, const char *text);
int64_t rn_metrics_offset(struct rn_metrics *); /* synced up to here */
/* Keeps the first `offset` lines; fewer lines than that are all kept. */
int rn_metrics_cut(struct rn_metrics *, int64_t offset, struct rn_err *);
void rn_metrics_close(struct rn_metrics *); /* safe when not open */

/* Values that say something about the machine (times, rates), not about the result: kept out of the
 * store, where equal keys must give equal bytes. table may be NULL. */
bool rn_metric_of_machine(const struct rn_metric *table, const char *name);

/* All whole lines of a metrics file as a new array; empty if there is none. */
json_t *rn_metrics_read(const char *path);
/* The newest of them: as many as end within its last MiB, which is thousands. For a look at how far
 * a run is, which must not cost more the longer the run is. */
json_t *rn_metrics_newest(const char *path);
/* Calls each(ctx, line, size of the file up to its end) for every whole line that is an object, in
 * order; the memory is that of one line. A file that is not there has none. RN_EIO. */
int rn_metrics_each(const char *path, void (*each)(void *ctx, json_t *line, int64_t end_bytes),
                    void *ctx, struct rn_err *);

#endif
