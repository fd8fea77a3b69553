#include "bf16.h"
#include "cpu.h"

#include <math.h>

enum { BINS_MAX = 32 };

struct part { /* of a chunk */
    float low, high;
    uint32_t counts[BINS_MAX];
};

struct bins {
    float low, high;
    int n;
};

/* Calls `see` with elements [lo, hi), some at a time. */
static void walk(const struct rn_args *a, int64_t lo, int64_t hi, struct part *p,
                 const struct bins *bins,
                 void (*see)(struct part *, const float *x, int64_t n, const struct bins *))
{
    float buf[RN_BLOCK];
    for (int64_t at = lo; at < hi; at += RN_BLOCK) {
        int64_t n = rn_min(RN_BLOCK, hi - at);
        see(p, rn_row_in(a->x[0], a->x_type[0], at, n, buf), n, bins);
    }
}

static void see_extremes(struct part *p, const float *x, int64_t n, const struct bins *unused)
{
    (void)unused;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) {
            p->low = fminf(p->low, x[i]);
            p->high = fmaxf(p->high, x[i]);
        }
}

/* Halved, so that the distance of two floats is one, too. */
static void count(struct part *p, const float *x, int64_t n, const struct bins *b)
{
    float width = 0.5f * b->high - 0.5f * b->low;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) {
            float share = width > 0 ? (0.5f * x[i] - 0.5f * b->low) / width : 0;
            int bin = (int)(share * (float)b->n);
            p->counts[bin < b->n ? bin : b->n - 1]++;
        }
}

static void fwd(const struct rn_args *a)
{
    float *y = a->y[0];
    struct part *parts = a->scratch;
    struct bins bins = {INFINITY, -INFINITY, (int)a->attrs.i[0]};
    int64_t n = rn_elems(a->xs[0]), chunks = rn_chunks(n);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < chunks; c++) {
        parts[c] = (struct part){.low = INFINITY, .high = -INFINITY};
        walk(a, c * RN_CHUNK, rn_chunk_end(c, n), &parts[c], NULL, see_extremes);
    }
    for (int64_t c = 0; c < chunks; c++) {
        bins.low = fminf(bins.low, parts[c].low);
        bins.high = fmaxf(bins.high, parts[c].high);
    }
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < chunks; c++)
        walk(a, c * RN_CHUNK, rn_chunk_end(c, n), &parts[c], &bins, count);
    y[0] = bins.low <= bins.high ? bins.low : 0;
    y[1] = bins.low <= bins.high ? bins.high : 0;
    for (int b = 0; b < bins.n; b++) {
        int64_t sum = 0;
        for (int64_t c = 0; c < chunks; c++)
            sum += parts[c].counts[b];
        y[2 + b] = (float)sum;
    }
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return (size_t)rn_chunks(rn_elems(a->xs[0])) * sizeof(struct part);
}

const struct rn_kernel RN_CPU(histogram) = {fwd, NULL, scratch_bytes};
