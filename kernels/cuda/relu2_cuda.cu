#include "flat.cuh"

struct relu2 { /* times 0, so that a NaN stays one */
    static __device__ float of(float x, float, float)
    {
        return x > 0 ? x * x : x * 0.0f;
    }
};

struct relu2_bwd { /* max(x, 0) is the root of y */
    static __device__ float of(float dy, float y, float)
    {
        return 2.0f * sqrtf(y) * dy;
    }
};

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_flat_fwd<relu2>(c, a);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_flat_bwd<relu2_bwd>(c, a);
}

const struct rn_cuda_kernel rn_cuda_relu2 = {fwd, bwd, NULL};
