/* training_run.h - one running training stage, as training.c (the loop), training_open.c
 * (what it needs) and training_save.c (how it survives) share it. Nobody else includes this. */
#ifndef RN_TRAINING_RUN_H
#define RN_TRAINING_RUN_H

#include "checkpoint.h"
#include "footprint.h"
#include "hash.h"
#include "histograms.h"
#include "training.h"
#include "training_eval.h"
#include "training_health.h"

struct rn_training {
    struct rn_job *job;
    const struct rn_training_cfg *cfg;
    const struct rn_training_kind *kind;
    struct rn_device *device;
    struct rn_tokenizer *tokenizer;
    struct rn_model *model;
    struct rn_optim *optim;
    void *data; /* the kind's */
    struct rn_loader *loader;
    struct rn_train_prog program;
    struct rn_training_defaults defaults;
    struct rn_training_eval eval;
    struct rn_ckpt checkpoint;
    json_t *config_extra; /* what config.json says beside the model's shape */
    struct rn_schedule schedule;
    int64_t B, T, micro_steps, batch_tokens, steps, step;
    int32_t *x, *y;    /* (micro_steps, ranks, B, T) */
    float *losses;     /* (micro_steps), of this rank */
    float *amax;       /* what the program's state of that name is; NULL: nothing is fp8 */
    double cut;        /* over all steps so far: see training_fp8.c */
    double saturated;  /* in the newest; NAN: nothing is fp8 */
    double peak_flops; /* of this rank's device */
    /* The part of the state that a checkpoint carries besides weights, moments and loader. */
    double best_bpb, total_time_s;
    char order[RN_HEX]; /* digest of all batches so far, in order; "": not known */
    int64_t best_step;  /* -1: none yet */
    int64_t epoch_done; /* the epoch that ended with the newest step; 0: none did */
    int64_t skipped;    /* steps whose batch was not trained on */
    struct rn_health health;
    double last_save_s;
    struct rn_op_times *times;        /* NULL: not asked for */
    struct rn_histograms *histograms; /* NULL: none were taken yet */
};

struct rn_fit {
    int64_t rows;             /* of a micro-step of this rank */
    struct rn_footprint need; /* their memory */
};
/* Of a rank whose share of a step is `step_rows`, on its open device: as many rows as the file asks
 * for, or the most that fit, at most RN_SIZING_ROWS (more are no faster); always a divisor.
 * RN_ENOMEM says what is needed, what there is, what would fit. */
int rn_training_fit(const struct rn_training *, const struct rn_model_cfg *, int64_t step_rows,
                    struct rn_fit *, struct rn_err *);
/* The largest divisor of step_rows that is at most `most`; at most what the file asks for. */
int64_t rn_training_divisor(int64_t step_rows, int64_t most);
int64_t rn_training_rows_asked(const struct rn_training_cfg *, int64_t step_rows);
struct rn_footprint_of rn_training_footprint_of(const struct rn_training_cfg *,
                                                const struct rn_model_cfg *, int64_t rows);

/* training_ranks.c. Alone, all of them do nothing. */
bool rn_training_leads(const struct rn_training *); /* rank 0 */
/* Before a step. For others than rank 0: lends shares of moments until rank 0 goes on; RN_ESTOPPED
 * if it stopped. */
int rn_training_go_on(struct rn_training *, struct rn_err *);
/* After the last step, likewise until rank 0 is done. */
int rn_training_attend(struct rn_training *, struct rn_err *);
/* Rank 0 at its end, RN_OK or RN_ESTOPPED; other ends are told by whoever watches the ranks. */
void rn_training_dismiss(struct rn_training *, int rc);
/* Every rank trains on as many rows of a step: RN_ECONFIG says what would do. */
int rn_training_rows_of_rank(int64_t batch_tokens, int64_t T, int64_t ranks, int64_t *rows,
                             struct rn_err *);
/* Rank 0's value on all ranks; the least of all. */
int rn_training_agree(const struct rn_training *, int64_t *value, struct rn_err *);
int rn_training_least(const struct rn_training *, int64_t *value, struct rn_err *);

/* Opens device, tokenizer, model, data, loader, optimizer and program. Close in both cases. */
int rn_training_open(struct rn_training *, struct rn_err *);
void rn_training_close(struct rn_training *);

/* --op-times: every op is timed from here on; at the end a table in the log, and metrics. Both do
 * nothing where nobody asked. */
void rn_training_time_ops(struct rn_training *);
void rn_training_tell_times(const struct rn_training *);
extern const char *const rn_op_metrics[]; /* by enum rn_op_kind */

/* "12 layers, 36 products of a micro-step in fp8 (hybrid, delayed scales)" */
void rn_training_fp8_tell(const struct rn_training_cfg *, int64_t layers, char *text, size_t cap);
/* training_fp8.c. After the program and the optimizer are there; after a checkpoint was loaded;
 * after the micro-steps of a step. All do nothing in a training that is not in fp8. */
int rn_training_fp8_open(struct rn_training *, struct rn_err *);
int rn_training_fp8_resume(struct rn_training *, struct rn_err *);
int rn_training_fp8_look(struct rn_training *, struct rn_err *);

/* Shows how weights and gradients are spread, if it is time; between backward and the step. */
int rn_training_histograms(struct rn_training *, struct rn_err *);

/* What is to be evaluated after t->step steps. */
struct rn_training_due rn_training_due_at(const struct rn_training *);
/* True every `cadence` steps; never for 0. */
bool rn_training_every(int64_t step, int64_t cadence);

/* A checkpoint of this step, with what is still to be evaluated; waits for room on a full disk if
 * the file says so. */
int rn_training_save(struct rn_training *, const struct rn_training_due *, struct rn_err *);
/* Where a training of `steps` steps can take up one that set out the same with another horizon: the
 * newest whole checkpoint before which every step had the same multipliers, at a glance. -1: there
 * is none. */
int64_t rn_training_shared_step(const struct rn_job *, const struct rn_earlier *,
                                const struct rn_schedule *, int64_t steps);
/* Makes the newest such checkpoint that verifies, and the best before it, this training's own. */
int rn_training_take_earlier(struct rn_training *, const struct rn_earlier *, struct rn_err *);

/* Takes up the newest checkpoint that verifies; *due is what was still to be evaluated there, and
 * at a new beginning what is due at step 0. */
int rn_training_resume(struct rn_training *, struct rn_training_due *, struct rn_err *);

/* The newest checkpoint after at most `most` steps is the state again, and those after it are gone;
 * *due is what is to be evaluated there. *went false: there is none, nothing happened. */
int rn_training_go_back(struct rn_training *, int64_t most, bool *went, struct rn_training_due *due,
                        struct rn_err *);

#endif
