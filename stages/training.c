#include "training.h"

#include "checkpoint.h"
#include "file.h"
#include "model_in.h"
#include "peak.h"
#include "training_eval.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One running training stage. */
struct training {
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
    int32_t *x, *y; /* (micro_steps, B, T) */
    double peak_flops;
    /* The part of the state that a checkpoint carries besides weights, moments and loader. */
    double best_bpb, total_time_s;
    int64_t best_step; /* -1: none yet */
    double last_save_s;
};

/* --- set-up --- */

static int open_tokenizer(struct training *t, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(t->job, &t->cfg->in_tokenizer);
    return rn_tokenizer_load(&t->tokenizer, a->dir, err);
}

static void apply_schedule_keys(struct rn_schedule *s, const struct rn_training_cfg *c)
{
    if (c->warmup >= 0)
        s->warmup = c->warmup;
    if (c->warmdown >= 0)
        s->warmdown = c->warmdown;
    if (c->final_frac >= 0)
        s->final_frac = c->final_frac;
    if (c->min_lr >= 0 && c->max_lr > 0)
        s->final_frac = c->min_lr / c->max_lr;
}

static void choose_schedule(struct training *t)
{
    const char *name = rn_schedule_names[t->cfg->schedule];
    if (strcmp(name, "auto") == 0)
        name = t->defaults.schedule ? t->defaults.schedule : rn_model_config(t->model)->arch;
    RN_ASSERT(rn_schedule_preset(&t->schedule, name));
    apply_schedule_keys(&t->schedule, t->cfg);
}

static int new_model(struct training *t, struct rn_err *err)
{
    struct rn_model_cfg mc;
    struct rn_model_shape_request shape = t->cfg->shape;
    shape.vocab_size = rn_tokenizer_vocab_size(t->tokenizer);
    if (shape.window_pattern && !*shape.window_pattern)
        shape.window_pattern = NULL;
    RN_TRY(rn_model_cfg_fill(&mc, rn_arch_names[t->cfg->arch], &shape, err));
    RN_TRY(rn_model_new(&t->model, &mc, t->device, true, err));
    return rn_model_init_weights(t->model, (uint64_t)t->cfg->seed, err);
}

static int open_model(struct training *t, struct rn_err *err)
{
    if (!t->kind->continues)
        return new_model(t, err);
    const struct rn_artifact *a = rn_job_artifact(t->job, &t->cfg->in_model);
    RN_TRY(rn_model_in_check(a, t->tokenizer, err));
    return rn_model_load(&t->model, a->dir, t->device, true, err);
}

/* Rows of a micro-step: what was asked for, cut to a divisor of the batch's rows. */
static int64_t micro_rows(int64_t rows, int64_t asked)
{
    int64_t B = asked > 0 && asked < rows ? asked : rows;
    while (rows % B != 0)
        B--;
    return B;
}

enum { DEVICE_ROWS = 16 }; /* where the file asks for nothing */

static int choose_batch(struct training *t, struct rn_err *err)
{
    const struct rn_model_cfg *mc = rn_model_config(t->model);
    t->T = mc->sequence_len;
    t->batch_tokens = rn_training_batch(t->job, t->cfg, t->kind, mc);
    if (t->batch_tokens % t->T != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'batch.tokens' is %" PRId64
                       ", expected a multiple of sequence_len %" PRId64,
                       t->batch_tokens, t->T);
    int64_t rows = t->batch_tokens / t->T;
    t->B = micro_rows(rows, t->cfg->device_rows > 0 ? t->cfg->device_rows : DEVICE_ROWS);
    t->micro_steps = rows / t->B;
    return RN_OK;
}

/* One pass where nothing is given. What the user calls an epoch goes before the data's own length. */
static int64_t epochs_steps(const struct rn_training_cfg *c, int64_t one_pass)
{
    double epochs = c->horizon_epochs > 0 ? c->horizon_epochs : 1;
    return (int64_t)ceil(epochs * (double)(c->steps_per_epoch > 0 ? c->steps_per_epoch : one_pass));
}

static int open_loader(struct training *t, struct rn_err *err)
{
    const struct rn_training_cfg *c = t->cfg;
    const struct rn_model_cfg *mc = rn_model_config(t->model);
    int64_t one_pass = 0;
    RN_TRY(t->kind->train_loader(t->data, t->B * t->micro_steps, t->T, &t->loader, err));
    if (t->kind->one_pass_steps)
        RN_TRY(t->kind->one_pass_steps(t->data, t->batch_tokens, t->T, &one_pass, err));
    struct rn_horizon h = {.steps = c->horizon_steps,
                           .tokens = c->horizon_tokens,
                           .flops = c->horizon_flops,
                           .tokens_per_param = c->tokens_per_param};
    bool given = h.steps > 0 || h.tokens > 0 || h.flops > 0 || h.tokens_per_param > 0;
    if (!given && (t->kind->continues || c->horizon_epochs > 0))
        h.steps = epochs_steps(c, one_pass);
    return rn_scaling_steps(&t->steps, mc, t->T, t->batch_tokens, &h, err);
}

/* A key's -1 is the optimizer's NaN: as in the architecture's table. */
static double given(double value)
{
    return value >= 0 ? value : NAN;
}

static struct rn_group_override *group_overrides(const struct rn_training_cfg *c, size_t *n)
{
    const struct rn_training_group *g = c->groups.items;
    struct rn_group_override *out = rn_xalloc((c->groups.n + 2) * sizeof *out);
    *n = 0;
    if (c->max_lr > 0) {
        out[*n] = RN_GROUP_UNCHANGED;
        out[(*n)++].lr = c->max_lr;
    }
    for (size_t i = 0; i < c->groups.n; i++, (*n)++) {
        const double *betas = g[i].betas.items;
        out[*n] = (struct rn_group_override){.group = c->groups.names[i],
                                             .lr = given(g[i].lr),
                                             .beta1 = g[i].betas.n ? betas[0] : NAN,
                                             .beta2 = g[i].betas.n ? betas[1] : NAN,
                                             .eps = given(g[i].eps),
                                             .decay = given(g[i].decay)};
    }
    return out;
}

static int open_optim(struct training *t, struct rn_err *err)
{
    struct rn_scaling scaling = rn_scaling_for(rn_model_config(t->model), t->batch_tokens);
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct rn_group_override *overrides = group_overrides(t->cfg, &oc.n_overrides);
    oc.overrides = overrides;
    oc.clip = t->cfg->clip >= 0 ? t->cfg->clip : t->defaults.clip;
    oc.lr_scale = scaling.lr;
    oc.decay_scale = scaling.decay;
    oc.lr_frac = t->cfg->lr_frac >= 0 ? t->cfg->lr_frac : t->defaults.lr_frac;
    int rc = rn_optim_new(&t->optim, t->model, &oc, err);
    free(overrides);
    return rc;
}

static int put_positions(struct training *t, struct rn_err *err)
{
    size_t n = (size_t)(t->B * t->T);
    int32_t *pos = rn_xalloc(n * sizeof *pos);
    for (size_t i = 0; i < n; i++)
        pos[i] = (int32_t)((int64_t)i % t->T);
    int rc = rn_prog_put(t->program.prog, t->program.pos, pos, err);
    free(pos);
    return rc;
}

static int open_program(struct training *t, struct rn_err *err)
{
    size_t n = (size_t)t->batch_tokens;
    RN_TRY(rn_try_alloc((void **)&t->x, n, sizeof *t->x, "batch", err));
    RN_TRY(rn_try_alloc((void **)&t->y, n, sizeof *t->y, "batch", err));
    RN_TRY(rn_model_train_prog(t->model, t->B, t->T, &t->program, err));
    return put_positions(t, err);
}

static int set_up(struct training *t, struct rn_err *err)
{
    struct rn_job *job = t->job;
    RN_TRY(rn_device_open(&t->device, job->device, job->threads, job->log, err));
    RN_TRY(open_tokenizer(t, err));
    RN_TRY(open_model(t, err));
    t->defaults = t->kind->defaults(rn_model_config(t->model));
    choose_schedule(t);
    RN_TRY(choose_batch(t, err));
    RN_TRY(t->kind->open(job, t->cfg, t->tokenizer, rn_model_config(t->model), &t->data, err));
    RN_TRY(open_loader(t, err));
    RN_TRY(open_optim(t, err));
    RN_TRY(open_program(t, err));
    struct rn_training_eval_setup es = {.job = job,
                                        .cfg = t->cfg,
                                        .kind = t->kind,
                                        .data = t->data,
                                        .model = t->model,
                                        .tokenizer = t->tokenizer,
                                        .B = t->B};
    RN_TRY(rn_training_eval_init(&t->eval, &es, err));
    t->config_extra = json_pack("{s:s, s:I}", "tokenizer", rn_tokenizer_digest(t->tokenizer),
                                "batch_tokens", (json_int_t)t->batch_tokens);
    t->checkpoint = (struct rn_ckpt){.dir = job->work_dir,
                                     .key = job->key,
                                     .log = job->log,
                                     .extra = t->config_extra,
                                     .steps = t->steps};
    t->peak_flops = rn_peak_flops(t->device);
    t->best_bpb = INFINITY;
    t->best_step = -1;
    char params[32], tokens[32];
    rn_log(job->log, RN_INFO,
           "%s: %s, %s parameters, %" PRId64 " steps of %s tokens (%" PRId64 " x %" PRId64
           " rows of %" PRId64 ")",
           t->kind->name, rn_model_config(t->model)->arch,
           rn_show_count(params, (double)rn_model_param_count(rn_model_config(t->model))), t->steps,
           rn_show_count(tokens, (double)t->batch_tokens), t->micro_steps, t->B, t->T);
    return RN_OK;
}

static void tear_down(struct training *t)
{
    rn_training_eval_release(&t->eval);
    rn_prog_free(t->program.prog);
    rn_optim_free(t->optim);
    rn_loader_free(t->loader);
    t->kind->close(t->data);
    rn_model_free(t->model);
    rn_tokenizer_free(t->tokenizer);
    rn_device_close(t->device);
    json_decref(t->config_extra);
    free(t->x);
    free(t->y);
}

/* --- checkpoints --- */

static json_t *state_json(const struct training *t, const struct rn_training_due *due)
{
    json_t *pending = json_array();
    if (due->bpb)
        json_array_append_new(pending, json_string("bpb"));
    if (due->core)
        json_array_append_new(pending, json_string("core"));
    if (due->sample)
        json_array_append_new(pending, json_string("sample"));
    json_t *best = isfinite(t->best_bpb) ? json_real(t->best_bpb) : json_null();
    return json_pack("{s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:I, s:I}", "step", (json_int_t)t->step,
                     "steps", (json_int_t)t->steps, "loader", rn_loader_state(t->loader),
                     "best_bpb", best, "best_step", (json_int_t)t->best_step, "metrics_offset",
                     (json_int_t)rn_job_metrics_offset(t->job), "pending", pending, "seed",
                     (json_int_t)t->cfg->seed, "device_rows", (json_int_t)t->B);
}

/* A full disk is the one failure that waiting can cure; the weights are in memory. False: stop. */
static bool wait_for_room(const struct training *t, int tries, const struct rn_err *err)
{
    enum { TRY_EVERY_S = 5, SAY_EVERY = 12 };
    char free_text[32];
    if (tries % SAY_EVERY == 0)
        rn_log(t->job->log, RN_WARN, "%s; %s free; waiting for room (checkpoint.on_full: pause)",
               err->msg, rn_show_bytes(free_text, (double)rn_disk_free(t->job->work_dir)));
    for (int s = 0; s < TRY_EVERY_S && !rn_job_stopping(t->job); s++)
        sleep(1);
    return !rn_job_stopping(t->job);
}

static int save_once(struct training *t, const json_t *state, struct rn_err *err)
{
    RN_TRY(rn_ckpt_save(&t->checkpoint, t->step, t->model, t->optim, state, err));
    return rn_ckpt_rotate(&t->checkpoint, t->step, t->cfg->checkpoint_keep, err);
}

static int save(struct training *t, const struct rn_training_due *due, struct rn_err *err)
{
    json_t *state = state_json(t, due);
    struct rn_err e = {0};
    int rc = save_once(t, state, &e);
    for (int tries = 0;
         rc == RN_ENOSPACE && t->cfg->on_full == RN_FULL_PAUSE && wait_for_room(t, tries, &e);
         tries++) {
        e = (struct rn_err){0};
        rc = save_once(t, state, &e);
    }
    if (rc != RN_OK)
        *err = e;
    json_decref(state);
    t->last_save_s = rn_clock_s();
    return rc;
}

static bool every(int64_t step, int64_t cadence)
{
    return cadence > 0 && step % cadence == 0;
}

static struct rn_training_due due_at(const struct training *t)
{
    const struct rn_training_cfg *c = t->cfg;
    bool last = t->step == t->steps;
    return (struct rn_training_due){
        .bpb = last || every(t->step, c->bpb_every),
        .core = c->core_every > 0 && t->step > 0 && (last || every(t->step, c->core_every)),
        .sample = c->sample_every > 0 && t->step > 0 && (last || every(t->step, c->sample_every))};
}

static void restore_pending(const json_t *state, struct rn_training_due *due)
{
    size_t i;
    json_t *word;
    json_array_foreach(json_object_get(state, "pending"), i, word)
    {
        const char *w = json_string_value(word);
        due->bpb |= w && strcmp(w, "bpb") == 0;
        due->core |= w && strcmp(w, "core") == 0;
        due->sample |= w && strcmp(w, "sample") == 0;
    }
}

/* Takes up the newest checkpoint that verifies; *due is what was still to be evaluated there, and at
 * a new beginning what is due at step 0. */
static int resume(struct training *t, struct rn_training_due *due, struct rn_err *err)
{
    int64_t step;
    json_t *state;
    RN_TRY(rn_ckpt_find(&t->checkpoint, t->job->resume_from, &step, err));
    if (step < 0) {
        *due = due_at(t);
        return rn_job_metrics_cut(t->job, 0, err);
    }
    RN_TRY(rn_ckpt_load(&t->checkpoint, step, t->model, t->optim, &state, err));
    int rc = rn_loader_restore(t->loader, json_object_get(state, "loader"), err);
    t->step = step;
    t->best_bpb = rn_json_real(state, "best_bpb", INFINITY);
    t->best_step = rn_json_int(state, "best_step", -1);
    restore_pending(state, due);
    if (rn_json_int(state, "device_rows", t->B) != t->B)
        rn_log(t->job->log, RN_WARN,
               "device_rows was %" PRId64 " and is %" PRId64
               ": the same training, but not bit for bit",
               rn_json_int(state, "device_rows", t->B), t->B);
    if (rc == RN_OK)
        rc = rn_job_metrics_cut(t->job, rn_json_int(state, "metrics_offset", 0), err);
    double minutes = rn_job_last_metric(t->job, "total_time_min");
    t->total_time_s = isfinite(minutes) ? minutes * 60 : 0;
    json_decref(state);
    if (rc == RN_OK)
        rn_log(t->job->log, RN_INFO, "resumed at step %" PRId64 " of %" PRId64, step, t->steps);
    return rc;
}

/* --- one step --- */

/* The whole step at once: what is trained on does not depend on how it is cut for the device. */
static int load_batch(struct training *t, int64_t *targets, struct rn_err *err)
{
    *targets = 0;
    RN_TRY(rn_loader_next(t->loader, t->x, t->y, err));
    for (int64_t i = 0; i < t->batch_tokens; i++)
        *targets += t->y[i] >= 0;
    return RN_OK;
}

/* Adds the gradients of the mean loss over all targets of the step, however they are cut into
 * micro-steps. */
static int forward_backward(struct training *t, int64_t targets, double *loss, struct rn_err *err)
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

static void report_step(struct training *t, double loss, float norm, double lrm, double dt_s)
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
                                  {"epoch", (double)rn_loader_epoch(t->loader)}};
    rn_job_metrics(t->job, t->step, v, RN_COUNT(v));
    char text[96];
    snprintf(text, sizeof text, "loss %.4f  %.0f tok/s", loss, tok_per_sec);
    rn_job_progress(t->job, (double)(t->step + 1), (double)t->steps, "steps", text);
}

static int train_step(struct training *t, struct rn_err *err)
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

static bool save_due(const struct training *t, int64_t epoch_before)
{
    const struct rn_training_cfg *c = t->cfg;
    double since_s = rn_clock_s() - t->last_save_s;
    return t->step == t->steps || (t->step > 0 && every(t->step, c->checkpoint_every)) ||
           (c->checkpoint_every_s > 0 && since_s >= c->checkpoint_every_s) ||
           rn_loader_epoch(t->loader) > epoch_before || every(t->step, c->steps_per_epoch);
}

static int name_epoch(struct training *t, int64_t epoch_before, struct rn_err *err)
{
    int64_t epoch = t->cfg->steps_per_epoch > 0 ? t->step / t->cfg->steps_per_epoch
                                                : rn_loader_epoch(t->loader);
    bool ended = t->cfg->steps_per_epoch > 0 ? every(t->step, t->cfg->steps_per_epoch)
                                             : epoch > epoch_before;
    if (!ended || t->step == 0)
        return RN_OK;
    char name[32];
    snprintf(name, sizeof name, "epoch_%05" PRId64, epoch);
    return rn_ckpt_point(&t->checkpoint, name, t->step, err);
}

/* A better validation loss keeps its weights, so it needs a checkpoint of this very step. `due` is
 * what is still to be evaluated there. */
static int keep_best(struct training *t, double bpb, const struct rn_training_due *due,
                     struct rn_err *err)
{
    if (!(bpb < t->best_bpb) || t->step == 0)
        return RN_OK;
    t->best_bpb = bpb;
    t->best_step = t->step;
    RN_TRY(save(t, due, err));
    return rn_ckpt_point(&t->checkpoint, "best", t->step, err);
}

/* Ends the stage with what is still due saved; the same command goes on from here. */
static int stop_here(struct training *t, const struct rn_training_due *due, struct rn_err *err)
{
    RN_TRY(save(t, due, err));
    return rn_fail(err, RN_ESTOPPED, RN_NOWHERE,
                   "stopped after step %" PRId64 " of %" PRId64 ", saved", t->step, t->steps);
}

static int evaluate(struct training *t, struct rn_training_due *due, struct rn_err *err)
{
    double bpb = rn_training_evaluate(&t->eval, t->step, due);
    RN_TRY(keep_best(t, bpb, due, err));
    return rn_job_stopping(t->job) ? stop_here(t, due, err) : RN_OK;
}

static int boundary(struct training *t, int64_t epoch_before, struct rn_err *err)
{
    struct rn_training_due due = due_at(t);
    bool stopping = rn_job_stopping(t->job);
    if (stopping || save_due(t, epoch_before)) {
        RN_TRY(save(t, &due, err));
        RN_TRY(name_epoch(t, epoch_before, err));
    }
    if (stopping)
        return stop_here(t, &due, err);
    return evaluate(t, &due, err);
}

static int train(struct training *t, struct rn_err *err)
{
    struct rn_training_due due = {0};
    RN_TRY(resume(t, &due, err));
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
static int publish(struct training *t, const char *output, int64_t step, struct rn_err *err)
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
static int publish_best(struct training *t, struct rn_err *err)
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
    struct training t = {.job = job, .cfg = cfg, .kind = kind};
    int rc;
    RN_CHECK(rc = set_up(&t, err));
    RN_CHECK(rc = train(&t, err));
    RN_CHECK(rc = publish(&t, "model", t.step, err));
    RN_CHECK(rc = publish_best(&t, err));
done:
    tear_down(&t);
    return rc;
}
