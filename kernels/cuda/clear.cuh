/* clear.cuh - memory becomes zero. */
#ifndef RN_CLEAR_CUH
#define RN_CLEAR_CUH

#include "vec.cuh"

/* x[0 .. n) = 0 */
static __global__ void rn_clear_kernel(struct rn_tensor x, int64_t n)
{
    const float zeros[RN_VEC] = {0};
    int64_t at = rn_vec_at();
    if (at < n)
        rn_store(x, at, n, zeros);
}

static inline void rn_clear(struct rn_cuda *c, struct rn_tensor x, int64_t n)
{
    RN_LAUNCH(rn_clear_kernel, rn_vec_blocks(n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), x, n);
}

#endif
