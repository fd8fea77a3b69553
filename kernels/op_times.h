/* op_times.h - where the time of a program's runs goes, by kind of op.
 *
 *     struct rn_op_times times = {0};
 *     rn_prog_time_ops(prog, &times);          from now on every run adds to times
 *     ...
 *     rn_op_times_print(&times, &peaks, stderr);
 *
 * Ops run one at a time with a clock between them, a GPU's its own; results keep their bits. Of ops
 * that are computed together (rn_prog_together) the first takes the time of all. Costs of memory
 * are those of an op that reads each operand once and writes each result once. */
#ifndef RN_OP_TIMES_H
#define RN_OP_TIMES_H

#include "err.h"
#include "op.h"

#include <stdio.h>

struct rn_prog;

struct rn_op_time {
    int64_t calls;
    double time_s, flops, bytes;
};

struct rn_op_times {
    struct rn_op_time of[RN_OP_COUNT][2]; /* forward, backward */
};

/* times must outlive the program; NULL: no longer. Programs may share it. */
void rn_prog_time_ops(struct rn_prog *, struct rn_op_times *);
/* Both directions of a kind. */
struct rn_op_time rn_op_times_of(const struct rn_op_times *, int kind);

struct rn_peaks {        /* what this machine can; 0: not known */
    double flops, bytes; /* a second */
};
/* A table, the longest first, with shares of the peaks. */
void rn_op_times_print(const struct rn_op_times *, const struct rn_peaks *, FILE *);

#endif
