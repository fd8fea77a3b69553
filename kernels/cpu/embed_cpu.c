#include "bf16.h"
#include "cpu.h"

#include <string.h>

static void embed_fwd(float *y, const int32_t *ids, const void *w, uint8_t type, int64_t R,
                      int64_t V, int64_t C)
{
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
    for (int64_t r = 0; r < R; r++) {
        RN_ASSERT(ids[r] >= 0 && ids[r] < V);
        const float *row = rn_row_in(w, type, ids[r] * C, C, y + r * C);
        if (row != y + r * C)
            memcpy(y + r * C, row, (size_t)C * sizeof *y);
    }
}

static void fwd(const struct rn_args *a)
{
    embed_fwd(a->y[0], a->x[0], a->x[1], a->x_type[1], rn_elems(a->xs[0]), a->xs[1].d[0],
              a->xs[1].d[1]);
}

/* Each piece owns a range of the vocabulary and reads all ids: a row of dw gets its addends in the
 * order of the ids. */
static void embed_bwd(float *dw, const float *dy, const int32_t *ids, int64_t R, int64_t V,
                      int64_t C)
{
#pragma omp parallel for schedule(static) if (rn_worth(R * C))
    for (int64_t p = 0; p < RN_PARTS_MAX; p++) {
        int64_t lo = rn_part_start(p, RN_PARTS_MAX, V), hi = rn_part_start(p + 1, RN_PARTS_MAX, V);
        for (int64_t r = 0; r < R; r++) {
            if (ids[r] < lo || ids[r] >= hi)
                continue;
            float *to = dw + ids[r] * C;
            const float *from = dy + r * C;
            for (int64_t c = 0; c < C; c++)
                to[c] += from[c];
        }
    }
}

static void bwd(const struct rn_args *a)
{
    if (!(a->acc & 2))
        memset(a->dx[1], 0, (size_t)rn_elems(a->xs[1]) * sizeof(float));
    embed_bwd(a->dx[1], a->dy[0], a->x[0], rn_elems(a->xs[0]), a->xs[1].d[0], a->xs[1].d[1]);
}

const struct rn_kernel RN_CPU(embed) = {fwd, bwd, NULL};
