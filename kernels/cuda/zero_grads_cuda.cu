#include "clear.cuh"

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_clear(c, rn_x_of(a, 0), rn_elems(a->xs[0]));
}

const struct rn_cuda_kernel rn_cuda_zero_grads = {fwd, NULL, NULL};
