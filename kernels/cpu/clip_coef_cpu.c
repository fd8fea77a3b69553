#include "cpu.h"

#include <math.h>

/* A norm that is not finite gives a coefficient that is not: it must not hide. */
static void fwd(const struct rn_args *a)
{
    const float *sumsq = a->x[0], *hyper = a->x[1];
    float *coef = a->y[0], *norm = a->y[1], max_norm = hyper[a->attrs.i[0]];
    *norm = sqrtf(*sumsq);
    *coef = max_norm > 0 ? max_norm / (*norm + 1e-6f) : 1.0f;
    *coef = *coef > 1.0f ? 1.0f : *coef;
}

const struct rn_kernel RN_CPU(clip_coef) = {fwd, NULL, NULL};
