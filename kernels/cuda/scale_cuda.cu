#include "flat.cuh"

struct scale {
    static __device__ float of(float x, float, float k)
    {
        return k * x;
    }
};

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_flat_fwd<scale>(c, a);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_flat_bwd<scale>(c, a);
}

const struct rn_cuda_kernel rn_cuda_scale = {fwd, bwd, NULL};
