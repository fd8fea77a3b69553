/* kernels/cuda/attention.cuh - what forward and backward of attention_cuda.cu share.
 *
 * A block of threads takes RN_TILE queries (or keys) of one head and walks over the tiles of keys
 * (or queries) that see each other; tiles that the window hides are never touched. Tiles lie in the
 * block's memory as T: bf16, whose products the matrix instructions do, or float.
 *
 * Columns: a head is cut into slices of DP channels. Scores need all of them; of what is written a
 * block computes one slice, and loads that one last. Heads of DP channels at most have one slice,
 * and what does not change from tile to tile is loaded once. */
#ifndef RN_ATTENTION_CUH
#define RN_ATTENTION_CUH

#include "products.cuh"

enum { RN_TILE = 64 };

struct rn_heads { /* a tensor (B,T,heads,D) */
    struct rn_tensor x;
    int64_t heads;
};

struct rn_att {
    struct rn_heads q, k, v, y, dy, dq, dk, dv;
    float *lse, *mean; /* (B,H,T): log-sums; backward: sums of dy * y */
    int64_t B, T, H, K, D, window;
    int slices;
    float scale;
    unsigned acc;
};

struct rn_spot {             /* what a block works on */
    int64_t b, h, group, at; /* at: its first query, or key */
    int slice;
};

static __device__ __forceinline__ struct rn_spot rn_spot_of(const struct rn_att &t, int64_t tile)
{
    int64_t b = blockIdx.z / (unsigned)t.slices, h = blockIdx.y;
    return {b, h, h / (t.H / t.K), tile * RN_TILE, (int)(blockIdx.z % (unsigned)t.slices)};
}

/* Element (b, i, head, 0) of x. */
static __device__ __forceinline__ int64_t rn_head_at(const struct rn_att &t,
                                                     const struct rn_heads &x, int64_t b, int64_t i,
                                                     int64_t head)
{
    return ((b * t.T + i) * x.heads + head) * t.D;
}

static __device__ __forceinline__ void rn_put_vec(float *to, const float x[RN_VEC])
{
    ((float4 *)to)[0] = make_float4(x[0], x[1], x[2], x[3]);
    ((float4 *)to)[1] = make_float4(x[4], x[5], x[6], x[7]);
}
static __device__ __forceinline__ void rn_put_vec(rn_bf16 *to, const float x[RN_VEC])
{
    *(uint4 *)to = make_uint4(rn_pack_bf16(x[0], x[1]), rn_pack_bf16(x[2], x[3]),
                              rn_pack_bf16(x[4], x[5]), rn_pack_bf16(x[6], x[7]));
}
static __device__ __forceinline__ void rn_put_two(float *to, float x, float y)
{
    *(float2 *)to = make_float2(x, y);
}
static __device__ __forceinline__ void rn_put_two(rn_bf16 *to, float x, float y)
{
    *(uint32_t *)to = rn_pack_bf16(x, y);
}

/* to(RN_TILE,DP) = positions i .. i+RN_TILE of a head, channels of a slice; zero beyond T and D. */
template <class T, int DP>
static __device__ void rn_take_tile(T *to, const struct rn_att &t, const struct rn_heads &x,
                                    int64_t b, int64_t i, int64_t head, int slice)
{
    const int of_row = DP / RN_VEC;
    for (int v = (int)threadIdx.x; v < RN_TILE * of_row; v += (int)blockDim.x) {
        int r = v / of_row, c = v % of_row * RN_VEC;
        int64_t from = rn_head_at(t, x, b, i + r, head), d = (int64_t)slice * DP + c;
        float f[RN_VEC] = {0};
        if (i + r < t.T)
            rn_load(f, x.x, from + d, from + t.D);
        rn_put_vec(to + r * rn_padded<T>(DP) + c, f);
    }
}

/* Whether query i sees key j. */
static __device__ __forceinline__ bool rn_sees(const struct rn_att &t, int64_t i, int64_t j)
{
    return i < t.T && j <= i && i - j <= t.window;
}

/* Rows of C that this lane holds: the first, and the one eight further on. */
static __device__ __forceinline__ int rn_own_row(int row_warp)
{
    return row_warp * 16 + rn_lane() / 4;
}
static __device__ __forceinline__ int rn_own_column()
{
    return rn_lane() % 4 * 2;
}

/* x = or += f * c, for this warp's rows i.. and 8N channels from d on, of a head. */
template <int N>
static __device__ void rn_give_rows(const struct rn_att &t, const struct rn_heads &x, int64_t b,
                                    int64_t i, int64_t head, int64_t d, float (*c)[4],
                                    const float f[2], bool add)
{
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int64_t row = i + e / 2 * 8, channel = d + n * 8 + rn_own_column() + e % 2;
            if (row >= t.T || channel >= t.D)
                continue;
            int64_t at = rn_head_at(t, x, b, row, head) + channel;
            float value = f[e / 2] * c[n][e];
            rn_store_one(x.x, at, add ? rn_load_one(x.x, at) + value : value);
        }
}

#endif
