/* How weights and gradients are spread, as counted where they lie. */
#include "fixture.h"

#include "histograms.h"

struct seen {
    struct rn_model *model;
    size_t n, gradients, spread; /* histograms; of gradients; with more than one bin in use */
};

/* Every finite value of the tensor is in one bin, and the ends are its least and greatest. */
static void look(void *ctx, const struct rn_histogram *h)
{
    struct seen *seen = ctx;
    struct rn_params *p = rn_model_params(seen->model);
    bool gradient = strncmp(h->name, "gradients/", 10) == 0;
    int i = rn_params_find(p, strchr(h->name, '/') + 1);
    cr_assert_geq(i, 0, "%s", h->name);
    int64_t n = rn_elems(rn_params_spec(p, (size_t)i)->shape);
    float *w = rn_xalloc((size_t)n * sizeof *w), low, high;
    MUST(gradient ? rn_params_get_grad(p, (size_t)i, w, e) : rn_params_get(p, (size_t)i, w, e));
    low = high = w[0];
    for (int64_t k = 0; k < n; k++) {
        low = w[k] < low ? w[k] : low;
        high = w[k] > high ? w[k] : high;
    }
    double sum = 0;
    size_t used = 0;
    for (int b = 0; b < RN_HISTOGRAM_BINS; b++) {
        cr_assert(h->bins[3 * b] < h->bins[3 * b + 1]);
        sum += h->bins[3 * b + 2];
        used += h->bins[3 * b + 2] > 0;
    }
    cr_assert(sum == (double)n, "%s: %g of %lld", h->name, sum, (long long)n);
    for (int b = 0; low == high && b < RN_HISTOGRAM_BINS; b++)
        cr_assert(h->bins[3 * b + 2] == 0 ||
                      (h->bins[3 * b] <= (double)low && (double)low < h->bins[3 * b + 1]),
                  "%s is shown beside where it is", h->name);
    if (low < high)
        cr_assert(h->bins[0] == (double)low && h->bins[3 * RN_HISTOGRAM_BINS - 3] < (double)high);
    seen->n++;
    seen->gradients += gradient;
    seen->spread += used > 1;
    free(w);
}

Test(histograms, count_every_value_of_every_weight_and_gradient)
{
    struct rn_model_cfg c = small("nanochat-2026");
    struct fixture f = fixture_new(&c, 2, true);
    struct rn_histograms *h;
    struct seen seen = {f.model, 0, 0, 0};
    MUST(rn_histograms_new(&h, f.model, e));
    MUST(rn_histograms_take(h, look, &seen, e));
    size_t n = rn_params_count(rn_model_params(f.model));
    cr_assert_eq(seen.n, 2 * n);
    cr_assert_eq(seen.gradients, n);
    cr_assert_gt(seen.spread, n / 2, "weights are spread");
    cr_assert_leq(seen.spread, n, "gradients that are all zero are not");
    rn_histograms_free(h);
    fixture_free(&f);
}

Test(histograms, see_what_the_tensors_hold_now)
{
    struct rn_model_cfg c = small("gpt2");
    struct fixture f = fixture_new(&c, 1, true);
    struct rn_histograms *h;
    MUST(rn_histograms_new(&h, f.model, e));
    for (int i = 0; i < 3; i++) {
        struct seen seen = {f.model, 0, 0, 0};
        add_noise(f.model, (uint64_t)i, 1);
        MUST(rn_histograms_take(h, look, &seen, e));
    }
    rn_histograms_free(h);
    fixture_free(&f);
}
