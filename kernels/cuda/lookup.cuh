/* lookup.cuh - rows of a table by number. */
#ifndef RN_LOOKUP_CUH
#define RN_LOOKUP_CUH

#include "vec.cuh"

struct rn_lookup { /* y(n,C) = table(V,C)[ids(n)] */
    struct rn_tensor y, table;
    const int32_t *ids;
    int64_t n, V, C;
};

static __global__ void rn_lookup_kernel(struct rn_lookup t)
{
    int64_t at = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x;
    int64_t of_row = (t.C + RN_VEC - 1) / RN_VEC, r = at / of_row, c = at % of_row * RN_VEC;
    if (r >= t.n)
        return;
    float x[RN_VEC];
    int64_t id = t.ids[r];
    RN_KERNEL_ASSERT(id >= 0 && id < t.V);
    rn_load(x, t.table, id * t.C + c, (id + 1) * t.C);
    rn_store(t.y, r * t.C + c, (r + 1) * t.C, x);
}

static inline void rn_look_up(struct rn_cuda *c, const struct rn_lookup &t)
{
    RN_LAUNCH(rn_lookup_kernel, rn_blocks(t.n * rn_div_up(t.C, RN_VEC), RN_BLOCK_THREADS),
              RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

#endif
