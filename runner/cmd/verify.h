/* verify.h - does the first steps of a recorded training again and compares.
 *
 *     struct rn_verify_run v = {.runs = "runs", .run_dir = dir, .stage = "base", .steps = 20};
 *     struct rn_verified seen;
 *     RN_TRY(rn_verify_run(&v, &seen, err));        RN_ECORRUPT: it does not come out the same
 *
 * The configuration is runs/<tag>/resolved.yaml, the inputs are the store's; checkpoints and
 * outputs go to a scratch folder that is removed. Nothing is written below `runs`. Equal machines
 * (receipt.h) give equal bits; on others losses agree within `tolerance`, and the order of the data
 * is equal everywhere. */
#ifndef RN_VERIFY_H
#define RN_VERIFY_H

#include "log.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct rn_verify_run {
    const char *runs, *run_dir, *stage;
    int64_t steps; /* a training that took fewer is done whole */
    int threads;
    const struct rn_log *log;
    void (*progress)(void *ctx, int64_t step, int64_t steps); /* may be NULL */
    void *ctx;
};
struct rn_verified {
    int64_t steps;
    bool same_machine, same_bits;
    double tolerance;  /* relative; 0: bits */
    double difference; /* largest relative one of the losses */
    char why[160];     /* what the machines differ in, "" */
};

int rn_verify_run(const struct rn_verify_run *, struct rn_verified *, struct rn_err *);

#endif
