/* group.cuh - rows too short for a warp: groups of lanes, a power of two.
 *
 *     int lanes = rn_group_lanes(n);             host: for rows of n elements, a vector a lane
 *     struct rn_group g = rn_group_of(lanes);
 *     bool mine = g.number < rows;               all lanes stay to the end: they meet in sums
 *     ... rn_group_sum(x, lanes) */
#ifndef RN_GROUP_CUH
#define RN_GROUP_CUH

#include "vec.cuh"

struct rn_group {
    int64_t number; /* among all of the launch */
    int lane;       /* in the group */
};

static inline int rn_group_lanes(int64_t n)
{
    int lanes = 1;
    while (lanes < RN_WARP && lanes * RN_VEC < n)
        lanes *= 2;
    return lanes;
}

static inline unsigned rn_group_blocks(int64_t rows, int lanes)
{
    return rn_blocks(rows, RN_BLOCK_THREADS / lanes);
}

static __device__ __forceinline__ struct rn_group rn_group_of(int lanes)
{
    int64_t thread = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x;
    return {thread / lanes, (int)(thread % lanes)};
}

/* Every lane of the group gets the sum. */
static __device__ __forceinline__ float rn_group_sum(float x, int lanes)
{
    for (int step = lanes / 2; step > 0; step /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

static __device__ __forceinline__ float rn_group_dot(const struct rn_tensor &a, int64_t at_a,
                                                     const struct rn_tensor &b, int64_t at_b,
                                                     int64_t n, const struct rn_group &g, int lanes)
{
    return rn_group_sum(rn_lane_dot(a, at_a, b, at_b, n, g.lane, lanes), lanes);
}

#endif
