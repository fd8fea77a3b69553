#include "quantize.h"

#include "vec.cuh"

/* A warp for each row. What was not finite tells nothing of later runs. */
static __global__ void roll(float *amax, int64_t rows, int64_t cols)
{
    int64_t r = rn_row(), history = cols - RN_AMAX_HISTORY;
    if (r >= rows)
        return;
    float *row = amax + r * cols, *past = row + RN_AMAX_HISTORY;
    float now = row[RN_AMAX_NOW], known = 0;
    int64_t next = (int64_t)row[RN_AMAX_NEXT];
    float joins = now <= FLT_MAX ? now : 0.0f;
    for (int64_t i = rn_lane(); i < history; i += RN_WARP)
        known = fmaxf(known, i == next ? joins : past[i]);
    known = rn_warp_max(known);
    if (rn_lane() != 0)
        return;
    past[next] = joins;
    row[RN_AMAX_CUT] += now > row[RN_AMAX_LIMIT] ? 1.0f : 0.0f;
    row[RN_AMAX_KNOWN] = known;
    row[RN_AMAX_NEXT] = (float)((next + 1) % history);
    row[RN_AMAX_NOW] = 0;
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    int64_t rows = rn_rows(a->xs[0]);
    RN_LAUNCH(roll, rn_row_blocks(rows), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), (float *)a->x[0],
              rows, rn_cols(a->xs[0]));
}

const struct rn_cuda_kernel rn_cuda_amax_roll = {fwd, NULL, NULL};
