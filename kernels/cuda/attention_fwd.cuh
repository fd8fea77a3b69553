/* attention_fwd.cuh - forward: four warps, 16 queries each. */
#ifndef RN_ATTENTION_FWD_CUH
#define RN_ATTENTION_FWD_CUH

#include "attention.cuh"

enum { RN_FWD_THREADS = 128, RN_TILE_BLOCKS = RN_TILE / 8 };

template <class T, int DP> struct rn_fwd_tiles { /* in the block's memory */
    T q[RN_TILE * rn_padded<T>(DP)], k[RN_TILE * rn_padded<T>(DP)], v[RN_TILE * rn_padded<T>(DP)];
    T p[RN_TILE * rn_padded<T>(RN_TILE)];
};

struct rn_running { /* of this lane's two queries, over the keys so far */
    float largest[2], sum[2];
};

static __device__ __forceinline__ float rn_quad_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
static __device__ __forceinline__ float rn_quad_sum(float x)
{
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/* s(16,RN_TILE): scores of queries i.. and keys j.. become their logarithms to base 2; what is not
 * seen is minus infinity. */
static __device__ __forceinline__ void rn_mask(float (*s)[4], const struct rn_att &t,
                                               const struct rn_spot &w, int64_t i, int64_t j)
{
    bool all = rn_all_see(t, w.at, j);
#pragma unroll
    for (int n = 0; n < RN_TILE_BLOCKS; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            s[n][e] *= t.scale2;
            if (!all && !rn_sees(t, i + e / 2 * 8, j + n * 8 + rn_own_column() + e % 2))
                s[n][e] = -INFINITY;
        }
}

/* Scores become exponentials below the largest so far; shrink is what older ones are worth now. */
static __device__ __forceinline__ void rn_softmax(float (*s)[4], struct rn_running &r,
                                                  float shrink[2])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float largest = r.largest[half], sum = 0;
#pragma unroll
        for (int n = 0; n < RN_TILE_BLOCKS; n++)
            largest = fmaxf(largest, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
        largest = rn_quad_max(largest);
#pragma unroll
        for (int n = 0; n < RN_TILE_BLOCKS; n++)
#pragma unroll
            for (int e = 2 * half; e < 2 * half + 2; e++) {
                s[n][e] = exp2f(s[n][e] - largest);
                sum += s[n][e];
            }
        shrink[half] = exp2f(r.largest[half] - largest);
        r.sum[half] = r.sum[half] * shrink[half] + rn_quad_sum(sum);
        r.largest[half] = largest;
    }
}

/* A slice of q, where that is not there, and of the keys j.., to be waited for later. */
template <class T, int DP>
static __device__ void rn_fwd_take(struct rn_fwd_tiles<T, DP> *m, const struct rn_att &t,
                                   const struct rn_spot &w, int64_t j, bool q_too, int slice)
{
    if (q_too)
        rn_take_tile<T, DP>(m->q, t, t.q, w.b, w.at, w.h, slice);
    rn_take_tile<T, DP>(m->k, t, t.k, w.b, j, w.group, slice);
}

/* s = q k^T over all slices, of which the first are on their way, as is, in the end, the own slice
 * of v. */
template <class T, int DP>
static __device__ void rn_fwd_scores(float (*s)[4], struct rn_fwd_tiles<T, DP> *m,
                                     const struct rn_att &t, const struct rn_spot &w, int64_t j)
{
    const int ld = rn_padded<T>(DP), row = (int)threadIdx.x / RN_WARP * 16;
    __syncthreads(); /* nobody reads v any more */
    rn_take_tile<T, DP>(m->v, t, t.v, w.b, j, w.group, w.slice);
    rn_copies_end();
    rn_copies_wait<1>();
    __syncthreads();
    rn_product_nt<RN_TILE_BLOCKS>(s, m->q + row * ld, m->k, ld, ld, DP);
    for (int i = 1; i < t.slices; i++) {
        __syncthreads();
        rn_fwd_take(m, t, w, j, true, i);
        rn_copies_end();
        rn_copies_wait<0>();
        __syncthreads();
        rn_product_nt<RN_TILE_BLOCKS>(s, m->q + row * ld, m->k, ld, ld, DP);
    }
}

/* o = what the keys j.. add to it, what was there shrunk to the new largest score. While it is
 * multiplied, the keys that follow are on their way. */
template <class T, int DP>
static __device__ void rn_fwd_keys(float (*o)[4], struct rn_running &r,
                                   struct rn_fwd_tiles<T, DP> *m, const struct rn_att &t,
                                   const struct rn_spot &w, int64_t j, bool last)
{
    const int lp = rn_padded<T>(RN_TILE), warp = (int)threadIdx.x / RN_WARP;
    const int row = rn_own_row(warp);
    float s[RN_TILE_BLOCKS][4] = {}, shrink[2];
    rn_fwd_scores(s, m, t, w, j);
    rn_mask(s, t, w, w.at + row, j);
    rn_softmax(s, r, shrink);
#pragma unroll
    for (int n = 0; n < DP / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            o[n][e] *= shrink[e / 2];
#pragma unroll
    for (int n = 0; n < RN_TILE_BLOCKS; n++) {
        rn_put_two(m->p + row * lp + n * 8 + rn_own_column(), s[n][0], s[n][1]);
        rn_put_two(m->p + (row + 8) * lp + n * 8 + rn_own_column(), s[n][2], s[n][3]);
    }
    rn_copies_wait<0>();
    __syncthreads(); /* v and p are there, nobody reads k any more */
    if (!last)
        rn_fwd_take(m, t, w, j + RN_TILE, t.slices > 1, 0);
    rn_copies_end();
    rn_product_nn<DP / 8>(o, m->p + warp * 16 * lp, m->v, lp, rn_padded<T>(DP), RN_TILE);
}

/* The longest rows first: blocks start in the order of their numbers. */
template <class T, int DP>
static __global__ __launch_bounds__(RN_FWD_THREADS, 1) void rn_attention_fwd(struct rn_att t)
{
    typedef struct rn_fwd_tiles<T, DP> tiles;
    RN_SHARED_DYNAMIC(tiles, m);
    struct rn_spot w = rn_spot_of(t, gridDim.x - 1 - blockIdx.x);
    struct rn_running r = {{-1e30f, -1e30f}, {0, 0}}; /* finite: the difference to itself is zero */
    float o[DP / 8][4] = {};
    int64_t first = w.at > t.window ? (w.at - t.window) / RN_TILE * RN_TILE : 0;
    rn_fwd_take(m, t, w, first, true, 0);
    rn_copies_end();
    for (int64_t j = first; j <= w.at; j += RN_TILE)
        rn_fwd_keys(o, r, m, t, w, j, j == w.at);
    int64_t i = w.at + rn_own_row((int)threadIdx.x / RN_WARP);
    float share[2] = {1.0f / r.sum[0], 1.0f / r.sum[1]};
    rn_give_rows<DP / 8>(t, t.y, w.b, i, w.h, (int64_t)w.slice * DP, o, share, false);
    for (int half = 0; half < 2; half++)
        if (rn_own_column() == 0 && w.slice == 0 && i + 8 * half < t.T)
            t.lse[(w.b * t.H + w.h) * t.T + i + 8 * half] =
                (r.largest[half] + log2f(r.sum[half])) * RN_LN2;
}

#endif
