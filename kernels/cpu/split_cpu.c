#include "bf16.h"
#include "cpu.h"

#include <string.h>

struct thirds {
    int64_t R, C;
};

static struct thirds thirds_of(const struct rn_args *a)
{
    return (struct thirds){rn_rows(a->ys[0]), rn_cols(a->ys[0])};
}

/* to[0..n) = or += from[0..n), of any types. */
static void copy(void *to, uint8_t to_type, int64_t to_at, const void *from, uint8_t from_type,
                 int64_t from_at, int64_t n, bool add)
{
    for (int64_t i = 0; i < n; i += RN_BLOCK) {
        float in[RN_BLOCK], out[RN_BLOCK];
        int64_t m = rn_min(RN_BLOCK, n - i);
        const float *x = rn_row_in(from, from_type, from_at + i, m, in);
        float *y = rn_row_out(to, to_type, to_at + i, out);
        for (int64_t k = 0; k < m; k++)
            y[k] = add ? y[k] + x[k] : x[k];
        rn_row_done(to, to_type, to_at + i, m, y);
    }
}

static void fwd(const struct rn_args *a)
{
    struct thirds t = thirds_of(a);
#pragma omp parallel for schedule(static) if (rn_worth(3 * t.R * t.C))
    for (int64_t r = 0; r < t.R; r++)
        for (int64_t i = 0; i < 3; i++)
            copy(a->y[i], a->y_type[i], r * t.C, a->x[0], a->x_type[0], (3 * r + i) * t.C, t.C,
                 false);
}

/* dy[i] NULL: that third was not used. */
static void bwd(const struct rn_args *a)
{
    struct thirds t = thirds_of(a);
    size_t third_bytes = (size_t)t.C * rn_dtype_bytes(a->dx_type[0]);
    bool add = a->acc & 1;
#pragma omp parallel for schedule(static) if (rn_worth(3 * t.R * t.C))
    for (int64_t r = 0; r < t.R; r++)
        for (int64_t i = 0; i < 3; i++) {
            int64_t at = 3 * r + i;
            if (a->dy[i])
                copy(a->dx[0], a->dx_type[0], at * t.C, a->dy[i], a->dy_type[i], r * t.C, t.C, add);
            else if (!add)
                memset((char *)a->dx[0] + (size_t)at * third_bytes, 0, third_bytes);
        }
}

const struct rn_kernel RN_CPU(split) = {fwd, bwd, NULL};
