#include "cpu.h"

#include <math.h>
#include <string.h>

enum { BINS_MAX = 32 };

struct part { /* of a chunk */
    float low, high;
    uint32_t counts[BINS_MAX];
};

static void find_extremes(struct part *p, const float *x, int64_t n)
{
    p->low = INFINITY;
    p->high = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) {
            p->low = fminf(p->low, x[i]);
            p->high = fmaxf(p->high, x[i]);
        }
}

/* Halved, so that the distance of two floats is one, too. */
static void count(struct part *p, const float *x, int64_t n, float low, float high, int bins)
{
    float width = 0.5f * high - 0.5f * low;
    memset(p->counts, 0, sizeof p->counts);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) {
            float share = width > 0 ? (0.5f * x[i] - 0.5f * low) / width : 0;
            int bin = (int)(share * (float)bins);
            p->counts[bin < bins ? bin : bins - 1]++;
        }
}

static void fwd(const struct rn_args *a)
{
    const float *x = a->x[0];
    float *y = a->y[0], low = INFINITY, high = -INFINITY;
    struct part *parts = a->scratch;
    int64_t n = rn_elems(a->xs[0]), chunks = rn_chunks(n);
    int bins = (int)a->attrs.i[0];
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < chunks; c++)
        find_extremes(&parts[c], x + c * RN_CHUNK, rn_chunk_end(c, n) - c * RN_CHUNK);
    for (int64_t c = 0; c < chunks; c++) {
        low = fminf(low, parts[c].low);
        high = fmaxf(high, parts[c].high);
    }
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < chunks; c++)
        count(&parts[c], x + c * RN_CHUNK, rn_chunk_end(c, n) - c * RN_CHUNK, low, high, bins);
    y[0] = low <= high ? low : 0;
    y[1] = low <= high ? high : 0;
    for (int b = 0; b < bins; b++) {
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
