#include "cpu.h"
#include "fp8.h"

#include <math.h>

/* What was not finite tells nothing of later runs. */
static void roll(float *row, int64_t history)
{
    int64_t next = (int64_t)row[RN_AMAX_NEXT];
    float now = row[RN_AMAX_NOW], known = 0;
    row[RN_AMAX_CUT] += now > row[RN_AMAX_LIMIT] ? 1 : 0;
    row[RN_AMAX_HISTORY + next] = isfinite(now) ? now : 0;
    for (int64_t i = 0; i < history; i++)
        known = fmaxf(known, row[RN_AMAX_HISTORY + i]);
    row[RN_AMAX_KNOWN] = known;
    row[RN_AMAX_NEXT] = (float)((next + 1) % history);
    row[RN_AMAX_NOW] = 0;
}

static void fwd(const struct rn_args *a)
{
    int64_t cols = rn_cols(a->xs[0]);
    for (int64_t i = 0; i < rn_rows(a->xs[0]); i++)
        roll((float *)a->x[0] + i * cols, cols - RN_AMAX_HISTORY);
}

const struct rn_kernel RN_CPU(amax_roll) = {fwd, NULL, NULL};
