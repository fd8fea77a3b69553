#include "cpu.h"

#include <string.h>

static void fwd(const struct rn_args *a)
{
    float *g = a->x[0];
    int64_t n = rn_elems(a->xs[0]);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++)
        memset(g + c * RN_CHUNK, 0, (size_t)(rn_chunk_end(c, n) - c * RN_CHUNK) * sizeof *g);
}

const struct rn_kernel RN_CPU(zero_grads) = {fwd, NULL, NULL};
