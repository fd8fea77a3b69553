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

/* The most rows, at most `rows`, that fit; 0 if not one does. */
static int most_that_fit(struct rn_footprint_of how, int64_t step_rows, struct rn_device *dev,
                         int64_t *rows, struct rn_footprint *need, struct rn_err *err)
{
    for (*rows = how.rows; *rows > 0;
         *rows = *rows > 1 ? rn_training_divisor(step_rows, *rows - 1) : 0) {
        how.rows = *rows;
        RN_TRY(rn_footprint_on(need, dev, &how, err));
        if (need->total <= need->limit)
            return RN_OK;
    }
    return RN_OK;
}

static int does_not_fit(struct rn_err *err, const struct rn_footprint_of *how,
                        const struct rn_footprint *need)
{
    char all[32], limit[32], weights[32], optimizer[32], activations[32];
    return rn_fail(err, RN_ENOMEM, RN_NOWHERE,
                   "%" PRId64 " rows a micro-step need %s (weights and gradients %s, optimizer %s, "
                   "activations %s), a training may take %s here",
                   how->rows, rn_show_bytes(all, need->total),
                   rn_show_bytes(weights, need->weights + need->gradients),
                   rn_show_bytes(optimizer, need->optimizer),
                   rn_show_bytes(activations, need->activations),
                   rn_show_bytes(limit, need->limit));
}

/* What would fit instead: fewer rows, then blocks that are made again, else nothing. */
static int hint_at_what_fits(struct rn_footprint_of how, int64_t step_rows, struct rn_device *dev,
                             struct rn_err *err)
{
    int64_t rows;
    struct rn_footprint f;
    for (int again = how.recompute; again <= 1; again++) {
        how.recompute = again;
        RN_TRY(most_that_fit(how, step_rows, dev, &rows, &f, err));
        if (rows > 0) {
            char need[32];
            rn_hint(err, "'batch.device_rows: %" PRId64 "'%s needs %s", rows,
                    again ? " with 'recompute: block'" : "", rn_show_bytes(need, f.total));
            return RN_OK;
        }
    }
    rn_hint(err, "the model is too large for this machine however a step is cut");
    return RN_OK;
}

int rn_training_fit(const struct rn_training_cfg *c, const struct rn_model_cfg *mc,
                    int64_t step_rows, struct rn_device *dev, struct rn_comm *comm, int64_t *rows,
                    struct rn_footprint *need, struct rn_err *err)
{
    struct rn_footprint_of how =
        rn_training_footprint_of(c, mc, rn_training_rows_asked(c, step_rows));
    how.comm = comm;
    if (c->device_rows > 0) {
        *rows = how.rows;
        RN_TRY(rn_footprint_on(need, dev, &how, err));
        if (need->total <= need->limit)
            return RN_OK;
    } else {
        RN_TRY(most_that_fit(how, step_rows, dev, rows, need, err));
        if (*rows > 0)
            return RN_OK;
        how.rows = 1;
    }
    struct rn_err why = {0};
    RN_TRY(hint_at_what_fits(how, step_rows, dev, &why));
    int rc = does_not_fit(err, &how, need);
    rn_hint(err, "%s", why.hint);
    return rc;
}
