#include "cpu.h"

/* One head: (y1, y2) = (x1 c + x2 s, -x1 s + x2 c); sign -1 is the transpose, for backward. */
static void rotate(float *y, const float *x, const float *cossin, int64_t D, float sign, bool add)
{
    int64_t half = D / 2;
#pragma omp simd
    for (int64_t i = 0; i < half; i++) {
        float c = cossin[i], s = sign * cossin[half + i];
        float y1 = x[i] * c + x[half + i] * s, y2 = x[half + i] * c - x[i] * s;
        y[i] = add ? y[i] + y1 : y1;
        y[half + i] = add ? y[half + i] + y2 : y2;
    }
}

static void rope(float *y, const float *x, const struct rn_args *a, float sign, bool add)
{
    const int32_t *pos = a->x[2];
    const float *cossin = a->x[1];
    int64_t R = a->xs[0].d[0] * a->xs[0].d[1], H = a->xs[0].d[2], D = a->xs[0].d[3];
#pragma omp parallel for schedule(static) if (rn_worth(R * H * D))
    for (int64_t r = 0; r < R; r++) {
        RN_ASSERT(pos[r] >= 0 && pos[r] < a->xs[1].d[0]);
        for (int64_t h = 0; h < H; h++)
            rotate(y + (r * H + h) * D, x + (r * H + h) * D, cossin + pos[r] * D, D, sign, add);
    }
}

static void fwd(const struct rn_args *a)
{
    rope(a->y[0], a->x[0], a, 1.0f, false);
}

static void bwd(const struct rn_args *a)
{
    rope(a->dx[0], a->dy[0], a, -1.0f, a->acc & 1);
}

const struct rn_kernel RN_CPU(rope) = {fwd, bwd, NULL};
