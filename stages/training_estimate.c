/* What a training stage would cost, for `plan`: from the configuration alone, nothing is built. */
#include "checkpoint.h"
#include "file.h"
#include "model_in.h"
#include "training_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The model that would be built or continued; false while its tokenizer or base does not exist. */
static bool model_of(const struct rn_job *job, const struct rn_training_cfg *c,
                     const struct rn_training_kind *kind, struct rn_model_cfg *mc)
{
    const struct rn_artifact *a =
        rn_job_artifact(job, kind->continues ? &c->in_model : &c->in_tokenizer);
    if (!a)
        return false;
    char *path = rn_join(a->dir, kind->continues ? "config.json" : "tokenizer.json");
    json_t *doc = NULL;
    bool known = rn_json_read(path, 64 << 20, &doc, NULL) == RN_OK;
    if (known && kind->continues) {
        known = rn_model_cfg_from_json(mc, doc, NULL) == RN_OK;
    } else if (known) {
        struct rn_model_shape_request shape = c->shape;
        shape.vocab_size = rn_json_int(doc, "vocab_size", 0);
        if (shape.window_pattern && !*shape.window_pattern)
            shape.window_pattern = NULL;
        known = rn_model_cfg_fill(mc, rn_arch_names[c->arch], &shape, NULL) == RN_OK;
    }
    json_decref(doc);
    free(path);
    return known;
}

int64_t rn_training_batch(const struct rn_job *job, const struct rn_training_cfg *c,
                          const struct rn_training_kind *kind, const struct rn_model_cfg *mc)
{
    struct rn_training_defaults rules = kind->defaults(mc);
    int64_t inherited = 0;
    if (c->batch_tokens > 0)
        return c->batch_tokens;
    if (rules.batch_rows > 0)
        return rules.batch_rows * mc->sequence_len;
    if (rules.inherits_batch)
        inherited = rn_model_in_batch(rn_job_artifact(job, &c->in_model));
    return inherited > 0 ? inherited : rn_scaling_batch(mc);
}

static void estimate_horizon(const struct rn_job *job, const struct rn_training_cfg *c,
                             const struct rn_model_cfg *mc, const struct rn_training_kind *kind,
                             struct rn_estimate *e)
{
    int64_t batch = rn_training_batch(job, c, kind, mc);
    struct rn_horizon h = {.steps = c->horizon_steps,
                           .tokens = c->horizon_tokens,
                           .flops = c->horizon_flops,
                           .tokens_per_param = c->tokens_per_param};
    bool given = h.steps > 0 || h.tokens > 0 || h.flops > 0 || h.tokens_per_param > 0;
    if (!given && c->horizon_epochs > 0 && c->steps_per_epoch > 0)
        h.steps = (int64_t)ceil(c->horizon_epochs * (double)c->steps_per_epoch);
    else if (!given && (kind->continues || c->horizon_epochs > 0))
        return; /* passes over data that is not open yet */
    if (rn_scaling_steps(&e->steps, mc, mc->sequence_len, batch, &h, NULL) != RN_OK)
        return;
    e->tokens = (double)e->steps * (double)batch;
    e->flops = e->tokens * rn_model_flops_per_token(mc, mc->sequence_len);
}

/* What a micro-step keeps until its backward pass: logits and their gradient, and per layer about
 * 14 values a channel (489 MiB planned at depth 4, width 256, V 8192, 16 rows of 256). */
static double activation_bytes(const struct rn_model_cfg *mc, const struct rn_training_cfg *c,
                               int64_t batch_tokens)
{
    enum { LOGITS = 2, LAYER = 14 };
    int64_t rows = batch_tokens / mc->sequence_len;
    double values = LOGITS * (double)mc->vocab_padded + LAYER * (double)(mc->n_layer * mc->n_embd);
    if (rows < 1)
        return 0;
    return (double)(rn_training_micro_rows(c, rows) * mc->sequence_len) * values * sizeof(float);
}

/* The newest checkpoint that is not beyond the horizon (0: unknown), -1: none. */
static int64_t newest(const struct rn_job *job, int64_t horizon)
{
    struct rn_ckpt checkpoint = {.dir = job->work_dir, .key = job->key};
    int64_t *steps, step = -1;
    size_t n = rn_ckpt_list(&checkpoint, &steps);
    for (size_t i = 0; i < n; i++)
        if (horizon <= 0 || steps[i] <= horizon)
            step = steps[i];
    free(steps);
    return step;
}

/* The newest step of trainings that differ in their horizon alone, where there is nothing else. */
static void look_at_earlier(const struct rn_job *job, const struct rn_schedule *schedule,
                            struct rn_estimate *e)
{
    for (size_t i = 0; i < job->n_earlier; i++) {
        int64_t step = rn_training_shared_step(&job->earlier[i], schedule, e->steps);
        if (step > e->resume_step) {
            e->resume_step = step;
            e->resume_key = job->earlier[i].key;
        }
        if (e->resume_step < 0)
            e->restart_key = job->earlier[i].key;
    }
    if (e->resume_step >= 0)
        e->restart_key = NULL;
}

int rn_training_estimate(const struct rn_job *job, const struct rn_training_cfg *c,
                         const struct rn_training_kind *kind, struct rn_estimate *e,
                         struct rn_err *err)
{
    (void)err;
    enum { WEIGHT_GRAD_MOMENTS = 4, CHECKPOINT = 3 }; /* fp32 copies of each parameter */
    struct rn_model_cfg mc;
    if (!model_of(job, c, kind, &mc)) {
        e->resume_step = newest(job, 0);
        return RN_OK;
    }
    e->params = rn_model_param_count(&mc);
    e->memory_bytes = (double)e->params * WEIGHT_GRAD_MOMENTS * sizeof(float) +
                      activation_bytes(&mc, c, rn_training_batch(job, c, kind, &mc));
    e->disk_bytes = (double)e->params * CHECKPOINT * sizeof(float) *
                    (double)(c->checkpoint_keep + 2); /* best and the one being written */
    estimate_horizon(job, c, &mc, kind, e);
    e->resume_step = newest(job, e->steps);
    struct rn_schedule schedule = rn_training_schedule(c, kind, &mc);
    if (e->resume_step < 0)
        look_at_earlier(job, &schedule, e);
    return RN_OK;
}
