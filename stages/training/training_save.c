#include "clock.h"
#include "hash.h"
#include "machine.h"
#include "training_run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static json_t *state_json(const struct rn_training *t, const struct rn_training_due *due)
{
    json_t *pending = json_array();
    for (int i = 0; i < RN_LOOKS; i++)
        if (due->is[i])
            json_array_append_new(pending, json_string(rn_training_look_names[i]));
    json_t *best = isfinite(t->best_bpb) ? json_real(t->best_bpb) : json_null();
    return json_pack("{s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:o, s:I, s:I, s:i, s:s, s:I, s:o}",
                     "step", (json_int_t)t->step, "steps", (json_int_t)t->steps, "loader",
                     rn_loader_state(t->loader), "best_bpb", best, "best_step",
                     (json_int_t)t->best_step, "epoch_done", (json_int_t)t->epoch_done,
                     "metrics_offset", (json_int_t)rn_job_metrics_offset(t->job), "pending",
                     pending, "seed", (json_int_t)t->cfg->seed, "device_rows", (json_int_t)t->B,
                     "ranks", rn_comm_world(t->job->comm), "order", t->order, "skipped",
                     (json_int_t)t->skipped, "health", rn_health_state(&t->health));
}

/* A full disk is the one failure that waiting can cure; the weights are in memory. False: stop. */
static bool wait_for_room(const struct rn_training *t, int tries, const struct rn_err *err)
{
    enum { TRY_EVERY_S = 5, SAY_EVERY = 12 };
    char free_text[32];
    if (tries % SAY_EVERY == 0)
        rn_log(
            t->job->log, RN_WARN,
            "%s; %s free; waiting for room (checkpoint.on_full: pause): make some and it goes on "
            "by itself, or stop it and go on later from the checkpoint before",
            err->msg, rn_show_bytes(free_text, (double)rn_disk_free(t->job->work_dir)));
    for (int s = 0; s < TRY_EVERY_S && !rn_job_stopping(t->job); s++)
        sleep(1);
    return !rn_job_stopping(t->job);
}

/* All names that the checkpoint of the newest step has a right to. */
static int name_checkpoint(const struct rn_training *t, struct rn_err *err)
{
    char epoch[32];
    snprintf(epoch, sizeof epoch, "epoch_%05" PRId64, t->epoch_done);
    if (t->epoch_done > 0)
        RN_TRY(rn_ckpt_point(&t->checkpoint, epoch, t->step, err));
    if (t->best_step >= 0 && rn_ckpt_pointed(&t->checkpoint, "best") != t->best_step)
        RN_TRY(rn_ckpt_point(&t->checkpoint, "best", t->best_step, err));
    return rn_ckpt_rotate(&t->checkpoint, t->step, t->cfg->checkpoint_keep, err);
}

static int save_once(struct rn_training *t, const json_t *state, struct rn_err *err)
{
    RN_TRY(rn_ckpt_save(&t->checkpoint, t->step, t->model, t->optim, state, err));
    return name_checkpoint(t, err);
}

int rn_training_save(struct rn_training *t, const struct rn_training_due *due, struct rn_err *err)
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
        rn_fail_as(err, &e);
    json_decref(state);
    t->last_save_s = rn_clock_s();
    return rc;
}

bool rn_training_every(int64_t step, int64_t cadence)
{
    return cadence > 0 && step % cadence == 0;
}

/* Bits per byte before the first step and after the last one, too; the others are dear. */
struct rn_training_due rn_training_due_at(const struct rn_training *t)
{
    const struct rn_training_cfg *c = t->cfg;
    const int64_t every[RN_LOOKS] = {c->bpb_every, c->core_every, c->hellaswag_every,
                                     c->sample_every};
    bool last = t->step == t->steps;
    struct rn_training_due due = {0};
    for (int i = 0; i < RN_LOOKS; i++)
        due.is[i] = every[i] > 0 && t->step > 0 && (last || rn_training_every(t->step, every[i]));
    due.is[RN_LOOK_BPB] = last || rn_training_every(t->step, c->bpb_every);
    return due;
}

static void restore_pending(const json_t *state, struct rn_training_due *due)
{
    size_t n;
    json_t *word;
    json_array_foreach(json_object_get(state, "pending"), n, word)
    {
        for (int i = 0; i < RN_LOOKS; i++)
            due->is[i] |= json_is_string(word) &&
                          strcmp(json_string_value(word), rn_training_look_names[i]) == 0;
    }
}

/* A kill between a save and its names leaves the newest checkpoint without: they are given now. */
static int finish_save(const struct rn_training *t, struct rn_err *err)
{
    if (t->job->resume_from || rn_ckpt_pointed(&t->checkpoint, "latest") > t->step)
        return RN_OK; /* an older one on purpose, or because newer ones are damaged */
    return name_checkpoint(t, err);
}

static void tell_other_cut(const struct rn_training *t, const char *of, int64_t was, int64_t is)
{
    if (was != is)
        rn_log(t->job->log, RN_WARN,
               "%s was %" PRId64 " and is %" PRId64 ": the same training, but not bit for bit", of,
               was, is);
}

/* What a checkpoint carries beside weights and moments. */
static int restore(struct rn_training *t, int64_t step, const json_t *state, struct rn_err *err)
{
    const char *order = rn_json_str(state, "order", "");
    t->step = step;
    t->best_bpb = rn_json_real(state, "best_bpb", INFINITY);
    t->best_step = rn_json_int(state, "best_step", -1);
    t->epoch_done = rn_json_int(state, "epoch_done", 0);
    t->skipped = rn_json_int(state, "skipped", 0);
    rn_health_restore(&t->health, json_object_get(state, "health"));
    snprintf(t->order, sizeof t->order, "%s", rn_sha256_is_hex(order) ? order : "");
    tell_other_cut(t, "device_rows", rn_json_int(state, "device_rows", t->B), t->B);
    tell_other_cut(t, "ranks", rn_json_int(state, "ranks", 1), rn_comm_world(t->job->comm));
    RN_TRY(rn_loader_restore(t->loader, json_object_get(state, "loader"), err));
    RN_TRY(rn_job_metrics_cut(t->job, rn_json_int(state, "metrics_offset", 0), err));
    double minutes = rn_job_last_metric(t->job, "total_time_min");
    t->total_time_s = isfinite(minutes) ? minutes * 60 : 0;
    return rn_training_leads(t) ? finish_save(t, err) : RN_OK;
}

/* Weights, moments and everything beside them as they were after this step. */
static int load(struct rn_training *t, int64_t step, struct rn_training_due *due,
                struct rn_err *err)
{
    json_t *state;
    RN_TRY(rn_ckpt_load(&t->checkpoint, step, t->model, t->optim, &state, err));
    int rc = rn_training_fp8_resume(t, err);
    if (rc == RN_OK)
        rc = restore(t, step, state, err);
    restore_pending(state, due);
    json_decref(state);
    return rc;
}

/* The newest checkpoint after at most `most` steps; those after it are forgotten. -1: none. */
static int find_before(const struct rn_training *t, int64_t most, int64_t *step, struct rn_err *err)
{
    struct rn_ckpt before = t->checkpoint;
    before.steps = most;
    if (most > 0)
        RN_TRY(rn_ckpt_find(&before, NULL, step, err));
    return *step >= 0 ? rn_ckpt_forget_after(&t->checkpoint, *step, err) : RN_OK;
}

int rn_training_go_back(struct rn_training *t, int64_t most, bool *went,
                        struct rn_training_due *due, struct rn_err *err)
{
    int64_t step = -1, from = t->step;
    if (rn_training_leads(t))
        RN_TRY(find_before(t, most, &step, err));
    RN_TRY(rn_training_agree(t, &step, err));
    *went = step >= 0;
    if (!*went)
        return RN_OK;
    rn_log(t->job->log, RN_WARN, "step %" PRId64 " is left out: back to step %" PRId64, from, step);
    return load(t, step, due, err);
}

/* The checkpoint to go on from, made of earlier work if need be. -1: there is none. */
static int find_start(struct rn_training *t, int64_t *step, struct rn_err *err)
{
    RN_TRY(rn_ckpt_find(&t->checkpoint, t->job->resume_from, step, err));
    if (*step >= 0 || t->job->n_earlier == 0)
        return RN_OK;
    RN_TRY(rn_training_take_earlier(t, &t->job->earlier[0], err));
    return rn_ckpt_find(&t->checkpoint, NULL, step, err);
}

int rn_training_resume(struct rn_training *t, struct rn_training_due *due, struct rn_err *err)
{
    int64_t step = -1;
    if (rn_training_leads(t))
        RN_TRY(find_start(t, &step, err));
    RN_TRY(rn_training_agree(t, &step, err));
    if (step < 0) {
        *due = rn_training_due_at(t);
        return rn_job_metrics_cut(t->job, 0, err);
    }
    RN_TRY(load(t, step, due, err));
    rn_log(t->job->log, RN_INFO, "resumed at step %" PRId64 " of %" PRId64, step, t->steps);
    return RN_OK;
}
