#include "model_in.h"
#include "peak.h"
#include "sizing.h"
#include "training_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int open_tokenizer(struct rn_training *t, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(t->job, &t->cfg->in_tokenizer);
    return rn_tokenizer_load(&t->tokenizer, a->dir, err);
}

static int load_init(struct rn_training *t, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(t->job, &t->cfg->init);
    char *path;
    if (a && strcmp(a->kind, "model") == 0)
        RN_TRY(rn_model_in_check(a, t->tokenizer, err));
    RN_TRY(rn_model_in_weights(t->job, &t->cfg->init, &path, err));
    int rc = rn_model_load_weights(t->model, path, err);
    free(path);
    return rc;
}

static void tell_memory(const struct rn_training *t, const struct rn_footprint *need)
{
    char b[5][32], shared[48] = "", text[32];
    if (need->sharing > 0)
        snprintf(shared, sizeof shared, "what ranks share %s, ",
                 rn_show_bytes(text, need->sharing));
    rn_log(t->job->log, RN_INFO,
           "%s: %s of memory (weights and gradients %s, optimizer %s, activations %s, %sof %s)",
           t->job->kind->kind, rn_show_bytes(b[0], need->total),
           rn_show_bytes(b[1], need->weights + need->gradients),
           rn_show_bytes(b[2], need->optimizer), rn_show_bytes(b[3], need->activations), shared,
           rn_show_bytes(b[4], need->limit));
}

/* Before the weights take memory. */
static int choose_batch(struct rn_training *t, const struct rn_model_cfg *mc, struct rn_err *err)
{
    t->T = mc->sequence_len;
    t->batch_tokens = rn_training_batch(t->job, t->cfg, t->kind, mc);
    RN_TRY(rn_training_check_batch(t->batch_tokens, t->T, err));
    struct rn_fit fit;
    int64_t rows;
    RN_TRY(
        rn_training_rows_of_rank(t->batch_tokens, t->T, rn_comm_world(t->job->comm), &rows, err));
    RN_TRY(rn_training_fit(t, mc, rows, &fit, err));
    t->B = fit.rows;
    RN_TRY(rn_training_least(t, &t->B, err));
    t->micro_steps = rows / t->B;
    tell_memory(t, &fit.need);
    return RN_OK;
}

static int new_model(struct rn_training *t, struct rn_err *err)
{
    struct rn_model_cfg mc;
    struct rn_model_shape_request shape = t->cfg->shape;
    shape.vocab_size = rn_tokenizer_vocab_size(t->tokenizer);
    RN_TRY(rn_model_cfg_fill(&mc, rn_arch_names[t->cfg->arch], &shape, err));
    RN_TRY(choose_batch(t, &mc, err));
    RN_TRY(rn_model_new(&t->model, &mc, t->device, true, err));
    return t->cfg->init.text ? load_init(t, err)
                             : rn_model_init_weights(t->model, (uint64_t)t->cfg->seed, err);
}

static int load_model(struct rn_training *t, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(t->job, &t->cfg->in_model);
    RN_TRY(rn_model_in_check(a, t->tokenizer, err));
    RN_TRY(rn_model_load(&t->model, a->dir, t->device, true, err));
    return choose_batch(t, rn_model_config(t->model), err);
}

static int open_model(struct rn_training *t, struct rn_err *err)
{
    enum rn_precision precision = (enum rn_precision)t->cfg->precision;
    RN_TRY(t->kind->continues ? load_model(t, err) : new_model(t, err));
    rn_model_compute_in(t->model, rn_precision_dtype(precision));
    rn_model_fp8(t->model, &t->cfg->fp8);
    rn_model_recompute(t->model, t->cfg->recompute == RN_RECOMPUTE_BLOCK);
    rn_model_deterministic(t->model, t->cfg->deterministic);
    rn_log(t->job->log, t->cfg->fp8_refused ? RN_WARN : RN_INFO, "%s: products in %s, %s",
           t->job->kind->kind, rn_precision_words[precision], t->cfg->precision_why);
    return RN_OK;
}

static int open_loader(struct rn_training *t, struct rn_err *err)
{
    struct rn_horizon h;
    struct rn_loader *loader;
    int64_t one_pass;
    RN_TRY(t->kind->train_loader(t->data, t->batch_tokens / t->T, t->T, &loader, err));
    RN_TRY(rn_loader_ahead(&t->loader, loader, t->batch_tokens, err));
    if (!rn_training_horizon(t->cfg, t->kind, 0, &h)) {
        RN_TRY(t->kind->one_pass_steps(t->data, t->batch_tokens, t->T, &one_pass, err));
        if (!rn_training_horizon(t->cfg, t->kind, one_pass, &h))
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                           "'horizon.epochs': how long a pass is, is not known before the text is "
                           "encoded; say it by 'horizon.steps_per_epoch'");
    }
    return rn_scaling_steps(&t->steps, rn_model_config(t->model), t->T, t->batch_tokens, &h, err);
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

static int open_optim(struct rn_training *t, struct rn_err *err)
{
    struct rn_scaling scaling = rn_scaling_for(rn_model_config(t->model), t->batch_tokens);
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    struct rn_group_override *overrides = group_overrides(t->cfg, &oc.n_overrides);
    oc.overrides = overrides;
    oc.clip = t->cfg->clip >= 0 ? t->cfg->clip : t->defaults.clip;
    oc.comm = t->job->comm;
    oc.lr_scale = scaling.lr;
    oc.decay_scale = scaling.decay;
    oc.lr_frac = t->cfg->lr_frac >= 0 ? t->cfg->lr_frac : t->defaults.lr_frac;
    int rc = rn_optim_new(&t->optim, t->model, &oc, err);
    free(overrides);
    return rc;
}

static int open_program(struct rn_training *t, struct rn_err *err)
{
    size_t n = (size_t)t->batch_tokens;
    RN_TRY(rn_try_alloc((void **)&t->x, n, sizeof *t->x, "batch", err));
    RN_TRY(rn_try_alloc((void **)&t->y, n, sizeof *t->y, "batch", err));
    RN_TRY(
        rn_try_alloc((void **)&t->losses, (size_t)t->micro_steps, sizeof *t->losses, "batch", err));
    RN_TRY(rn_model_train_prog(t->model, t->B, t->T, &t->program, err));
    RN_TRY(rn_optim_watch(t->optim, t->program.prog, err));
    return rn_prog_put_positions(t->program.prog, t->program.pos, err);
}

/* Rates by rule are those of long trainings: a short one may never leave the warm-up. */
static void tell_warmup(const struct rn_training *t)
{
    if (t->schedule.warmup >= t->steps && t->steps > 0)
        rn_log(t->job->log, RN_WARN,
               "%s: the warm-up of %" PRId64 " steps (schedule.warmup) is not over in %" PRId64
               ": learning rates stay below %.2g %% of what they are meant to be",
               t->job->kind->kind, t->schedule.warmup, t->steps,
               100.0 * (double)t->steps / (double)t->schedule.warmup);
}

static void tell_training(const struct rn_training *t)
{
    char params[32], tokens[32];
    const struct rn_log *log = t->job->log;
    int world = rn_comm_world(t->job->comm);
    rn_log(log, RN_INFO,
           "%s: %s, %s parameters, %" PRId64 " steps of %s tokens (%" PRId64 " x %" PRId64
           " rows of %" PRId64 ")",
           t->job->kind->kind, rn_model_config(t->model)->arch,
           rn_show_count(params, (double)rn_model_param_count(rn_model_config(t->model))), t->steps,
           rn_show_count(tokens, (double)t->batch_tokens), t->micro_steps, t->B * world, t->T);
    if (world > 1)
        rn_log(log, RN_INFO,
               "%s: %d ranks by %s, each %" PRId64
               " row%s of a micro-step and its share of the optimizer; rank 0 saves and evaluates",
               t->job->kind->kind, world, rn_comm_name(t->job->comm), t->B, t->B == 1 ? "" : "s");
}

int rn_training_open(struct rn_training *t, struct rn_err *err)
{
    struct rn_job *job = t->job;
    RN_TRY(rn_device_open(&t->device, job->device, job->threads, job->log, err));
    RN_TRY(open_tokenizer(t, err));
    RN_TRY(open_model(t, err));
    t->defaults = t->kind->defaults(rn_model_config(t->model));
    t->schedule = rn_training_schedule(t->cfg, t->kind, rn_model_config(t->model));
    RN_TRY(t->kind->open(job, t->cfg, t->tokenizer, rn_model_config(t->model), &t->data, err));
    RN_TRY(open_loader(t, err));
    RN_TRY(open_optim(t, err));
    RN_TRY(open_program(t, err));
    RN_TRY(rn_training_fp8_open(t, err));
    struct rn_training_eval_setup es = {.job = job,
                                        .cfg = t->cfg,
                                        .kind = t->kind,
                                        .data = t->data,
                                        .model = t->model,
                                        .tokenizer = t->tokenizer};
    rn_training_eval_init(&t->eval, &es);
    t->config_extra = json_pack("{s:s, s:I}", "tokenizer", rn_tokenizer_digest(t->tokenizer),
                                "batch_tokens", (json_int_t)t->batch_tokens);
    t->checkpoint = (struct rn_ckpt){.dir = job->work_dir,
                                     .key = job->key,
                                     .log = job->log,
                                     .extra = t->config_extra,
                                     .steps = t->steps,
                                     .memo = job->memo};
    t->peak_flops = rn_peak_flops(t->device, rn_model_computes_in(t->model));
    rn_health_init(&t->health, &t->cfg->health);
    t->best_bpb = INFINITY;
    t->best_step = -1;
    tell_training(t);
    tell_warmup(t);
    return RN_OK;
}

void rn_training_close(struct rn_training *t)
{
    free(t->times);
    rn_health_release(&t->health);
    rn_training_eval_release(&t->eval);
    rn_prog_free(t->program.prog);
    rn_histograms_free(t->histograms);
    rn_optim_free(t->optim);
    rn_loader_free(t->loader);
    t->kind->close(t->data);
    rn_model_free(t->model);
    rn_tokenizer_free(t->tokenizer);
    rn_device_close(t->device);
    json_decref(t->config_extra);
    free(t->x);
    free(t->y);
    free(t->losses);
    free(t->amax);
}
