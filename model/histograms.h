/* histograms.h - how the weights and gradients of a model are spread, counted on its device.
 *
 *     struct rn_histograms *h;
 *     RN_TRY(rn_histograms_new(&h, model, err));
 *     RN_TRY(rn_histograms_take(h, each, ctx, err));    between backward and the optimizer's step
 *     rn_histograms_free(h);
 *
 * Tensors are read where they lie; what comes to the host is some hundred bytes of each. */
#ifndef RN_HISTOGRAMS_H
#define RN_HISTOGRAMS_H

#include "model.h"

enum { RN_HISTOGRAM_BINS = 30 };

struct rn_histogram {
    const char *name;                   /* "weights/transformer.wte.weight", "gradients/..." */
    double bins[3 * RN_HISTOGRAM_BINS]; /* left, right, count of each, rising; finite values only */
};

struct rn_histograms;
/* The model needs gradients, and must outlive it. */
int rn_histograms_new(struct rn_histograms **, struct rn_model *, struct rn_err *);
int rn_histograms_take(struct rn_histograms *, void (*each)(void *ctx, const struct rn_histogram *),
                       void *ctx, struct rn_err *);
void rn_histograms_free(struct rn_histograms *); /* takes NULL */

#endif
