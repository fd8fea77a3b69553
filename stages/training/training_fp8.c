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

int rn_training_fp8_open(struct rn_training *t, struct rn_err *err)
{
    if (!t->cfg->fp8.on)
        return RN_OK;
    rn_log(t->job->log, is_fp8(t) ? RN_INFO : RN_WARN,
           "%s: %" PRId64 " layers, %" PRId64 " products of a micro-step in fp8 (%s, %s scales)",
           t->job->kind->kind, t->program.fp8_layers, 3 * t->program.fp8_layers,
           rn_fp8_format_words[t->cfg->fp8.format], rn_fp8_recipe_words[t->cfg->fp8.recipe]);
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

/* Ranks see other rows: all go on with what rank 0 has seen, as its checkpoints do. */
static int share(struct rn_training *t, struct rn_err *err)
{
    size_t size_bytes = (size_t)rn_elems(shape_of(t)) * sizeof *t->amax;
    RN_TRY(rn_comm_tell(t->job->comm, t->amax, size_bytes, err));
    return rn_training_leads(t) ? RN_OK
                                : rn_prog_put(t->program.prog, t->program.amax, t->amax, err);
}

int rn_training_fp8_look(struct rn_training *t, struct rn_err *err)
{
    if (!is_fp8(t))
        return RN_OK;
    RN_TRY(rn_prog_get(t->program.prog, t->program.amax, t->amax, err));
    RN_TRY(share(t, err));
    double before = t->cut;
    t->cut = count_cut(t);
    t->saturated = t->cut - before;
    return RN_OK;
}
