/* Trainings that differ in their horizon: the longer one goes on from where they part. */
#include "file.h"
#include "path.h"
#include "training_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_CAP = 64 << 20 };

static void apply_keys(struct rn_schedule *s, const struct rn_training_cfg *c)
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

struct rn_schedule rn_training_schedule(const struct rn_training_cfg *c,
                                        const struct rn_training_kind *kind,
                                        const struct rn_model_cfg *mc)
{
    struct rn_schedule s;
    const char *name = rn_schedule_names[c->schedule], *preset = kind->defaults(mc).schedule;
    if (strcmp(name, "auto") == 0)
        name = preset ? preset : mc->arch;
    RN_ASSERT(rn_schedule_preset(&s, name));
    apply_keys(&s, c);
    return s;
}

static json_t *state_of(const struct rn_ckpt *c, int64_t step)
{
    json_t *state = NULL;
    char *dir = rn_ckpt_path(c, step), *path = rn_join(dir, "state.json");
    if (rn_exists(path) && rn_json_read(path, STATE_CAP, &state, NULL) != RN_OK)
        state = NULL;
    free(path);
    free(dir);
    return state;
}

/* Leading steps that both horizons share; the other's is in any of its checkpoints. */
static int64_t common_steps(const struct rn_ckpt *c, int64_t any, const struct rn_schedule *s,
                            int64_t steps)
{
    json_t *state = state_of(c, any);
    int64_t other = rn_json_int(state, "steps", 0);
    json_decref(state);
    return other > 0 && steps > 0 ? rn_schedule_common(s, other, steps) : 0;
}

int64_t rn_training_shared_step(const struct rn_job *job, const struct rn_earlier *e,
                                const struct rn_schedule *s, int64_t steps)
{
    struct rn_ckpt c = {
        .dir = e->work_dir, .key = e->key, .memo = job->memo, .glance = !job->rehash};
    int64_t step;
    if (rn_ckpt_find(&c, NULL, &step, NULL) != RN_OK || step < 0)
        return -1;
    c.steps = common_steps(&c, step, s, steps);
    if (c.steps <= 0 || rn_ckpt_find(&c, NULL, &step, NULL) != RN_OK)
        return -1;
    return step > 0 ? step : -1;
}

/* The best weights so far, unless they are those of `step` itself; losing them is no reason to
 * stop: `best` says so at the end. */
static void take_best(struct rn_training *t, const struct rn_ckpt *from, int64_t step)
{
    json_t *state = state_of(from, step);
    int64_t best = rn_json_int(state, "best_step", -1);
    bool here = best == step;
    if (best > 0 && best < step)
        here = rn_ckpt_take(&t->checkpoint, from, best, NULL) == RN_OK;
    if (here)
        rn_ckpt_point(&t->checkpoint, "best", best, NULL);
    json_decref(state);
}

int rn_training_take_earlier(struct rn_training *t, const struct rn_earlier *e, struct rn_err *err)
{
    int64_t shared = rn_training_shared_step(t->job, e, &t->schedule, t->steps), step = -1;
    struct rn_ckpt from = {.dir = e->work_dir,
                           .key = e->key,
                           .log = t->job->log,
                           .steps = shared,
                           .memo = t->job->memo};
    if (shared > 0)
        RN_TRY(rn_ckpt_find(&from, NULL, &step, err));
    if (step < 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(e->work_dir),
                       "no checkpoint that a longer training could go on from");
    RN_TRY(rn_ckpt_take(&t->checkpoint, &from, step, err));
    take_best(t, &from, step);
    rn_log(t->job->log, RN_INFO, "step %" PRId64 " of a training with another horizon is taken up",
           step);
    return rn_ckpt_rotate(&t->checkpoint, step, t->cfg->checkpoint_keep, err);
}
