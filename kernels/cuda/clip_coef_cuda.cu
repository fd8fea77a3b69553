#include "cuda.h"

/* A norm that is not finite gives a coefficient that is not: it must not hide. */
static __global__ void clip_coef(float *coef, float *norm, const float *sumsq, const float *most)
{
    float n = sqrtf(*sumsq), k = *most > 0 ? *most / (n + 1e-6f) : 1.0f;
    *norm = n;
    *coef = k > 1.0f ? 1.0f : k;
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    RN_LAUNCH(clip_coef, 1, 1, 0, rn_cuda_stream(c), (float *)a->y[0], (float *)a->y[1],
              (const float *)a->x[0], (const float *)a->x[1] + a->attrs.i[0]);
}

const struct rn_cuda_kernel rn_cuda_clip_coef = {fwd, NULL, NULL};
