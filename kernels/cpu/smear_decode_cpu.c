#include "cpu.h"
#include "vmath.h"

#include <string.h>

/* x, w, lambda, cache (state), span: the unsmeared x of every earlier position is in the cache. */
static void fwd(const struct rn_args *a)
{
    const float *x = a->x[0], *w = a->x[1], *lambda = a->x[2];
    float *cache = a->x[3], *y = a->y[0];
    const int32_t *span = a->x[4];
    int64_t B = a->xs[0].d[0], T = a->xs[0].d[1], C = a->xs[0].d[2], G = rn_cols(a->xs[1]);
    int64_t Tmax = a->xs[3].d[1], share = B / a->xs[3].d[0];
    for (int64_t i = 0; i < B * T; i++, x += C, y += C) {
        int64_t b = i / T, t = i % T, pos = span[2 * b] + t;
        float *row = cache + b / share * Tmax * C;
        float k = pos > 0 ? *lambda * rn_sigmoidf(rn_dot(w, x, G)) : 0;
        const float *before = t ? x - C : row + (pos - 1) * C;
        for (int64_t c = 0; c < C; c++)
            y[c] = k != 0 ? x[c] + k * before[c] : x[c];
        RN_ASSERT(span[2 * b] >= 0 && span[2 * b] <= Tmax);
        if (share > 1 || t >= span[2 * b + 1])
            continue;
        RN_ASSERT(pos < Tmax);
        memcpy(row + pos * C, x, (size_t)C * sizeof *row);
    }
}

const struct rn_kernel RN_CPU(smear_decode) = {fwd, NULL, NULL};
