/* training_eval.h - what is measured on the way: bits per byte, CORE, HellaSwag, samples.
 *
 *     rn_training_eval_init(&e, &setup);
 *     double bpb = rn_training_evaluate(&e, step, &due);      NaN: not asked for, or it failed
 *     rn_training_eval_release(&e);
 *
 * An evaluation that fails is a warning in the log, never the end of the training. One that a
 * signal interrupts stays set in `due`, so that it can be saved as pending. */
#ifndef RN_TRAINING_EVAL_H
#define RN_TRAINING_EVAL_H

#include "training.h"

enum rn_training_look { RN_LOOK_BPB, RN_LOOK_CORE, RN_LOOK_HELLASWAG, RN_LOOK_SAMPLE, RN_LOOKS };
extern const char *const rn_training_look_names[RN_LOOKS]; /* as checkpoints have them */

struct rn_training_due {
    bool is[RN_LOOKS];
};

struct rn_training_eval_setup { /* borrowed for as long as the evaluation lives */
    struct rn_job *job;
    const struct rn_training_cfg *cfg;
    const struct rn_training_kind *kind;
    void *data;
    struct rn_model *model;
    const struct rn_tokenizer *tokenizer;
};

struct rn_training_eval {
    struct rn_training_eval_setup s;
    struct rn_scorer *scorer;
    int32_t *byte_counts; /* by id */
};
void rn_training_eval_init(struct rn_training_eval *, const struct rn_training_eval_setup *);
void rn_training_eval_release(struct rn_training_eval *);
double rn_training_evaluate(struct rn_training_eval *, int64_t step, struct rn_training_due *);

#endif
