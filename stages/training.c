#include "file.h"
#include "training_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* --- one step --- */

/* The digest of the order so far and of the batch is the order from now on: for receipts. */
static void chain_order(struct rn_training *t)
{
    struct rn_sha256 h;
    size_t n = (size_t)t->batch_tokens;
    if (!*t->order)
        return;
    rn_sha256_init(&h);
    rn_sha256_add(&h, t->order, RN_HEX - 1);
    rn_sha256_add(&h, t->x, n * sizeof *t->x);
    rn_sha256_add(&h, t->y, n * sizeof *t->y);
    rn_sha256_done(&h, t->order);
}

/* Its first 48 bits, which a number of a metrics file holds exactly. */
static double order_number(const struct rn_training *t)
{
    unsigned long long bits;
    return sscanf(t->order, "%12llx", &bits) == 1 ? (double)bits : NAN;
}

/* The whole step at once: what is trained on does not depend on how it is cut for the device. */
static int load_batch(struct rn_training *t, int64_t *targets, struct rn_err *err)
{
    *targets = 0;
    RN_TRY(rn_loader_next(t->loader, t->x, t->y, err));
    chain_order(t);
    for (int64_t i = 0; i < t->batch_tokens; i++)
        *targets += t->y[i] >= 0;
    return RN_OK;
}

/* Adds the gradients of the mean loss over all targets of the step, however they are cut into
 * micro-steps. */
static int forward_backward(struct rn_training *t, int64_t targets, double *loss,
                            struct rn_err *err)
{
    const struct rn_train_prog *p = &t->program;
    int64_t n = t->B * t->T;
    float scale = targets > 0 ? 1.0f / (float)targets : 0.0f;
    RN_TRY(rn_prog_put(p->prog, p->scale, &scale, err));
    *loss = 0;
    for (int64_t m = 0; m < t->micro_steps; m++) {
        float part;
        RN_TRY(rn_prog_put(p->prog, p->x, t->x + m * n, err));
        RN_TRY(rn_prog_put(p->prog, p->y, t->y + m * n, err));
        RN_TRY(rn_prog_run(p->prog, err));
        RN_TRY(rn_prog_get(p->prog, p->loss, &part, err));
        *loss += part;
    }
    return RN_OK;
}

static void report_step(struct rn_training *t, double loss, float norm, double lrm, double dt_s)
{
    double tok_per_sec = (double)t->batch_tokens / dt_s;
    const struct rn_model_cfg *mc = rn_model_config(t->model);
    double flops = tok_per_sec * rn_model_flops_per_token(mc, t->T);
    struct rn_metric_value v[] = {{"loss", loss},
                                  {"grad_norm", norm},
                                  {"lrm", lrm},
                                  {"dt_ms", dt_s * 1e3},
                                  {"tok_per_sec", tok_per_sec},
                                  {"mfu", 100 * flops / t->peak_flops},
                                  {"total_time_min", t->total_time_s / 60},
                                  {"epoch", (double)rn_loader_epoch(t->loader)},
                                  {"data_order", order_number(t)}};
    rn_job_metrics(t->job, t->step, v, RN_COUNT(v));
    char text[96];
    snprintf(text, sizeof text, "loss %.4f  %.0f tok/s", loss, tok_per_sec);
    rn_job_progress(t->job, (double)(t->step + 1), (double)t->steps, "steps", text);
}

static int train_step(struct rn_training *t, struct rn_err *err)
{
    double start_s = rn_clock_s(), loss;
    int64_t targets;
    float norm;
    RN_TRY(load_batch(t, &targets, err));
    RN_TRY(forward_backward(t, targets, &loss, err));
    struct rn_schedule_at now = rn_schedule_at(&t->schedule, t->step, t->steps);
    struct rn_optim_step how = {.t = t->step + 1,
                                .lr_mult = now.lr_mult,
                                .muon_momentum = now.muon_momentum,
                                .decay_mult = now.decay_mult};
    RN_TRY(rn_optim_step(t->optim, &how, &norm, err));
    if (!isfinite(loss) || !isfinite(norm))
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "step %" PRId64 ": loss %g, gradient norm %g; the last checkpoint is sound",
                       t->step, loss, (double)norm);
    double dt_s = rn_clock_s() - start_s;
    t->total_time_s += dt_s;
    report_step(t, loss, norm, now.lr_mult, dt_s);
    t->step++;
    return RN_OK;
}

/* --- boundaries: first save, then evaluate --- */

static bool save_due(const struct rn_training *t, int64_t epoch_before)
{
    const struct rn_training_cfg *c = t->cfg;
    double since_s = rn_clock_s() - t->last_save_s;
    return t->step == t->steps ||
           (t->step > 0 && rn_training_every(t->step, c->checkpoint_every)) ||
           (c->checkpoint_every_s > 0 && since_s >= c->checkpoint_every_s) ||
           rn_loader_epoch(t->loader) > epoch_before ||
           rn_training_every(t->step, c->steps_per_epoch);
}

/* The epoch that ended with the newest step, 0 if none did. */
static int64_t epoch_done(const struct rn_training *t, int64_t epoch_before)
{
    int64_t steps = t->cfg->steps_per_epoch, epoch = rn_loader_epoch(t->loader);
    if (steps > 0)
        return rn_training_every(t->step, steps) ? t->step / steps : 0;
    return epoch > epoch_before ? epoch : 0;
}

/* A better validation loss keeps its weights, so it needs a checkpoint of this very step. `due` is
 * what is still to be evaluated there. */
static int keep_best(struct rn_training *t, double bpb, const struct rn_training_due *due,
                     struct rn_err *err)
{
    if (!(bpb < t->best_bpb) || t->step == 0)
        return RN_OK;
    t->best_bpb = bpb;
    t->best_step = t->step;
    return rn_training_save(t, due, err);
}

/* Ends the stage with what is still due saved; the same command goes on from here. */
static int stop_here(struct rn_training *t, const struct rn_training_due *due, struct rn_err *err)
{
    RN_TRY(rn_training_save(t, due, err));
    return rn_fail(err, RN_ESTOPPED, RN_NOWHERE,
                   "stopped after step %" PRId64 " of %" PRId64 ", saved", t->step, t->steps);
}

static int evaluate(struct rn_training *t, struct rn_training_due *due, struct rn_err *err)
{
    double bpb = rn_training_evaluate(&t->eval, t->step, due);
    RN_TRY(keep_best(t, bpb, due, err));
    return rn_job_stopping(t->job) ? stop_here(t, due, err) : RN_OK;
}

static int boundary(struct rn_training *t, int64_t epoch_before, struct rn_err *err)
{
    struct rn_training_due due = rn_training_due_at(t);
    bool stopping = rn_job_stopping(t->job);
    t->epoch_done = epoch_done(t, epoch_before);
    if (stopping || save_due(t, epoch_before))
        RN_TRY(rn_training_save(t, &due, err));
    if (stopping)
        return stop_here(t, &due, err);
    return evaluate(t, &due, err);
}

static int train(struct rn_training *t, struct rn_err *err)
{
    struct rn_training_due due = {0};
    RN_TRY(rn_training_resume(t, &due, err));
    t->last_save_s = rn_clock_s();
    RN_TRY(evaluate(t, &due, err));
    while (t->step < t->steps) {
        int64_t epoch_before = rn_loader_epoch(t->loader);
        RN_TRY(train_step(t, err));
        RN_TRY(boundary(t, epoch_before, err));
    }
    struct rn_metric_value last = {"total_time_min", t->total_time_s / 60};
    rn_job_metrics(t->job, t->step, &last, 1); /* how many steps there were */
    return RN_OK;
}

/* --- results --- */

/* The weights in hand, as an output of the stage. */
static int publish(struct rn_training *t, const char *output, int64_t step, struct rn_err *err)
{
    char *dir = rn_join(t->job->out_dir, output);
    json_t *extra = json_copy(t->config_extra);
    json_object_set_new(extra, "step", json_integer(step));
    int rc = rn_model_save(t->model, dir, extra, err);
    json_decref(extra);
    free(dir);
    return rc;
}

/* The best weights, read back into the model, which nobody uses after this. */
static int publish_best(struct rn_training *t, struct rn_err *err)
{
    struct rn_err why = {0};
    json_t *state;
    int64_t step = t->best_step >= 0 ? t->best_step : t->step;
    if (rn_ckpt_verify(&t->checkpoint, step, &why) != RN_OK) {
        rn_log(t->job->log, RN_WARN,
               "the best weights, of step %" PRId64 ", are lost (%s): 'best' is the last step",
               step, why.msg);
        return publish(t, "best", t->step, err);
    }
    RN_TRY(rn_ckpt_load(&t->checkpoint, step, t->model, NULL, &state, err));
    json_decref(state);
    return publish(t, "best", step, err);
}

int rn_training_run(struct rn_job *job, const struct rn_training_cfg *cfg,
                    const struct rn_training_kind *kind, struct rn_err *err)
{
    struct rn_training t = {.job = job, .cfg = cfg, .kind = kind};
    int rc;
    rn_sha256_hex("", 0, t.order);
    RN_CHECK(rc = rn_training_open(&t, err));
    RN_CHECK(rc = train(&t, err));
    RN_CHECK(rc = publish(&t, "model", t.step, err));
    RN_CHECK(rc = publish_best(&t, err));
done:
    rn_training_close(&t);
    return rc;
}
