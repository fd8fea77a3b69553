/* What a training in fp8 does beside the others: it says which layers are, keeps what scales follow
 * in its checkpoints, and counts how often they were too small. */
#include "training_run.h"

#include <inttypes.h>
#include <stdlib.h>

static bool is_fp8(const struct rn_training *t)
{
    return t->program.amax != RN_NONE;
}

static struct rn_shape shape_of(const struct rn_training *t)
{
    return rn_prog_shape(t->program.prog, t->program.amax);
}

void rn_training_fp8_tell(const struct rn_training_cfg *c, int64_t layers, char *text, size_t cap)
{
    snprintf(text, cap,
             "%" PRId64 " layers, %" PRId64 " products of a micro-step in fp8 (%s, %s scales)",
             layers, 3 * layers, rn_fp8_format_words[c->fp8.format],
             rn_fp8_recipe_words[c->fp8.recipe]);
}

int rn_training_fp8_open(struct rn_training *t, struct rn_err *err)
{
    if (!t->cfg->fp8.on)
        return RN_OK;
    struct rn_device_stats s;
    rn_device_stats(t->device, &s);
    if (!s.multiplies_fp8) /* it would not open when the configuration was read */
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "'precision: fp8', and %s has no products of it: say bf16", s.model);
    char text[128];
    rn_training_fp8_tell(t->cfg, t->program.fp8_layers, text, sizeof text);
    rn_log(t->job->log, is_fp8(t) ? RN_INFO : RN_WARN, "%s: %s", t->job->kind->kind, text);
    if (!is_fp8(t))
        return RN_OK;
    rn_optim_carry(t->optim, t->program.prog, t->program.amax);
    return rn_try_alloc((void **)&t->amax, (size_t)rn_elems(shape_of(t)), sizeof *t->amax,
                        "what scales follow", err);
}

/* Runs of micro-steps that cut something off, over all tensors and since the first step. */
static double count_cut(const struct rn_training *t)
{
    struct rn_shape s = shape_of(t);
    double sum = 0;
    for (int64_t r = 0; r < rn_rows(s); r++)
        sum += (double)t->amax[r * rn_cols(s) + RN_AMAX_CUT];
    return sum;
}

int rn_training_fp8_resume(struct rn_training *t, struct rn_err *err)
{
    if (!is_fp8(t))
        return RN_OK;
    if (!rn_optim_found_carried(t->optim))
        rn_log(t->job->log, RN_WARN,
               "the checkpoint knows no largest values of fp8: scales start anew, and what follows "
               "is not the unbroken training bit for bit");
    RN_TRY(rn_prog_get(t->program.prog, t->program.amax, t->amax, err));
    t->cut = count_cut(t);
    return RN_OK;
}

/* values[0..n) become the largest of all ranks. */
static int most_of_ranks(struct rn_comm *comm, float *values, size_t n, struct rn_err *err)
{
    double words[RN_COMM_WORDS];
    for (size_t i = 0; i < n; i++)
        words[i] = (double)values[i];
    RN_TRY(rn_comm_most(comm, words, n, err));
    for (size_t i = 0; i < n; i++)
        values[i] = (float)words[i];
    return RN_OK;
}

/* Ranks see other rows: all go on with the largest values that any has seen, and with them as many
 * cuts as the rank with the most. Whatever else a row of amax holds is the same everywhere. */
static int share(struct rn_training *t, struct rn_err *err)
{
    size_t n = (size_t)rn_elems(shape_of(t));
    if (rn_comm_world(t->job->comm) == 1)
        return RN_OK;
    for (size_t at = 0, size; at < n; at += size) {
        size = n - at < RN_COMM_WORDS ? n - at : RN_COMM_WORDS;
        RN_TRY(most_of_ranks(t->job->comm, t->amax + at, size, err));
    }
    return rn_prog_put(t->program.prog, t->program.amax, t->amax, err);
}

int rn_training_fp8_look(struct rn_training *t, struct rn_err *err)
{
    if (!is_fp8(t))
        return RN_OK;
    RN_TRY(rn_prog_get(t->program.prog, t->program.amax, t->amax, err));
    t->saturated = count_cut(t) - t->cut;
    RN_TRY(share(t, err));
    t->cut = count_cut(t);
    return rn_comm_sum(t->job->comm, &t->saturated, 1, err);
}
