#include "clock.h"
#include "hash.h"
#include "path.h"
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
 * micro-steps and these among ranks. */
static int forward_backward(struct rn_training *t, int64_t targets, double *loss,
                            struct rn_err *err)
{
    const struct rn_train_prog *p = &t->program;
    int64_t n = t->B * t->T, rank = rn_comm_rank(t->job->comm);
    int64_t stride = n * rn_comm_world(t->job->comm);
    float scale = targets > 0 ? 1.0f / (float)targets : 0.0f;
    RN_TRY(rn_prog_put(p->prog, p->scale, &scale, err));
    for (int64_t m = 0; m < t->micro_steps; m++) {
        RN_TRY(rn_prog_put(p->prog, p->x, t->x + m * stride + rank * n, err));
        RN_TRY(rn_prog_put(p->prog, p->y, t->y + m * stride + rank * n, err));
        RN_TRY(m + 1 < t->micro_steps ? rn_prog_run(p->prog, err)
                                      : rn_optim_run_last(t->optim, err));
        RN_TRY(rn_prog_get_later(p->prog, p->loss, &t->losses[m], err));
    }
    RN_TRY(rn_device_sync(t->device, err));
    RN_TRY(rn_training_fp8_look(t, err));
    *loss = 0;
    for (int64_t m = 0; m < t->micro_steps; m++)
        *loss += t->losses[m];
    return rn_comm_sum(t->job->comm, loss, 1, err);
}

struct step {
    double loss, lrm, dt_s; /* NAN: there was none */
    float norm;
    struct rn_health_said said;
};

/* A number that is none is left out: it would read as a derailment to whoever watches. */
static void report_step(struct rn_training *t, const struct step *s)
{
    double tok_per_sec = (double)t->batch_tokens / s->dt_s;
    double per_token = rn_model_flops_per_token(rn_model_config(t->model), t->T);
    double peak_flops = t->peak_flops * rn_comm_world(t->job->comm);
    double tokens = (double)(t->step + 1) * (double)t->batch_tokens;
    const struct rn_metric_value all[] = {{"loss", s->loss},
                                          {"grad_norm", s->norm},
                                          {"lrm", s->lrm},
                                          {"dt_ms", s->dt_s * 1e3},
                                          {"tok_per_sec", tok_per_sec},
                                          {"mfu", 100 * tok_per_sec * per_token / peak_flops},
                                          {"total_time_min", t->total_time_s / 60},
                                          {"total_flops", tokens * per_token},
                                          {"epoch", (double)rn_loader_epoch(t->loader)},
                                          {"loss_z", s->said.loss_z},
                                          {"grad_norm_z", s->said.norm_z},
                                          {"fp8_saturated", t->saturated},
                                          {"skipped", (double)t->skipped},
                                          {"data_order", order_number(t)}};
    struct rn_metric_value finite[RN_COUNT(all)];
    size_t n = 0;
    for (size_t i = 0; i < RN_COUNT(all); i++)
        if (isfinite(all[i].value))
            finite[n++] = all[i];
    rn_job_metrics(t->job, t->step, finite, n);
    char text[96];
    snprintf(text, sizeof text, "loss %.4f  %.0f tok/s", s->loss, tok_per_sec);
    rn_job_progress(t->job, (double)(t->step + 1), (double)t->steps, "steps", text);
}

static void pass_over(struct rn_training *t, struct step *s)
{
    s->lrm = s->dt_s = NAN;
    t->skipped++;
    report_step(t, s);
    t->step++;
}

static int take_step(struct rn_training *t, struct step *s, double start_s, struct rn_err *err)
{
    struct rn_schedule_at now = rn_schedule_at(&t->schedule, t->step, t->steps);
    struct rn_optim_step how = {.t = t->step + 1,
                                .lr_mult = now.lr_mult,
                                .muon_momentum = now.muon_momentum,
                                .decay_mult = now.decay_mult};
    RN_TRY(rn_optim_step(t->optim, &how, NULL, err));
    s->lrm = now.lr_mult;
    s->dt_s = rn_clock_s() - start_s;
    t->total_time_s += s->dt_s;
    report_step(t, s);
    t->step++;
    return RN_OK;
}

/* What is to be done about a bad step, by the rules of `health`. */
static int refuse_step(struct rn_training *t, struct step *s, struct rn_training_due *due,
                       bool *went_back, struct rn_err *err)
{
    if (s->said.verdict == RN_STEP_STOP)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "step %" PRId64 ": %s; the last checkpoint is sound", t->step, s->said.why);
    RN_TRY(rn_optim_drop(t->optim, err));
    if (s->said.verdict == RN_STEP_ROLL_BACK) {
        int64_t first = rn_health_leave_out(&t->health, t->step);
        RN_TRY(rn_training_go_back(t, first, went_back, due, err));
        if (*went_back)
            return RN_OK;
    }
    rn_log(t->job->log, RN_WARN, "step %" PRId64 " is skipped: %s", t->step, s->said.why);
    pass_over(t, s);
    return RN_OK;
}

/* *went_back: an earlier step is the newest again, and *due is what is to be evaluated there. */
static int train_step(struct rn_training *t, struct rn_training_due *due, bool *went_back,
                      struct rn_err *err)
{
    struct step s = {.loss = NAN, .norm = NAN, .said = {.loss_z = NAN, .norm_z = NAN}};
    double start_s = rn_clock_s();
    int64_t targets;
    *went_back = false;
    RN_TRY(load_batch(t, &targets, err));
    if (rn_health_leaves_out(&t->health, t->step)) {
        pass_over(t, &s);
        return RN_OK;
    }
    RN_TRY(forward_backward(t, targets, &s.loss, err));
    RN_TRY(rn_optim_norm(t->optim, &s.norm, err));
    s.said = rn_health_judge(&t->health, s.loss, s.norm);
    if (s.said.verdict != RN_STEP_SOUND)
        return refuse_step(t, &s, due, went_back, err);
    if (*s.said.why)
        rn_log(t->job->log, RN_WARN, "step %" PRId64 ": %s", t->step, s.said.why);
    double look_s = rn_clock_s();
    RN_TRY(rn_training_histograms(t, err));
    start_s += rn_clock_s() - look_s; /* a look is no work: the pace stays that of training */
    return take_step(t, &s, start_s, err);
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
    if (!rn_training_leads(t))
        return RN_OK;
    double bpb = rn_training_evaluate(&t->eval, t->step, due);
    RN_TRY(keep_best(t, bpb, due, err));
    return rn_job_stopping(t->job) ? stop_here(t, due, err) : RN_OK;
}

static int boundary(struct rn_training *t, int64_t epoch_before, struct rn_err *err)
{
    if (!rn_training_leads(t))
        return RN_OK;
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
    rn_training_time_ops(t);
    RN_TRY(evaluate(t, &due, err));
    while (t->step < t->steps) {
        int64_t epoch_before = rn_loader_epoch(t->loader);
        bool went_back;
        RN_TRY(rn_training_go_on(t, err));
        RN_TRY(train_step(t, &due, &went_back, err));
        RN_TRY(went_back ? evaluate(t, &due, err) : boundary(t, epoch_before, err));
    }
    struct rn_metric_value last = {"total_time_min", t->total_time_s / 60};
    rn_job_metrics(t->job, t->step, &last, 1); /* how many steps there were */
    rn_training_tell_times(t);
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

static int publish_all(struct rn_training *t, struct rn_err *err)
{
    RN_TRY(publish(t, "model", t->step, err));
    return publish_best(t, err);
}

int rn_training_run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    struct rn_training t = {.job = job, .cfg = cfg, .kind = job->kind->own, .saturated = NAN};
    int rc;
    rn_sha256_hex("", 0, t.order);
    RN_CHECK(rc = rn_training_open(&t, err));
    RN_CHECK(rc = train(&t, err));
    RN_CHECK(rc = rn_training_attend(&t, err));
    if (rn_training_leads(&t))
        rc = publish_all(&t, err);
done:
    rn_training_dismiss(&t, rc);
    rn_training_close(&t);
    return rc;
}
