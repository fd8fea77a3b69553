/* trainer.h - the process in which a rank trains one stage after another with the others.
 *
 *     struct rn_trainer t;
 *     RN_TRY(rn_trainer_start(&t, pipeline, how, &ranks, log_fd, err));
 *     rn_trainer_order(&t, json)              one line for each training
 *     poll() on t.child.fd, as for any stage: news of the training, and ticks
 *     rn_trainer_dismiss(&t, patience_s)      after its last one
 *
 * Alone, each stage has a process of its own. But a library like MPI can be opened once for each
 * process that a launcher started, and never again: so the trainings of a rank share the one that
 * did. It ends when a training does not end well, and when its orders end.
 *
 * An order says which stage, with which keys, from where. The process looks at inputs and keys
 * itself; on rank 0 it does all that a stage's process does, on others it trains and no more. */
#ifndef RN_TRAINER_H
#define RN_TRAINER_H

#include "child.h"
#include "plan.h"
#include "ranks.h"

struct rn_trainer {
    struct rn_child child;
    int orders; /* -1: none can be given any more */
};

/* ranks and what the others name are borrowed by the process only. */
int rn_trainer_start(struct rn_trainer *, const struct rn_pipeline *, const struct rn_run_how *,
                     const struct rn_ranks *, int log_fd, struct rn_err *);
/* What the plan decided about a stage, as an order; caller frees. */
char *rn_trainer_order_text(const struct rn_plan *, size_t stage);
void rn_trainer_order(struct rn_trainer *, const char *text);
/* Lets it end by itself, all ranks together; kills it after patience_s. */
void rn_trainer_dismiss(struct rn_trainer *, double patience_s);

#endif
