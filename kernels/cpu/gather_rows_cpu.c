#include "cpu.h"

#include <string.h>

static void fwd(const struct rn_args *a)
{
    const float *x = a->x[0];
    const int32_t *rows = a->x[1];
    float *y = a->y[0];
    int64_t n = rn_elems(a->xs[1]), C = rn_cols(a->xs[0]), R = rn_rows(a->xs[0]);
#pragma omp parallel for schedule(static) if (rn_worth(n * C))
    for (int64_t i = 0; i < n; i++) {
        RN_ASSERT(rows[i] >= 0 && rows[i] < R);
        memcpy(y + i * C, x + rows[i] * C, (size_t)C * sizeof *y);
    }
}

const struct rn_kernel RN_CPU(gather_rows) = {fwd, NULL, NULL};
