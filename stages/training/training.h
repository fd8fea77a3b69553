/* training.h - what base-train, mid-train and sft have in common: their keys and the loop.
 *
 *     static const struct rn_key keys[] = {
 *         RN_KEY_TABLE("in", in_keys, "inputs"), RN_TRAINING_KEYS, RN_KEYS_END};
 *     static const struct rn_training_kind kind = {.defaults = .., .open = .., ..};
 *     const struct rn_stage rn_stage_base_train = {
 *         .kind = "base-train", .doc = "..", .keys = keys, .own = &kind, RN_TRAINING_STAGE};
 *
 * The loop: load a batch, micro-steps, optimizer step, metrics; at a boundary first save, then
 * evaluate. After a stop or a kill the newest checkpoint that verifies is continued and ends with
 * the same bits as the unbroken run. */
#ifndef RN_TRAINING_H
#define RN_TRAINING_H

#include "loader.h"
#include "model.h"
#include "optim.h"
#include "precision.h"
#include "scaling.h"
#include "schedule.h"
#include "stage.h"
#include "tokenizer.h"
#include "training_health.h"

enum rn_training_on_full { RN_FULL_PAUSE, RN_FULL_EXIT };
enum rn_recompute { RN_RECOMPUTE_NONE, RN_RECOMPUTE_BLOCK };
extern const char *const rn_recompute_words[]; /* by enum, NULL-ended */
enum rn_training_loader { RN_LOADER_AUTO, RN_LOADER_STREAM, RN_LOADER_BESTFIT };

struct rn_training_group { /* optimizer.groups.NAME; -1 and n 0: by the architecture's rule */
    double lr, eps, decay;
    struct rn_list betas;
};

struct rn_mixture_part {
    int task; /* index into rn_task_names */
    struct rn_ref in;
    const char *split;
    int64_t rows; /* -1: all */
    int64_t epochs;
};

struct rn_training_cfg {
    struct rn_ref in_model, in_tokenizer, in_tokens, in_val, init;
    int arch;
    struct rn_model_shape_request shape;
    int64_t batch_tokens, device_rows; /* 0: by the architecture's rule */
    int64_t horizon_steps, horizon_tokens, steps_per_epoch;
    double horizon_flops, tokens_per_param, horizon_epochs;
    struct rn_map groups;
    double clip; /* < 0: by rule; 0: none */
    int schedule;
    int64_t warmup;
    double warmdown, final_frac, max_lr, min_lr, lr_frac; /* < 0: by rule */
    int loader, shuffle, precision, recompute;
    bool deterministic;
    struct rn_fp8 fp8;         /* `on` follows from precision */
    bool fp8_refused;          /* asked for, but the device has none */
    const char *precision_why; /* static; by settle */
    int64_t streams;
    int64_t seed;
    int64_t checkpoint_every, checkpoint_keep;
    double checkpoint_every_s;
    int on_full;
    int64_t bpb_every, bpb_tokens, core_every, core_max_per_task, hellaswag_every, hellaswag_max,
        sample_every, histograms_every;
    struct rn_list sample_prompts;
    struct rn_list mixture, val_mixture;
    struct rn_health_rules health;
};

/* Shared sub-tables. */
extern const struct rn_key rn_training_model_keys[], rn_training_batch_keys[],
    rn_training_horizon_keys[], rn_training_optimizer_keys[], rn_training_schedule_keys[],
    rn_training_loader_keys[], rn_training_fp8_keys[], rn_training_checkpoint_keys[],
    rn_training_eval_keys[], rn_training_mixture_keys[];
extern const struct rn_metric rn_training_metrics[];
extern const struct rn_output rn_training_outputs[];

#define RN_TRAINING_KEYS                                                                           \
    RN_KEY_TABLE("batch", rn_training_batch_keys, "tokens per step and rows per micro-step"),      \
        RN_KEY_TABLE("horizon", rn_training_horizon_keys, "how long to train; give one"),          \
        RN_KEY_TABLE("optimizer", rn_training_optimizer_keys, "what differs from the rules"),      \
        RN_KEY_TABLE("schedule", rn_training_schedule_keys, "learning rate over the run"),         \
        RN_KEY_REAL(struct rn_training_cfg, lr_frac, "lr_frac", RN_IDENTITY, "-1", 0, 100, "",     \
                    "times every learning rate; -1: by rule"),                                     \
        RN_KEY_WORD(struct rn_training_cfg, precision, "precision", RN_IDENTITY, "auto",           \
                    rn_precision_words, "of matrix products; auto: as this processor is best at"), \
        RN_KEY_TABLE("fp8", rn_training_fp8_keys, "with precision: fp8"),                          \
        RN_KEY_WORD(struct rn_training_cfg, recompute, "recompute", RN_NEUTRAL, "none",            \
                    rn_recompute_words, "what backward makes again instead of keeping it"),        \
        RN_KEY_BOOL(struct rn_training_cfg, deterministic, "deterministic", RN_NEUTRAL, "false",   \
                    "the same bits every time on a GPU, too, at some cost"),                       \
        RN_KEY_INT(struct rn_training_cfg, seed, "seed", RN_IDENTITY, "42", 0, 9e15, "",           \
                   "of the initial weights, samples, and the order of data that is shuffled"),     \
        RN_KEY_TABLE("checkpoint", rn_training_checkpoint_keys, "what is saved, and when"),        \
        RN_KEY_TABLE("eval", rn_training_eval_keys, "what is measured on the way"),                \
        RN_KEY_TABLE("health", rn_health_keys, "which steps are not trained on")

/* What a kind trains with where the file says nothing. */
struct rn_training_defaults {
    const char *schedule; /* a preset; NULL: the architecture's */
    double lr_frac;       /* times every learning rate */
    int64_t batch_rows;   /* 0: the architecture's batch, or with inherits_batch its model's */
    bool inherits_batch;
    double clip; /* largest gradient norm; 0: none, NAN: the architecture's */
};

/* What sets the three kinds apart: `own` of their rows. */
struct rn_training_kind {
    bool continues; /* starts from in.model instead of new weights */
    struct rn_training_defaults (*defaults)(const struct rn_model_cfg *);
    /* The data of the stage, held as long as it runs; `close` takes NULL. */
    int (*open)(struct rn_job *, const struct rn_training_cfg *, const struct rn_tokenizer *,
                const struct rn_model_cfg *, void **data, struct rn_err *);
    void (*close)(void *data);
    int (*train_loader)(void *data, int64_t B, int64_t T, struct rn_loader **, struct rn_err *);
    /* From the start each time it is called; *loader NULL: there is nothing to validate on. */
    int (*val_loader)(void *data, int64_t B, int64_t T, struct rn_loader **, struct rn_err *);
    /* Steps of one pass over the data, rounded up: the horizon of a kind that continues. 0: not
     * known. */
    int (*one_pass_steps)(void *data, int64_t batch_tokens, int64_t T, int64_t *steps,
                          struct rn_err *);
};

/* The hooks that the three kinds share; the job says which of them it is. */
/* `precision: auto` becomes what this machine is best at on the device; so does fp8 where the
 * device has none. */
void rn_training_settle(void *cfg, const char *device);
int rn_training_check(const void *cfg, struct rn_err *);
/* A step is whole rows, and not too many: a model that is continued says what it likes.
 * RN_ECONFIG. */
enum { RN_BATCH_MAX = 1000000000 }; /* tokens */
int rn_training_check_batch(int64_t tokens, int64_t sequence_len, struct rn_err *);
int rn_training_share(const void *cfg, const struct rn_stage *, int ranks, struct rn_err *);
int rn_training_fingerprint(const struct rn_job *, const void *cfg, json_t *into, struct rn_err *);
int rn_training_estimate(const struct rn_job *, const void *cfg, struct rn_estimate *,
                         struct rn_err *);
int rn_training_run(struct rn_job *, const void *cfg, struct rn_err *);
#define RN_TRAINING_STAGE                                                                          \
    .version = 4, .trains = true, .cfg_bytes = sizeof(struct rn_training_cfg),                     \
    .outputs = rn_training_outputs, .metrics = rn_training_metrics, .settle = rn_training_settle,  \
    .check = rn_training_check, .share = rn_training_share,                                        \
    .fingerprint = rn_training_fingerprint, .estimate = rn_training_estimate,                      \
    .run = rn_training_run

/* What the file says of the horizon. `one_pass`: steps of a pass over the data, 0: not known yet;
 * false if the horizon depends on it then (steps is 0). */
bool rn_training_horizon(const struct rn_training_cfg *, const struct rn_training_kind *,
                         int64_t one_pass, struct rn_horizon *);
/* Tokens of a step: as given, by the kind's rule, or by the architecture's. */
int64_t rn_training_batch(const struct rn_job *, const struct rn_training_cfg *,
                          const struct rn_training_kind *, const struct rn_model_cfg *);
/* Learning rates over the run: as given, by the kind's rule, or by the architecture's. */
struct rn_schedule rn_training_schedule(const struct rn_training_cfg *,
                                        const struct rn_training_kind *,
                                        const struct rn_model_cfg *);

#endif
