/* training_ranks.c - the ranks of one training: rank 0 leads, the others follow its word.
 *
 *     rank 0                               the others
 *     rn_training_go_on     ---GO_ON-->    rn_training_go_on       before each step
 *     a step                <--sums--->    the same step
 *     saves, evaluates      --moment i->   in rn_training_go_on    lends its share of it
 *     rn_training_dismiss   ---DONE---->   rn_training_attend      after the last step
 *
 * So only rank 0 decides, writes and measures, and takes as long for it as it takes; the others
 * wait for its next word. What all can know alone (a sum, a verdict about it) is not told. */
#include "training_run.h"

#include <inttypes.h>

enum { GO_ON = -1, DONE = -2, STOPPED = -3 }; /* from 0 on: the moment that is wanted */

bool rn_training_leads(const struct rn_training *t)
{
    return rn_comm_rank(t->job->comm) == 0;
}

int rn_training_agree(const struct rn_training *t, int64_t *value, struct rn_err *err)
{
    return rn_comm_tell(t->job->comm, value, sizeof *value, err);
}

/* Lends shares of moments until there is another word. */
static int hear_word(struct rn_training *t, int64_t *word, struct rn_err *err)
{
    RN_TRY(rn_training_agree(t, word, err));
    while (*word >= 0) {
        RN_TRY(rn_optim_lend(t->optim, *word, err));
        RN_TRY(rn_training_agree(t, word, err));
    }
    return RN_OK;
}

static int out_of_turn(const struct rn_training *t, int64_t word, struct rn_err *err)
{
    return rn_fail(err, RN_EPEER, RN_NOWHERE,
                   "rank 0 says %" PRId64 " after step %" PRId64
                   ": the ranks are not at the same step",
                   word, t->step);
}

static int ended(const struct rn_training *t, int64_t word, struct rn_err *err)
{
    if (word == STOPPED)
        return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped after step %" PRId64 " with rank 0",
                       t->step);
    return out_of_turn(t, word, err);
}

int rn_training_go_on(struct rn_training *t, struct rn_err *err)
{
    int64_t word = GO_ON;
    if (rn_training_leads(t))
        return rn_training_agree(t, &word, err);
    RN_TRY(hear_word(t, &word, err));
    return word == GO_ON ? RN_OK : ended(t, word, err);
}

int rn_training_attend(struct rn_training *t, struct rn_err *err)
{
    int64_t word = DONE;
    if (rn_training_leads(t))
        return RN_OK;
    RN_TRY(hear_word(t, &word, err));
    return word == DONE ? RN_OK : ended(t, word, err);
}

void rn_training_dismiss(struct rn_training *t, int rc)
{
    int64_t word = rc == RN_OK ? DONE : STOPPED;
    if (rn_training_leads(t) && (rc == RN_OK || rc == RN_ESTOPPED))
        rn_training_agree(t, &word, NULL);
}

int rn_training_rows_of_rank(int64_t batch_tokens, int64_t T, int64_t ranks, int64_t *rows,
                             struct rn_err *err)
{
    int64_t all = batch_tokens / T, fits = ranks < all ? ranks : all;
    *rows = all / ranks;
    if (all % ranks == 0)
        return RN_OK;
    while (fits > 1 && all % fits != 0)
        fits--;
    rn_hint(err, "start %" PRId64 " of them, or let 'batch.tokens' be %" PRId64, fits,
            (all / ranks + 1) * ranks * T);
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                   "'batch.tokens': %" PRId64 " rows of %" PRId64 " do not divide among %" PRId64
                   " processes",
                   all, T, ranks);
}

/* A model that exists before its training has its own row length: said when it is read. */
int rn_training_share(const void *cfg, const struct rn_stage *kind, int ranks, struct rn_err *err)
{
    enum { ANY_VOCABULARY = 256 };
    const struct rn_training_cfg *c = cfg;
    struct rn_model_cfg mc;
    struct rn_model_shape_request shape = c->shape;
    int64_t rows;
    shape.vocab_size = ANY_VOCABULARY;
    if (((const struct rn_training_kind *)kind->own)->continues || c->batch_tokens <= 0 ||
        rn_model_cfg_fill(&mc, rn_arch_names[c->arch], &shape, NULL) != RN_OK)
        return RN_OK;
    return rn_training_rows_of_rank(c->batch_tokens, mc.sequence_len, ranks, &rows, err);
}

int rn_training_least(const struct rn_training *t, int64_t *value, struct rn_err *err)
{
    double most = -(double)*value;
    RN_TRY(rn_comm_most(t->job->comm, &most, 1, err));
    *value = -(int64_t)most;
    return RN_OK;
}
