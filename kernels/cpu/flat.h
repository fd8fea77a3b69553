/* flat.h - ops that work element by element: the loop that their files share.
 *
 *     static void gelu(float *y, const float *x, const float *unused, int64_t n, float k, bool add)
 *     static void fwd(const struct rn_args *a)
 *     {
 *         rn_flat_fwd(a, gelu);
 *     }
 */
#ifndef RN_FLAT_H
#define RN_FLAT_H

#include "bf16.h"
#include "cpu.h"

/* One block, n at most RN_BLOCK. k: the op's f0. Forward: to = f(from), add is false. Backward:
 * to = or += the gradient, `from` that of the output, `kept` what the op keeps: x, else y, else
 * NULL. */
typedef void rn_flat_block(float *to, const float *from, const float *kept, int64_t n, float k,
                           bool add);

struct rn_flat_in {
    const void *p; /* NULL: none */
    uint8_t type;
};

static inline const float *rn_flat_row(const struct rn_flat_in *in, int64_t at, int64_t n,
                                       float *buf)
{
    return in->p ? rn_row_in(in->p, in->type, at, n, buf) : NULL;
}

static inline void rn_flat_run(void *to, uint8_t type, struct rn_flat_in from,
                               struct rn_flat_in kept, const struct rn_args *a,
                               rn_flat_block *block, bool add)
{
    int64_t n = rn_elems(a->xs[0]);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t at = 0; at < n; at += RN_BLOCK) {
        float out[RN_BLOCK], in[RN_BLOCK], more[RN_BLOCK];
        int64_t m = rn_min(RN_BLOCK, n - at);
        float *row = rn_row_out(to, type, at, out);
        block(row, rn_flat_row(&from, at, m, in), rn_flat_row(&kept, at, m, more), m,
              a->attrs.f[0], add);
        rn_row_done(to, type, at, m, row);
    }
}

static inline void rn_flat_fwd(const struct rn_args *a, rn_flat_block *block)
{
    rn_flat_run(a->y[0], a->y_type[0], (struct rn_flat_in){a->x[0], a->x_type[0]},
                (struct rn_flat_in){0}, a, block, false);
}

static inline void rn_flat_bwd(const struct rn_args *a, rn_flat_block *block)
{
    struct rn_flat_in x = {a->x[0], a->x_type[0]}, y = {a->y[0], a->y_type[0]};
    rn_flat_run(a->dx[0], a->dx_type[0], (struct rn_flat_in){a->dy[0], a->dy_type[0]},
                x.p ? x : y, a, block, a->acc & 1);
}

#endif
