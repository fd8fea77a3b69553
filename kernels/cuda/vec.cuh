/* vec.cuh - eight elements at a time, of either type; sums over a warp and a block.
 *
 *     float x[RN_VEC];
 *     rn_load(x, t, at, n);        elements [at, at + RN_VEC) of t, those from n on are 0
 *     rn_store(t, at, n, x);       those below n
 *
 * A thread handles a vector, so that memory is touched 16 bytes at a time: whole vectors that begin
 * at a multiple of RN_VEC elements are. Kernels compute in fp32; the type is looked at where they
 * read and write, the same way in a whole warp. */
#ifndef RN_VEC_CUH
#define RN_VEC_CUH

#include "cuda.h"
#include "mma.cuh"

enum { RN_VEC = 8, RN_WARP = 32, RN_BLOCK_THREADS = 256 };

struct rn_tensor { /* an operand of a kernel */
    void *p;       /* NULL: absent */
    uint8_t type;  /* RN_F32 or RN_BF16 */
};

static inline struct rn_tensor rn_x_of(const struct rn_args *a, int i)
{
    return {a->x[i], a->x_type[i]};
}
static inline struct rn_tensor rn_y_of(const struct rn_args *a, int i)
{
    return {a->y[i], a->y_type[i]};
}
static inline struct rn_tensor rn_dx_of(const struct rn_args *a, int i)
{
    return {a->dx[i], a->dx_type[i]};
}
static inline struct rn_tensor rn_dy_of(const struct rn_args *a, int i)
{
    return {a->dy[i], a->dy_type[i]};
}

static __device__ __forceinline__ float rn_load_one(const struct rn_tensor &t, int64_t at)
{
    return t.type == RN_F32 ? ((const float *)t.p)[at] : rn_from_bf16(((const uint16_t *)t.p)[at]);
}

static __device__ __forceinline__ void rn_store_one(const struct rn_tensor &t, int64_t at, float x)
{
    if (t.type == RN_F32)
        ((float *)t.p)[at] = x;
    else
        ((uint16_t *)t.p)[at] = rn_to_bf16(x);
}

/* Whether elements [at, at + RN_VEC) exist and lie on a boundary of 16 bytes. */
static __device__ __forceinline__ bool rn_is_whole(int64_t at, int64_t n)
{
    return at % RN_VEC == 0 && at + RN_VEC <= n;
}

/* How many of them exist. */
static __device__ __forceinline__ int rn_left(int64_t at, int64_t n)
{
    return at + RN_VEC <= n ? RN_VEC : at < n ? (int)(n - at) : 0;
}

static __device__ __forceinline__ void rn_load(float x[RN_VEC], const struct rn_tensor &t,
                                               int64_t at, int64_t n)
{
    if (!rn_is_whole(at, n)) {
        int left = rn_left(at, n);
        for (int i = 0; i < RN_VEC; i++)
            x[i] = i < left ? rn_load_one(t, at + i) : 0.0f;
    } else if (t.type == RN_F32) {
        const float4 *p = (const float4 *)((const float *)t.p + at);
        float4 lo = p[0], hi = p[1];
        x[0] = lo.x, x[1] = lo.y, x[2] = lo.z, x[3] = lo.w;
        x[4] = hi.x, x[5] = hi.y, x[6] = hi.z, x[7] = hi.w;
    } else {
        uint4 v = *(const uint4 *)((const uint16_t *)t.p + at);
        rn_unpack_bf16(&x[0], v.x);
        rn_unpack_bf16(&x[2], v.y);
        rn_unpack_bf16(&x[4], v.z);
        rn_unpack_bf16(&x[6], v.w);
    }
}

static __device__ __forceinline__ void rn_store(const struct rn_tensor &t, int64_t at, int64_t n,
                                                const float x[RN_VEC])
{
    if (!rn_is_whole(at, n)) {
        int left = rn_left(at, n);
        for (int i = 0; i < RN_VEC; i++)
            if (i < left)
                rn_store_one(t, at + i, x[i]);
    } else if (t.type == RN_F32) {
        float4 *p = (float4 *)((float *)t.p + at);
        p[0] = make_float4(x[0], x[1], x[2], x[3]);
        p[1] = make_float4(x[4], x[5], x[6], x[7]);
    } else {
        uint4 v = make_uint4(rn_pack_bf16(x[0], x[1]), rn_pack_bf16(x[2], x[3]),
                             rn_pack_bf16(x[4], x[5]), rn_pack_bf16(x[6], x[7]));
        *(uint4 *)((uint16_t *)t.p + at) = v;
    }
}

/* t = or += x */
static __device__ __forceinline__ void rn_give(const struct rn_tensor &t, int64_t at, int64_t n,
                                               float x[RN_VEC], bool add)
{
    if (add) {
        float old[RN_VEC];
        rn_load(old, t, at, n);
        for (int i = 0; i < RN_VEC; i++)
            x[i] += old[i];
    }
    rn_store(t, at, n, x);
}

/* --- sums --- */

/* Of a warp, all of whose lanes call it; every lane gets the same. */
static __device__ __forceinline__ float rn_warp_sum(float x)
{
    for (int step = RN_WARP / 2; step > 0; step /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

static __device__ __forceinline__ float rn_warp_max(float x)
{
    for (int step = RN_WARP / 2; step > 0; step /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
    return x;
}

/* Of a block of RN_BLOCK_THREADS, all of which call it; thread 0 gets it. */
static __device__ __forceinline__ float rn_block_sum(float x)
{
    RN_SHARED(float, part, RN_BLOCK_THREADS / RN_WARP);
    x = rn_warp_sum(x);
    if (threadIdx.x % RN_WARP == 0)
        part[threadIdx.x / RN_WARP] = x;
    __syncthreads();
    float sum = 0;
    for (int i = 0; threadIdx.x == 0 && i < RN_BLOCK_THREADS / RN_WARP; i++)
        sum += part[i];
    __syncthreads();
    return sum;
}

/* Of n numbers in memory, by a warp; every lane gets it. */
static __device__ __forceinline__ double rn_warp_sum_of(const float *part, int n)
{
    double sum = 0;
    for (int i = (int)threadIdx.x % RN_WARP; i < n; i += RN_WARP)
        sum += (double)part[i];
    for (int step = RN_WARP / 2; step > 0; step /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
    return sum;
}

/* --- who does what --- */

/* A warp for each row, or each vector of a flat tensor a thread. */
enum { RN_WARP_SPAN = RN_WARP * RN_VEC, RN_BLOCK_WARPS = RN_BLOCK_THREADS / RN_WARP };

static __device__ __forceinline__ int rn_lane()
{
    return (int)(threadIdx.x % RN_WARP);
}
static __device__ __forceinline__ int64_t rn_row()
{
    return (int64_t)blockIdx.x * RN_BLOCK_WARPS + threadIdx.x / RN_WARP;
}
static __device__ __forceinline__ int64_t rn_vec_at()
{
    return ((int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x) * RN_VEC;
}

static inline int64_t rn_div_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}
/* Grids, never empty: a launch of no blocks is an error. Only x takes more than 65535: y and z are
 * for what does not grow with a batch. */
static inline unsigned rn_blocks(int64_t n, int64_t of_block)
{
    int64_t blocks = n > 0 ? rn_div_up(n, of_block) : 1;
    RN_ASSERT(blocks <= INT32_MAX);
    return (unsigned)blocks;
}
static inline unsigned rn_row_blocks(int64_t R)
{
    return rn_blocks(R, RN_BLOCK_WARPS);
}
static inline unsigned rn_vec_blocks(int64_t n)
{
    return rn_blocks(n, (int64_t)RN_BLOCK_THREADS * RN_VEC);
}
/* Of a sum over all elements: so many blocks give one number each. By n alone. */
static inline unsigned rn_part_blocks(int64_t n)
{
    const unsigned most = 1024, blocks = rn_vec_blocks(n);
    return blocks < most ? blocks : most;
}

/* --- what several ops compute --- */

static __device__ __forceinline__ float rn_sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* a[at_a ..] . b[at_b ..], n elements, by `lanes` lanes of which this is the lane-th: its part. */
static __device__ __forceinline__ float rn_lane_dot(const struct rn_tensor &a, int64_t at_a,
                                                    const struct rn_tensor &b, int64_t at_b,
                                                    int64_t n, int lane, int lanes)
{
    float sum = 0, x[RN_VEC], y[RN_VEC];
    for (int64_t i = lane * RN_VEC; i < n; i += lanes * RN_VEC) {
        rn_load(x, a, at_a + i, at_a + n);
        rn_load(y, b, at_b + i, at_b + n);
        for (int k = 0; k < RN_VEC; k++)
            sum += x[k] * y[k];
    }
    return sum;
}

/* All of it, by a warp. */
static __device__ __forceinline__ float rn_warp_dot(const struct rn_tensor &a, int64_t at_a,
                                                    const struct rn_tensor &b, int64_t at_b,
                                                    int64_t n)
{
    return rn_warp_sum(rn_lane_dot(a, at_a, b, at_b, n, rn_lane(), RN_WARP));
}

#endif
