#include "cpu.h"
#include "vmath.h"

#include <string.h>

/* One new position a row: cache(B,Tmax,K,D) takes k and v at pos[b]. */
static void store(float *cache, const float *now, const int32_t *pos, int64_t B, int64_t Tmax,
                  int64_t row)
{
    for (int64_t b = 0; b < B; b++) {
        RN_ASSERT(pos[b] >= 0 && pos[b] < Tmax);
        memcpy(cache + (b * Tmax + pos[b]) * row, now + b * row, (size_t)row * sizeof *now);
    }
}

/* y(D) of one head against keys [lo, hi), rows of k and v `row` apart; s holds hi - lo scores. */
static void attend(float *y, float *s, const float *q, const float *k, const float *v, int64_t lo,
                   int64_t hi, int64_t row, int64_t D, float scale)
{
    for (int64_t j = lo; j < hi; j++)
        s[j - lo] = scale * rn_dot(q, k + j * row, D);
    float m = rn_largest(s, hi - lo);
    float sum = rn_exp_row(s, s, m, hi - lo);
    memset(y, 0, (size_t)D * sizeof *y);
    for (int64_t j = lo; j < hi; j++) {
        float p = s[j - lo] / sum;
        for (int64_t d = 0; d < D; d++)
            y[d] += p * v[j * row + d];
    }
}

static void fwd(const struct rn_args *a)
{
    int64_t B = a->xs[0].d[0], H = a->xs[0].d[2], D = a->xs[0].d[3];
    int64_t K = a->xs[1].d[2], Tmax = a->xs[3].d[1], row = K * D, window = a->attrs.i[0];
    const int32_t *pos = a->x[5];
    const float *q = a->x[0];
    float *y = a->y[0], *kc = a->x[3], *vc = a->x[4];
    store(kc, a->x[1], pos, B, Tmax, row);
    store(vc, a->x[2], pos, B, Tmax, row);
#pragma omp parallel for schedule(static) if (rn_worth(B * H * Tmax * D))
    for (int64_t i = 0; i < B * H; i++) {
        int64_t b = i / H, at = b * Tmax * row + i % H / (H / K) * D;
        int64_t lo = window < 0 ? 0 : rn_max(0, pos[b] - window);
        float *s = (float *)a->scratch + omp_get_thread_num() * Tmax;
        attend(y + i * D, s, q + i * D, kc + at, vc + at, lo, pos[b] + 1, row, D, a->attrs.f[0]);
    }
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    return (size_t)(a->xs[3].d[1] * threads) * sizeof(float);
}

const struct rn_kernel RN_CPU(attention_decode) = {fwd, NULL, scratch_bytes};
