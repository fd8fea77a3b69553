#include "histograms.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>

struct rn_histograms {
    struct rn_prog *prog;
    struct counted { /* a weight, or its gradient */
        char *name;
        rn_val bins; /* least, greatest, counts */
    } * of;
    size_t n;
};

static void count(struct rn_histograms *h, const char *what, const char *weight, rn_val tensor)
{
    rn_val bins = rn_prog_op(h->prog, RN_OP_HISTOGRAM, weight, &tensor, 1,
                             (struct rn_attrs){.i = {RN_HISTOGRAM_BINS}});
    rn_prog_pin(h->prog, bins);
    h->of[h->n++] = (struct counted){rn_xprintf("%s/%s", what, weight), bins};
}

int rn_histograms_new(struct rn_histograms **out, struct rn_model *model, struct rn_err *err)
{
    struct rn_params *params = rn_model_params(model);
    size_t n = rn_params_count(params);
    struct rn_histograms *h = rn_new(struct rn_histograms);
    h->prog = rn_prog_new(params);
    h->of = rn_xalloc(2 * n * sizeof *h->of);
    for (size_t i = 0; i < n; i++) {
        const char *name = rn_params_spec(params, i)->name;
        count(h, "weights", name, rn_prog_weight(h->prog, name));
        count(h, "gradients", name, rn_prog_weight_grad(h->prog, name));
    }
    *out = h;
    int rc = rn_prog_plan(h->prog, err);
    if (rc != RN_OK) {
        rn_histograms_free(h);
        *out = NULL;
    }
    return rc;
}

/* All values are one: a narrow range around it, which it is in the middle of. */
static void spread_alone(struct rn_histogram *h, double value, double count)
{
    static const double SHARE = 1e-3, LEAST = 1e-6;
    double width = fmax(SHARE * fabs(value), LEAST) / RN_HISTOGRAM_BINS;
    for (int b = 0; b < RN_HISTOGRAM_BINS; b++) {
        h->bins[3 * b] = value + (b - RN_HISTOGRAM_BINS / 2) * width;
        h->bins[3 * b + 1] = value + (b + 1 - RN_HISTOGRAM_BINS / 2) * width;
        h->bins[3 * b + 2] = b == RN_HISTOGRAM_BINS / 2 ? count : 0;
    }
}

static void spread(struct rn_histogram *h, const float *counted)
{
    double low = (double)counted[0], high = (double)counted[1];
    double width = (high - low) / RN_HISTOGRAM_BINS;
    if (!(low < high)) {
        spread_alone(h, low, (double)counted[2]);
        return;
    }
    for (int b = 0; b < RN_HISTOGRAM_BINS; b++) {
        h->bins[3 * b] = low + b * width;
        h->bins[3 * b + 1] = low + (b + 1) * width;
        h->bins[3 * b + 2] = (double)counted[2 + b];
    }
}

int rn_histograms_take(struct rn_histograms *h,
                       void (*each)(void *ctx, const struct rn_histogram *), void *ctx,
                       struct rn_err *err)
{
    RN_TRY(rn_prog_run(h->prog, err));
    for (size_t i = 0; i < h->n; i++) {
        float counted[2 + RN_HISTOGRAM_BINS];
        struct rn_histogram one = {.name = h->of[i].name};
        RN_TRY(rn_prog_get(h->prog, h->of[i].bins, counted, err));
        spread(&one, counted);
        each(ctx, &one);
    }
    return RN_OK;
}

void rn_histograms_free(struct rn_histograms *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++)
        free(h->of[i].name);
    free(h->of);
    rn_prog_free(h->prog);
    free(h);
}
