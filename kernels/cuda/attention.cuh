/* attention.cuh - what forward and backward of attention_cuda.cu share.
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
    int64_t first;       /* slice of all rows that a launch begins with */
    float scale, scale2; /* of scores; times log2(e), for powers of two */
    unsigned acc;
};
static constexpr float RN_LOG2E = 1.44269504f, RN_LN2 = 0.69314718f;

struct rn_spot {             /* what a block works on */
    int64_t b, h, group, at; /* at: its first query, or key */
    int slice;
};

static __device__ __forceinline__ struct rn_spot rn_spot_of(const struct rn_att &t, int64_t tile)
{
    unsigned slice = (unsigned)t.first + blockIdx.z, slices = (unsigned)t.slices;
    int64_t h = blockIdx.y;
    return {slice / slices, h, h / (t.H / t.K), tile * RN_TILE, (int)(slice % slices)};
}

/* Element (b, i, head, 0) of x. */
static __device__ __forceinline__ int64_t rn_head_at(const struct rn_att &t,
                                                     const struct rn_heads &x, int64_t b, int64_t i,
                                                     int64_t head)
{
    return ((b * t.T + i) * x.heads + head) * t.D;
}

/* to = elements [at, at + RN_VEC) of x, zero from n on: copied where that needs no conversion. */
static __device__ __forceinline__ void rn_take_vec(float *to, const struct rn_tensor &x, int64_t at,
                                                   int64_t n)
{
    if (x.type == RN_F32 && rn_is_whole(at, n)) {
        rn_copy_16(to, (const float *)x.p + at);
        rn_copy_16(to + 4, (const float *)x.p + at + 4);
        return;
    }
    float f[RN_VEC];
    rn_load(f, x, at, n);
    ((float4 *)to)[0] = make_float4(f[0], f[1], f[2], f[3]);
    ((float4 *)to)[1] = make_float4(f[4], f[5], f[6], f[7]);
}
static __device__ __forceinline__ void rn_take_vec(rn_bf16 *to, const struct rn_tensor &x,
                                                   int64_t at, int64_t n)
{
    if (x.type == RN_BF16 && rn_is_whole(at, n)) {
        rn_copy_16(to, (const rn_bf16 *)x.p + at);
        return;
    }
    float f[RN_VEC];
    rn_load(f, x, at, n);
    *(uint4 *)to = make_uint4(rn_pack_bf16(f[0], f[1]), rn_pack_bf16(f[2], f[3]),
                              rn_pack_bf16(f[4], f[5]), rn_pack_bf16(f[6], f[7]));
}
static __device__ __forceinline__ void rn_put_two(float *to, float x, float y)
{
    *(float2 *)to = make_float2(x, y);
}
static __device__ __forceinline__ void rn_put_two(rn_bf16 *to, float x, float y)
{
    *(uint32_t *)to = rn_pack_bf16(x, y);
}

/* to(RN_TILE,DP) = positions i .. i+RN_TILE of a head, channels of a slice; zero beyond T and D. It
 * is there when the copies are waited for. */
template <class T, int DP>
static __device__ void rn_take_tile(T *to, const struct rn_att &t, const struct rn_heads &x,
                                    int64_t b, int64_t i, int64_t head, int slice)
{
    const int of_row = DP / RN_VEC;
    for (int v = (int)threadIdx.x; v < RN_TILE * of_row; v += (int)blockDim.x) {
        int r = v / of_row, c = v % of_row * RN_VEC;
        int64_t at = rn_head_at(t, x, b, i + r, head) + (int64_t)slice * DP + c;
        int64_t end = i + r < t.T ? rn_head_at(t, x, b, i + r, head) + t.D : at;
        rn_take_vec(to + r * rn_padded<T>(DP) + c, x.x, at, end);
    }
}

/* Whether query i sees key j. Queries behind the last are zeros, with zero gradients: they add
 * nothing, whatever they see. */
static __device__ __forceinline__ bool rn_sees(const struct rn_att &t, int64_t i, int64_t j)
{
    return j <= i && i - j <= t.window;
}

/* Whether each of the queries i.. of a tile sees each of the keys j.. of one. */
static __device__ __forceinline__ bool rn_all_see(const struct rn_att &t, int64_t i, int64_t j)
{
    const int64_t last = RN_TILE - 1;
    return j + last <= i && i + last - j <= t.window;
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

/* Elements at, at + 1 of x = or += v; at is even. */
static __device__ __forceinline__ void rn_give_two(const struct rn_tensor &x, int64_t at,
                                                   float v[2], bool add)
{
    if (x.type == RN_F32) {
        float2 *p = (float2 *)((float *)x.p + at), old = add ? *p : make_float2(0.0f, 0.0f);
        *p = make_float2(old.x + v[0], old.y + v[1]);
    } else {
        uint32_t *p = (uint32_t *)((rn_bf16 *)x.p + at);
        float old[2] = {0, 0};
        if (add)
            rn_unpack_bf16(old, *p);
        *p = rn_pack_bf16(old[0] + v[0], old[1] + v[1]);
    }
}

/* x = or += f * c, for this lane's rows i and i + 8 and 8N channels from d on, of a head. */
template <int N>
static __device__ void rn_give_rows(const struct rn_att &t, const struct rn_heads &x, int64_t b,
                                    int64_t i, int64_t head, int64_t d, float (*c)[4],
                                    const float f[2], bool add)
{
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int64_t row = i + half * 8, channel = d + n * 8 + rn_own_column();
            int64_t at = rn_head_at(t, x, b, row, head) + channel;
            float v[2] = {f[half] * c[n][2 * half], f[half] * c[n][2 * half + 1]};
            if (row < t.T && channel + 1 < t.D && at % 2 == 0) {
                rn_give_two(x.x, at, v, add);
                continue;
            }
            for (int e = 0; e < 2; e++)
                if (row < t.T && channel + e < t.D)
                    rn_store_one(x.x, at + e, add ? rn_load_one(x.x, at + e) + v[e] : v[e]);
        }
}

#endif
