#include "cpu.h"
#include "vmath.h"

#include <string.h>

/* x, w, lambda, prev (state), pos: prev is the unsmeared x of the position before. */
static void fwd(const struct rn_args *a)
{
    const float *x = a->x[0], *w = a->x[1], *lambda = a->x[2];
    float *prev = a->x[3], *y = a->y[0];
    const int32_t *pos = a->x[4];
    int64_t B = a->xs[0].d[0], C = a->xs[0].d[2], G = rn_cols(a->xs[1]);
    for (int64_t b = 0; b < B; b++, x += C, y += C, prev += C) {
        float k = pos[b] > 0 ? *lambda * rn_sigmoidf(rn_dot(w, x, G)) : 0;
        for (int64_t c = 0; c < C; c++)
            y[c] = k != 0 ? x[c] + k * prev[c] : x[c];
        memcpy(prev, x, (size_t)C * sizeof *prev);
    }
}

const struct rn_kernel RN_CPU(smear_decode) = {fwd, NULL, NULL};
