/* ckpt_rows.h - the checkpoints of a run's training stages, with what is known of each.
 *
 *     struct rn_ckpt_rows all;
 *     rn_ckpt_rows_find(&all, run_dir, NULL, true);
 *     for (size_t i = 0; i < all.n; i++)
 *         show(all.items[i].row);
 *     rn_ckpt_rows_release(&all);
 *
 * Looking only reads and takes no lock: what a training removes meanwhile is listed as bad, or not
 * at all. */
#ifndef RN_CKPT_ROWS_H
#define RN_CKPT_ROWS_H

#include "json.h"

#include <stdbool.h>

struct rn_ckpt_row {
    const char *stage; /* in row */
    char *work;        /* the work directory it lies in, */
    char *work_name;   /* and what its lock is called: "base-train-0123456789abcdef"; owned */
    int64_t step;
    double size_bytes;
    bool sound;
    bool spare; /* see rn_ckpt_rows_spare */
    /* {"stage", "name": "step_000250", "step", "epoch", "loss", "size_bytes", "time": when it was
     * made, "state": "verified", "whole" (by size) or "bad: why", "aliases": "best, latest",
     * "metrics": {validation's at that step}}; what is not known is absent. */
    json_t *row;
};
struct rn_ckpt_rows {
    struct rn_ckpt_row *items;
    size_t n, cap;
};

/* Stage by stage in the run's order, steps ascending. only: a stage; NULL: all. hash: by digest,
 * otherwise by size. */
void rn_ckpt_rows_find(struct rn_ckpt_rows *, const char *run_dir, const char *only, bool hash);
/* Marks what nothing needs: rolling checkpoints but the newest `keep` of each stage, unless another
 * name points to them. Their number; their size is added up. */
size_t rn_ckpt_rows_spare(struct rn_ckpt_rows *, int64_t keep, double *size_bytes);
/* Removes those of the stage of item i, under the lock of its work directory. RN_ELOCKED: a
 * training goes on there. */
int rn_ckpt_rows_thin(const struct rn_ckpt_rows *, size_t i, const char *runs, int64_t keep,
                      struct rn_err *);
/* The one checkpoint of that name ("step_000250", "best"), whole or not. RN_EUSAGE: there is none,
 * or several stages have one. */
int rn_ckpt_rows_named(const struct rn_ckpt_rows *, const char *name, const struct rn_ckpt_row **,
                       struct rn_err *);
void rn_ckpt_rows_release(struct rn_ckpt_rows *);

#endif
