/* A small transformer with every kind of reuse that models make: tied embedding, x0 into every
 * block, learned scalars, views, grouped attention, windows. For tests of programs as a whole. */
#ifndef MINI_H
#define MINI_H

#include "prog_impl.h"

struct mini {
    struct rn_device *dev;
    struct rn_params *params;
    struct rn_prog *prog, *opt; /* forward and backward; the optimizer's step */
    rn_val ids, targets, pos, scale, loss, hyper;
    int64_t B, T;
    bool recompute;
};

/* Weights and inputs are functions of their names alone. Aborts the test on any error. */
void mini_init(struct mini *, int threads, int64_t B, int64_t T, bool reuse);
void mini_init_recompute(struct mini *, int threads, int64_t B,
                         int64_t T); /* blocks are forgotten */
void mini_release(struct mini *);
void mini_step(struct mini *); /* forward, backward, clip, AdamW and both Muons, zero gradients */
float *mini_weights(const struct mini *, size_t *n);   /* all of them in a row; caller frees */
float *mini_gradients(const struct mini *, size_t *n); /* likewise */

/* Overwrites everything that is planned with NaN. */
void poison_planned(struct rn_prog *);
/* Runs op by op; after each, every value that nobody needs any more becomes NaN. */
void run_with_dead_poisoned(struct rn_prog *);
void must(int rc, const struct rn_err *);

#endif
