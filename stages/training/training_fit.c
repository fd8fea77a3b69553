/* How a step is cut so that it fits into the memory of the machine. */
#include "eval_bpb.h"
#include "sizing.h"
#include "training_run.h"

#include <inttypes.h>

const char *const rn_recompute_words[] = {"none", "block", NULL};

int64_t rn_training_divisor(int64_t step_rows, int64_t most)
{
    int64_t rows = most < step_rows ? most : step_rows;
    while (step_rows % rows != 0)
        rows--;
    return rows;
}

int64_t rn_training_rows_asked(const struct rn_training_cfg *c, int64_t step_rows)
{
    return rn_training_divisor(step_rows, c->device_rows > 0 ? c->device_rows : RN_SIZING_ROWS);
}

struct rn_footprint_of rn_training_footprint_of(const struct rn_training_cfg *c,
                                                const struct rn_model_cfg *mc, int64_t rows)
{
    bool evaluates = c->bpb_every > 0 || c->core_every > 0;
    return (struct rn_footprint_of){
        .model = mc,
        .rows = rows,
        .eval_rows = evaluates ? rn_bpb_rows(mc->sequence_len, c->bpb_tokens) : 0,
        .compute = rn_precision_dtype((enum rn_precision)c->precision),
        .fp8 = c->fp8,
        .recompute = c->recompute == RN_RECOMPUTE_BLOCK,
        .deterministic = c->deterministic,
    };
}

/* What is asked for, and where it has to fit. */
struct asked {
    struct rn_footprint_of of;
    int64_t step_rows;
    struct rn_device *device;
};

static int measure(const struct asked *a, int64_t rows, struct rn_fit *fit, struct rn_err *err)
{
    struct rn_footprint_of of = a->of;
    of.rows = fit->rows = rows;
    return rn_footprint_on(&fit->need, a->device, &of, err);
}

static bool fits(const struct rn_fit *fit)
{
    return fit->need.total <= fit->need.limit;
}

/* The most rows that fit, of as many as are asked for at most; if not one does, what one needs. */
static int most_that_fit(const struct asked *a, struct rn_fit *fit, struct rn_err *err)
{
    RN_TRY(measure(a, a->of.rows, fit, err));
    while (!fits(fit) && fit->rows > 1)
        RN_TRY(measure(a, rn_training_divisor(a->step_rows, fit->rows - 1), fit, err));
    return RN_OK;
}

static int does_not_fit(struct rn_err *err, const struct rn_fit *fit)
{
    char all[32], limit[32], weights[32], optimizer[32], activations[32];
    const struct rn_footprint *need = &fit->need;
    return rn_fail(err, RN_ENOMEM, RN_NOWHERE,
                   "%" PRId64 " rows a micro-step need %s (weights and gradients %s, optimizer %s, "
                   "activations %s), a training may take %s here",
                   fit->rows, rn_show_bytes(all, need->total),
                   rn_show_bytes(weights, need->weights + need->gradients),
                   rn_show_bytes(optimizer, need->optimizer),
                   rn_show_bytes(activations, need->activations),
                   rn_show_bytes(limit, need->limit));
}

/* What would fit instead: fewer rows, then blocks that are made again, else nothing. */
static int hint_at_what_fits(struct asked a, struct rn_err *err)
{
    struct rn_fit fit;
    for (int again = a.of.recompute; again <= 1; again++) {
        a.of.recompute = again;
        RN_TRY(most_that_fit(&a, &fit, err));
        if (fits(&fit)) {
            char need[32];
            rn_hint(err, "'batch.device_rows: %" PRId64 "'%s needs %s", fit.rows,
                    again ? " with 'recompute: block'" : "", rn_show_bytes(need, fit.need.total));
            return RN_OK;
        }
    }
    rn_hint(err, "the model is too large for this machine however a step is cut");
    return RN_OK;
}

int rn_training_fit(const struct rn_training *t, const struct rn_model_cfg *mc, int64_t step_rows,
                    struct rn_fit *fit, struct rn_err *err)
{
    int64_t most = rn_training_rows_asked(t->cfg, step_rows);
    struct asked a = {rn_training_footprint_of(t->cfg, mc, most), step_rows, t->device};
    a.of.comm = t->job->comm;
    RN_TRY(t->cfg->device_rows > 0 ? measure(&a, most, fit, err) : most_that_fit(&a, fit, err));
    if (fits(fit))
        return RN_OK;
    struct rn_err why = {0};
    a.of.rows = fit->rows;
    if (hint_at_what_fits(a, &why) != RN_OK)
        return rn_fail_as(err, &why);
    rn_hint(err, "%s", why.hint);
    return does_not_fit(err, fit);
}
