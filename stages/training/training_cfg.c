/* The keys that the three training stages share, with the rules that join them. */
#include "model_in.h"
#include "training.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "task.h"

#define CFG struct rn_training_cfg

static const char *const loader_words[] = {"auto", "stream", "bestfit", NULL};
static const char *const on_full_words[] = {"pause", "exit", NULL};

const struct rn_key rn_training_model_keys[] = {
    RN_KEY_WORD(CFG, arch, "arch", RN_IDENTITY, RN_REQUIRED, rn_arch_names, "architecture"),
    RN_KEY_INT(CFG, shape.depth, "depth", RN_IDENTITY, "12", 1, 200, "layers",
               "the one dial: width, heads, horizon and rates follow from it"),
    RN_KEY_INT(CFG, shape.sequence_len, "sequence_len", RN_IDENTITY, "0", 0, 131072, "tokens",
               "T; 0: 2048, gpt2 1024"),
    RN_KEY_INT(CFG, shape.head_dim, "head_dim", RN_IDENTITY, "0", 0, 1024, "", "0: by rule"),
    RN_KEY_INT(CFG, shape.n_embd, "n_embd", RN_IDENTITY, "0", 0, 65536, "", "width; 0: by rule"),
    RN_KEY_INT(CFG, shape.n_head, "n_head", RN_IDENTITY, "0", 0, 1024, "", "0: by rule"),
    RN_KEY_INT(CFG, shape.n_kv_head, "n_kv_head", RN_IDENTITY, "0", 0, 1024, "", "0: as n_head"),
    RN_KEY_STR(CFG, shape.window_pattern, "window_pattern", RN_IDENTITY, "",
               "S and L, tiled over the layers; the last is L. Empty: by rule"),
    RN_KEY_INT(CFG, shape.vocab_pad, "vocab_pad", RN_IDENTITY, "0", 0, 4096, "",
               "rows are padded to a multiple of this; 0: by rule"),
    RN_KEYS_END};

const struct rn_key rn_training_batch_keys[] = {
    RN_KEY_COUNT(CFG, batch_tokens, "tokens", RN_IDENTITY, "0", 0, RN_BATCH_MAX,
                 "per optimizer step; 0: by the architecture's rule"),
    RN_KEY_INT(CFG, device_rows, "device_rows", RN_NEUTRAL, "0", 0, 65536, "rows",
               "rows of a micro-step; 0: what fits"),
    RN_KEYS_END};

const struct rn_key rn_training_horizon_keys[] = {
    RN_KEY_STEPS(CFG, horizon_steps, "steps", RN_EXTEND, "0", 0, 1e9, "optimizer steps"),
    RN_KEY_COUNT(CFG, horizon_tokens, "tokens", RN_EXTEND, "0", 0, 1e15, "tokens to train on"),
    RN_KEY_REAL(CFG, horizon_flops, "flops", RN_EXTEND, "0", 0, 1e30, "", "total training FLOPs"),
    RN_KEY_REAL(CFG, tokens_per_param, "tokens_per_param", RN_EXTEND, "0", 0, 1e4, "",
                "tokens for each parameter that counts (2025: all, 2026: matrices and head)"),
    RN_KEY_REAL(CFG, horizon_epochs, "epochs", RN_EXTEND, "0", 0, 1e5, "", "passes over the data"),
    RN_KEY_STEPS(CFG, steps_per_epoch, "steps_per_epoch", RN_EXTEND, "0", 0, 1e9,
                 "of `epochs` and of epoch checkpoints; 0: a pass over the data"),
    RN_KEYS_END};

static const struct rn_key group_keys[] = {
    RN_KEY_REAL(struct rn_training_group, lr, "lr", RN_IDENTITY, "-1", 0, 100, "",
                "learning rate; -1: by rule"),
    RN_KEY_LIST_OF(struct rn_training_group, betas, "betas", RN_IDENTITY, "[]", RN_T_REAL,
                   "AdamW's two; Muon: its one momentum is scheduled"),
    RN_KEY_REAL(struct rn_training_group, eps, "eps", RN_IDENTITY, "-1", 0, 1, "",
                "AdamW's eps; -1: by rule"),
    RN_KEY_REAL(struct rn_training_group, decay, "decay", RN_IDENTITY, "-1", 0, 100, "",
                "weight decay; -1: by rule"),
    RN_KEYS_END};

const struct rn_key rn_training_optimizer_keys[] = {
    RN_KEY_MAP(CFG, groups, "groups", RN_IDENTITY, "{}", group_keys, struct rn_training_group,
               "overrides by group name; a wrong name is told with the right ones"),
    RN_KEY_REAL(CFG, clip, "clip", RN_IDENTITY, "-1", 0, 1e6, "",
                "largest gradient norm; 0: no clipping, -1: by rule"),
    RN_KEYS_END};

const struct rn_key rn_training_schedule_keys[] = {
    RN_KEY_WORD(CFG, schedule, "kind", RN_IDENTITY, "auto", rn_schedule_names, "its shape"),
    RN_KEY_STEPS(CFG, warmup, "warmup", RN_IDENTITY, "-1", 0, 1e9,
                 "steps of linear warm-up; -1: by rule"),
    RN_KEY_REAL(CFG, warmdown, "warmdown", RN_IDENTITY, "-1", 0, 1, "",
                "last share of the run that goes down; -1: by rule"),
    RN_KEY_REAL(CFG, final_frac, "final_frac", RN_IDENTITY, "-1", 0, 1, "",
                "multiplier at the end; -1: by rule"),
    RN_KEY_REAL(CFG, max_lr, "max_lr", RN_IDENTITY, "-1", 0, 100, "", "gpt2: peak; -1: by rule"),
    RN_KEY_REAL(CFG, min_lr, "min_lr", RN_IDENTITY, "-1", 0, 100, "", "gpt2: floor; -1: by rule"),
    RN_KEYS_END};

const struct rn_key rn_training_loader_keys[] = {
    RN_KEY_WORD(
        CFG, loader, "kind", RN_IDENTITY, "auto", loader_words,
        "stream (2025, gpt2) or bestfit (2026), which drops what of a document is longer than "
        "a row; auto: by architecture"),
    RN_KEY_WORD(CFG, shuffle, "shuffle", RN_IDENTITY, "none", rn_shuffle_words,
                "anew in each pass, by `seed`: shards, or also the documents in each"),
    RN_KEY_INT(CFG, streams, "streams", RN_IDENTITY, "1", 1, 4096, "",
               "places of the data that a batch is read from: as many ranks of nanochat"),
    RN_KEYS_END};

/* Absent where precision is another, so that these keys make no older run stale. */
const struct rn_key rn_training_fp8_keys[] = {
    RN_KEY_WORD(CFG, fp8.format, "format", RN_IDENTITY, "~", rn_fp8_format_words,
                "hybrid: values and weights e4m3, gradients e5m2; else all the same"),
    RN_KEY_WORD(CFG, fp8.recipe, "recipe", RN_IDENTITY, "~", rn_fp8_recipe_words,
                "delayed: scales follow the largest values of earlier runs, or of the current one"),
    RN_KEY_INT(CFG, fp8.amax_history, "amax_history", RN_IDENTITY, "~", 1, RN_FP8_HISTORY_MAX,
               "micro-steps", "how far back delayed scales look; 16"),
    RN_KEY_INT(CFG, fp8.margin, "margin", RN_IDENTITY, "~", 0, 16, "",
               "scales are divided by 2^margin"),
    RN_KEY_INT(CFG, fp8.min_dim, "min_dim", RN_IDENTITY, "~", RN_FP8_MULTIPLE, 1e9, "",
               "layers with a side below 128, or this, stay in bf16, as those that 16 does not "
               "divide; all do where it does not divide sequence_len"),
    RN_KEYS_END};

const struct rn_key rn_training_checkpoint_keys[] = {
    RN_KEY_STEPS(CFG, checkpoint_every, "every", RN_NEUTRAL, "250", 0, 1e9, "0: never by steps"),
    RN_KEY_TIME(CFG, checkpoint_every_s, "every_time", RN_NEUTRAL, "10 min", 0, 1e7,
                "0: never by time"),
    RN_KEY_INT(CFG, checkpoint_keep, "keep", RN_NEUTRAL, "10", 1, 1e6, "", "rolling ones to keep"),
    RN_KEY_WORD(CFG, on_full, "on_full", RN_NEUTRAL, "pause", on_full_words,
                "disk full while saving: wait for room, or exit 8"),
    RN_KEYS_END};

static const struct rn_key bpb_keys[] = {
    RN_KEY_STEPS(CFG, bpb_every, "every", RN_NEUTRAL, "250", 0, 1e9, "0: at the end only"),
    RN_KEY_COUNT(CFG, bpb_tokens, "tokens", RN_IDENTITY, "10485760", 1, 1e12, "validation tokens"),
    RN_KEYS_END};
static const struct rn_key core_keys[] = {
    RN_KEY_STEPS(CFG, core_every, "every", RN_NEUTRAL, "0", 0, 1e9, "0: never"),
    RN_KEY_INT(CFG, core_max_per_task, "max_per_task", RN_NEUTRAL, "500", 1, 1e9, "rows",
               "rows of a task"),
    RN_KEYS_END};
static const struct rn_key hellaswag_keys[] = {
    RN_KEY_STEPS(CFG, hellaswag_every, "every", RN_NEUTRAL, "0", 0, 1e9, "0: never"),
    RN_KEY_INT(CFG, hellaswag_max, "max_items", RN_NEUTRAL, "-1", -1, 1e9, "rows", "-1: all"),
    RN_KEYS_END};
static const struct rn_key sample_keys[] = {
    RN_KEY_STEPS(CFG, sample_every, "every", RN_NEUTRAL, "0", 0, 1e9, "0: never"),
    RN_KEY_LIST_OF(CFG, sample_prompts, "prompts", RN_NEUTRAL, "[\"The capital of France is\"]",
                   RN_T_STR, "what to continue"),
    RN_KEYS_END};
static const struct rn_key histogram_keys[] = {
    RN_KEY_STEPS(CFG, histograms_every, "every", RN_NEUTRAL, "0", 0, 1e9, "0: never"), RN_KEYS_END};
const struct rn_key rn_training_eval_keys[] = {
    RN_KEY_TABLE("bpb", bpb_keys, "bits per byte on the validation tokens"),
    RN_KEY_TABLE("core", core_keys, "CORE on the bundle named by watch_in: {core: ..}"),
    RN_KEY_TABLE("hellaswag", hellaswag_keys, "HellaSwag's rows: watch_in: {hellaswag: ..}"),
    RN_KEY_TABLE("sample", sample_keys, "continuations printed to the log"),
    RN_KEY_TABLE("histograms", histogram_keys, "of weights and gradients, for TensorBoard"),
    RN_KEYS_END};

static const char *const file_kinds[] = {"files", NULL};
const struct rn_key rn_training_mixture_keys[] = {
    RN_KEY_WORD(struct rn_mixture_part, task, "task", RN_IDENTITY, RN_REQUIRED, rn_task_names,
                "what the rows are"),
    RN_KEY_REF(struct rn_mixture_part, in, "in", file_kinds, RN_REQUIRED, "the file with the rows"),
    RN_KEY_STR(struct rn_mixture_part, split, "split", RN_IDENTITY, "train",
               "of tasks whose rows are made: train or test; files are a split each"),
    RN_KEY_INT(struct rn_mixture_part, rows, "rows", RN_IDENTITY, "-1", -1, 1e9, "rows",
               "first rows only; -1: all there are (tasks that are made have no end)"),
    RN_KEY_INT(struct rn_mixture_part, epochs, "epochs", RN_IDENTITY, "1", 1, 1000, "",
               "times each row is used"),
    RN_KEYS_END};

const struct rn_output rn_training_outputs[] = {
    {"model", "model"}, {"best", "model"}, {NULL, NULL}};

const struct rn_metric rn_training_metrics[] = {
    {"loss", "nats", -1, "mean cross-entropy of the step's targets"},
    {"grad_norm", "", 0, "L2 norm of all gradients before clipping"},
    {"lrm", "", 0, "learning-rate multiplier of the schedule"},
    {"dt_ms", "ms", -1, "wall time of the step"},
    {"tok_per_sec", "tokens/s", +1, "training throughput"},
    {"mfu", "%", +1, "model FLOPs per second over the peak of matrix products, of all ranks"},
    {"total_time_min", "min", -1, "training time so far, evaluations excluded"},
    {"total_flops", "FLOP", -1, "of the model so far, as mfu counts them"},
    {"epoch", "", 0, "passes over the data"},
    {"loss_z", "", 0, "standard deviations of the loss above its mean of the steps before"},
    {"grad_norm_z", "", 0, "the same of the gradient norm"},
    {"fp8_saturated", "tensors", -1, "of which something was cut off, over the step's micro-steps"},
    {"skipped", "steps", -1, "steps so far whose batch was not trained on"},
    {"data_order", "", 0, "48 bits of the digest of all batches so far, in order"},
    {"val_bpb", "bits/byte", -1, "on the validation tokens"},
    {"core", "", +1, "CORE metric, on the rows asked for"},
    {"hellaswag", "", +1, "right by mean loss of the ending's tokens, on the rows asked for"},
#define OP(id, name) {"op_ms_" #name, "ms", -1, "of a step, in op " #name " (--op-times)"},
#include "ops.def"
#undef OP
    {NULL, NULL, 0, NULL}};

const char *const rn_op_metrics[] = {
#define OP(id, name) "op_ms_" #name,
#include "ops.def"
#undef OP
};

static int count_given(const CFG *c)
{
    return (c->horizon_steps > 0) + (c->horizon_tokens > 0) + (c->horizon_flops > 0) +
           (c->tokens_per_param > 0) + (c->horizon_epochs > 0);
}

static void settle_fp8(struct rn_fp8 *f, bool on)
{
    const struct rn_fp8 usual = RN_FP8_DEFAULTS;
    if (!on) {
        *f = (struct rn_fp8){0};
        return;
    }
    f->on = true;
    f->amax_history = f->amax_history ? f->amax_history : usual.amax_history;
    f->min_dim = f->min_dim ? f->min_dim : usual.min_dim;
}

void rn_training_settle(void *cfg, const char *device)
{
    CFG *c = cfg;
    bool asked = c->precision == RN_PRECISION_FP8;
    c->precision =
        (int)rn_precision_settle((enum rn_precision)c->precision, device, &c->precision_why);
    settle_fp8(&c->fp8, c->precision == RN_PRECISION_FP8);
    c->fp8_refused = asked && !c->fp8.on;
}

static int check_mixture(const struct rn_list *mixture, struct rn_err *err)
{
    const struct rn_mixture_part *part = mixture->items;
    for (size_t i = 0; i < mixture->n; i++)
        if (part[i].rows < 0 && rn_task_is_made(rn_task_names[part[i].task]))
            return rn_fail(err, RN_ECONFIG, part[i].in.at,
                           "'mixture': the rows of %s are made: say how many, by 'rows'",
                           rn_task_names[part[i].task]);
    return RN_OK;
}

/* Which groups there are is known where 'model' names an architecture, and else with the model. */
static int check_groups(const struct rn_training_cfg *c, struct rn_err *err)
{
    const struct rn_training_group *groups = c->groups.items;
    bool has_arch = c->shape.depth > 0;
    for (size_t i = 0; i < c->groups.n; i++) {
        const char *name = c->groups.names[i];
        if (has_arch && rn_optim_check_group(rn_arch_names[c->arch], name, err) != RN_OK)
            return rn_while(err, "'optimizer.groups.%s'", name);
        if (groups[i].betas.n != 0 && groups[i].betas.n != 2)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                           "'optimizer.groups.%s.betas' has %zu numbers, expected 2", name,
                           groups[i].betas.n);
    }
    return RN_OK;
}

int rn_training_check_batch(int64_t tokens, int64_t sequence_len, struct rn_err *err)
{
    if (tokens > RN_BATCH_MAX)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'batch.tokens' is %" PRId64 ", expected %d at most", tokens, RN_BATCH_MAX);
    if (tokens % sequence_len == 0)
        return RN_OK;
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                   "'batch.tokens' is %" PRId64 ", expected a multiple of sequence_len %" PRId64,
                   tokens, sequence_len);
}

/* Of a model that is new: one that is continued brings its own shape. Any vocabulary will do. */
static int check_shape(const struct rn_training_cfg *c, struct rn_err *err)
{
    struct rn_model_cfg mc;
    struct rn_model_shape_request shape = c->shape;
    shape.vocab_size = 1;
    if (shape.depth == 0)
        return RN_OK;
    RN_TRY(rn_model_cfg_fill(&mc, rn_arch_names[c->arch], &shape, err));
    return rn_training_check_batch(c->batch_tokens, mc.sequence_len, err);
}

int rn_training_check(const void *cfg, struct rn_err *err)
{
    const struct rn_training_cfg *c = cfg;
    RN_TRY(check_shape(c, err));
    RN_TRY(check_mixture(&c->mixture, err));
    RN_TRY(check_mixture(&c->val_mixture, err));
    if (count_given(c) > 1) {
        rn_hint(err, "an override of the whole, as 'base.horizon={steps: 100}', leaves one");
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'horizon' is given in more than one way; keep one of steps, tokens, flops, "
                       "tokens_per_param, epochs");
    }
    if (c->min_lr >= 0 && !(c->max_lr > 0))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'schedule.min_lr' needs 'schedule.max_lr', of which it is a share; or give "
                       "'schedule.final_frac'");
    return check_groups(c, err);
}

/* What the user calls an epoch goes before the data's length. */
bool rn_training_horizon(const CFG *c, const struct rn_training_kind *kind, int64_t one_pass,
                         struct rn_horizon *h)
{
    bool given = count_given(c) > 0 && !(c->horizon_epochs > 0);
    *h = (struct rn_horizon){.steps = c->horizon_steps,
                             .tokens = c->horizon_tokens,
                             .flops = c->horizon_flops,
                             .tokens_per_param = c->tokens_per_param};
    if (given || (!kind->continues && !(c->horizon_epochs > 0)))
        return true; /* or by the architecture's rule */
    int64_t epoch = c->steps_per_epoch > 0 ? c->steps_per_epoch : one_pass;
    h->steps = (int64_t)ceil((c->horizon_epochs > 0 ? c->horizon_epochs : 1) * (double)epoch);
    return epoch > 0;
}

/* A path of the user's counts by what lies there. */
static int fingerprint_init(const struct rn_job *job, const struct rn_ref *init, json_t *into,
                            struct rn_err *err)
{
    char *path, hex[RN_HEX];
    RN_TRY(rn_model_in_weights(job, init, &path, err));
    int rc = rn_memo_sha256(job->memo, path, hex, NULL, err);
    free(path);
    if (rc == RN_OK)
        json_object_set_new(into, "init", json_string(hex));
    return rc;
}

/* Where a step's multiplier depends on the horizon, a longer horizon is another training. */
int rn_training_fingerprint(const struct rn_job *job, const void *cfg, json_t *into,
                            struct rn_err *err)
{
    const CFG *c = cfg;
    if (c->init.text && !c->init.stage)
        RN_TRY(fingerprint_init(job, &c->init, into, err));
    if (strcmp(rn_schedule_names[c->schedule], "constant") == 0)
        return RN_OK;
    json_t *horizon =
        json_pack("{s:I, s:I, s:f, s:f, s:f, s:I}", "steps", (json_int_t)c->horizon_steps, "tokens",
                  (json_int_t)c->horizon_tokens, "flops", c->horizon_flops, "tokens_per_param",
                  c->tokens_per_param, "epochs", c->horizon_epochs, "steps_per_epoch",
                  (json_int_t)(c->horizon_epochs > 0 ? c->steps_per_epoch : 0));
    json_object_set_new(into, "horizon", horizon);
    return RN_OK;
}
