#include "bf16.h"
#include "cpu.h"

/* y = or += k x, of one block */
static void scale(float *y, const float *x, int64_t n, float k, bool add)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = add ? y[i] + k * x[i] : k * x[i];
}

static void scale_all(void *y, uint8_t y_type, const void *x, uint8_t x_type, int64_t n, float k,
                      bool add)
{
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t at = 0; at < n; at += RN_BLOCK) {
        float in[RN_BLOCK], out[RN_BLOCK], *to = rn_row_out(y, y_type, at, out);
        int64_t m = rn_min(RN_BLOCK, n - at);
        scale(to, rn_row_in(x, x_type, at, m, in), m, k, add);
        rn_row_done(y, y_type, at, m, to);
    }
}

static void fwd(const struct rn_args *a)
{
    scale_all(a->y[0], a->y_type[0], a->x[0], a->x_type[0], rn_elems(a->ys[0]), a->attrs.f[0],
              false);
}

static void bwd(const struct rn_args *a)
{
    scale_all(a->dx[0], a->dx_type[0], a->dy[0], a->dy_type[0], rn_elems(a->ys[0]), a->attrs.f[0],
              a->acc & 1);
}

const struct rn_kernel RN_CPU(scale) = {fwd, bwd, NULL};
