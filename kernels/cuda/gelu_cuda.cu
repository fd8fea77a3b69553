#include "flat.cuh"

/* 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): exact for large -x. */
static __device__ __forceinline__ float gate(float x)
{
    return rn_sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
}

struct gelu {
    static __device__ float of(float x, float, float)
    {
        return x * gate(x);
    }
};

struct gelu_bwd {
    static __device__ float of(float dy, float x, float)
    {
        float s = gate(x);
        float slope = 1.5957691216f * (1.0f + 3.0f * 0.044715f * x * x);
        return dy * (s + x * s * (1.0f - s) * slope);
    }
};

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_flat_fwd<gelu>(c, a);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_flat_bwd<gelu_bwd>(c, a);
}

const struct rn_cuda_kernel rn_cuda_gelu = {fwd, bwd, NULL};
