/* How the weights and gradients of a training are spread, every so many steps. */
#include "training_run.h"

static void show(void *ctx, const struct rn_histogram *h)
{
    const struct rn_training *t = ctx;
    rn_job_histogram(t->job, t->step, h->name, h->bins, RN_HISTOGRAM_BINS);
}

int rn_training_histograms(struct rn_training *t, struct rn_err *err)
{
    if (!rn_training_every(t->step, t->cfg->histograms_every))
        return RN_OK;
    if (!t->histograms)
        RN_TRY(rn_histograms_new(&t->histograms, t->model, err));
    return rn_histograms_take(t->histograms, show, t, err);
}
