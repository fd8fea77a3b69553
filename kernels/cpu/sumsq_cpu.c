#include "cpu.h"
#include "vmath.h"

static void fwd(const struct rn_args *a)
{
    const float *x = a->x[0], *before = a->x[1];
    float *y = a->y[0];
    double *part = a->scratch, sum = before ? (double)*before : 0;
    int64_t n = rn_elems(a->xs[0]);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++)
        part[c] = rn_sum_squares(x + c * RN_CHUNK, rn_chunk_end(c, n) - c * RN_CHUNK);
    for (int64_t c = 0; c < rn_chunks(n); c++)
        sum += part[c];
    *y = (float)sum;
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    (void)threads;
    return (size_t)rn_chunks(rn_elems(a->xs[0])) * sizeof(double);
}

const struct rn_kernel RN_CPU(sumsq) = {fwd, NULL, scratch_bytes};
