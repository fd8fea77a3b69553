/* attention_bwd.cuh - backward: scores are computed again from q, k and each query's
 * log-sum. One kernel walks over keys and gives dq, another over queries and gives dk and dv: so
 * every sum has one owner and one order.
 *
 * Eight warps: warp w has rows 16 * (w % 4) .. of a product, and the (w / 4)-th half of its
 * columns. */
#ifndef RN_ATTENTION_BWD_CUH
#define RN_ATTENTION_BWD_CUH

#include "attention.cuh"
#include "group.cuh"

enum { RN_BWD_THREADS = 256, RN_HALF = RN_TILE / 2, RN_HALF_BLOCKS = RN_HALF / 8 };

template <class T, int DP> struct rn_bwd_tiles { /* in the block's memory */
    T q[RN_TILE * rn_padded<T>(DP)], dy[RN_TILE * rn_padded<T>(DP)];
    T k[RN_TILE * rn_padded<T>(DP)], v[RN_TILE * rn_padded<T>(DP)];
    T s[RN_TILE * rn_padded<T>(RN_TILE)]; /* probabilities, or gradients of scores */
};

static __device__ __forceinline__ int rn_row_warp()
{
    return (int)threadIdx.x / RN_WARP % 4;
}
static __device__ __forceinline__ int rn_column_half()
{
    return (int)threadIdx.x / RN_WARP / 4;
}

/* mean[b,h,t] = sum of dy * y. A group of lanes for each (b, t, h). */
static __global__ void rn_attention_means(struct rn_att t, int lanes)
{
    struct rn_group g = rn_group_of(lanes);
    bool mine = g.number < t.B * t.T * t.H;
    int64_t at = g.number * t.D, b = g.number / (t.T * t.H), i = g.number / t.H % t.T;
    float sum = rn_group_dot(t.dy.x, at, t.y.x, at, mine ? t.D : 0, g, lanes);
    if (mine && g.lane == 0)
        t.mean[(b * t.H + g.number % t.H) * t.T + i] = sum;
}

/* Products over all slices, the own one last, so that its tiles stay: s = q k^T, g = dy v^T.
 * `keep`: tiles of queries (1) or keys (2) that are those of the call before. */
template <class T, int DP>
static __device__ void rn_bwd_products(float (*s)[4], float (*g)[4], struct rn_bwd_tiles<T, DP> *m,
                                       const struct rn_att &t, const struct rn_spot &w, int64_t i,
                                       int64_t j, int keep)
{
    const int ld = rn_padded<T>(DP), row = rn_row_warp() * 16 * ld;
    const int column = rn_column_half() * RN_HALF * ld;
    for (int n = 1; n <= t.slices; n++) {
        int slice = (w.slice + n) % t.slices;
        bool queries = !(keep & 1) || t.slices > 1, keys = !(keep & 2) || t.slices > 1;
        __syncthreads(); /* nobody reads the tiles any more */
        if (queries)
            rn_take_tile<T, DP>(m->q, t, t.q, w.b, i, w.h, slice);
        if (keys)
            rn_take_tile<T, DP>(m->k, t, t.k, w.b, j, w.group, slice);
        rn_copies_end();
        if (queries)
            rn_take_tile<T, DP>(m->dy, t, t.dy, w.b, i, w.h, slice);
        if (keys)
            rn_take_tile<T, DP>(m->v, t, t.v, w.b, j, w.group, slice);
        rn_copies_end();
        rn_copies_wait<1>();
        __syncthreads();
        rn_product_nt<RN_HALF_BLOCKS>(s, m->q + row, m->k + column, ld, ld, DP);
        rn_copies_wait<0>();
        __syncthreads();
        rn_product_nt<RN_HALF_BLOCKS>(g, m->dy + row, m->v + column, ld, ld, DP);
    }
}

/* s = e^(s - lse), g = s * (g - mean), of queries i.. and keys j.. . */
static __device__ __forceinline__ void rn_softmax_bwd(float (*s)[4], float (*g)[4],
                                                      const struct rn_att &t,
                                                      const struct rn_spot &w, int64_t i, int64_t j)
{
    bool all = rn_all_see(t, i, j);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int64_t row = i + rn_own_row(rn_row_warp()) + 8 * half;
        int64_t at = (w.b * t.H + w.h) * t.T + row;
        float lse2 = row < t.T ? t.lse[at] * RN_LOG2E : 0, mean = row < t.T ? t.mean[at] : 0;
#pragma unroll
        for (int n = 0; n < RN_HALF_BLOCKS; n++)
#pragma unroll
            for (int e = 2 * half; e < 2 * half + 2; e++) {
                int64_t key = j + rn_column_half() * RN_HALF + n * 8 + rn_own_column() + e % 2;
                s[n][e] = exp2f(s[n][e] * t.scale2 - lse2);
                if (!all && !rn_sees(t, row, key))
                    s[n][e] = 0;
                g[n][e] = s[n][e] * (g[n][e] - mean);
            }
    }
}

/* The block's tile (queries, keys) becomes s, for all warps. */
template <class T, int DP>
static __device__ void rn_bwd_share(struct rn_bwd_tiles<T, DP> *m, float (*s)[4])
{
    const int lp = rn_padded<T>(RN_TILE), row = rn_own_row(rn_row_warp());
    const int column = rn_column_half() * RN_HALF + rn_own_column();
    __syncthreads();
#pragma unroll
    for (int n = 0; n < RN_HALF_BLOCKS; n++) {
        rn_put_two(m->s + row * lp + column + n * 8, s[n][0], s[n][1]);
        rn_put_two(m->s + (row + 8) * lp + column + n * 8, s[n][2], s[n][3]);
    }
    __syncthreads();
}

/* dq of a tile of queries. */
template <class T, int DP>
static __global__ __launch_bounds__(RN_BWD_THREADS, 1) void rn_attention_dq(struct rn_att t)
{
    typedef struct rn_bwd_tiles<T, DP> tiles;
    RN_SHARED_DYNAMIC(tiles, m);
    const int ld = rn_padded<T>(DP), lp = rn_padded<T>(RN_TILE), half = rn_column_half() * DP / 2;
    struct rn_spot w = rn_spot_of(t, gridDim.x - 1 - blockIdx.x);
    float dq[DP / 16][4] = {}, scale[2] = {t.scale, t.scale};
    int64_t first = w.at > t.window ? (w.at - t.window) / RN_TILE * RN_TILE : 0;
    for (int64_t j = first; j <= w.at; j += RN_TILE) {
        float s[RN_HALF_BLOCKS][4] = {}, g[RN_HALF_BLOCKS][4] = {};
        rn_bwd_products(s, g, m, t, w, w.at, j, j > first ? 1 : 0);
        rn_softmax_bwd(s, g, t, w, w.at, j);
        rn_bwd_share(m, g);
        rn_product_nn<DP / 16>(dq, m->s + rn_row_warp() * 16 * lp, m->k + half, lp, ld, RN_TILE);
    }
    rn_give_rows<DP / 16>(t, t.dq, w.b, w.at + rn_own_row(rn_row_warp()), w.h,
                          (int64_t)w.slice * DP + half, dq, scale, t.acc & 1);
}

/* dk and dv of a tile of keys, from all query heads that share them. dk is written before dv: both
 * may be one value. */
template <class T, int DP>
static __global__ __launch_bounds__(RN_BWD_THREADS, 1) void rn_attention_dkv(struct rn_att t)
{
    typedef struct rn_bwd_tiles<T, DP> tiles;
    RN_SHARED_DYNAMIC(tiles, m);
    const int ld = rn_padded<T>(DP), lp = rn_padded<T>(RN_TILE), half = rn_column_half() * DP / 2;
    struct rn_spot w = rn_spot_of(t, blockIdx.x);
    int64_t key_head = blockIdx.y, share = t.H / t.K, j = w.at, last = j + RN_TILE - 1 + t.window;
    float dk[DP / 16][4] = {}, dv[DP / 16][4] = {}, f[2] = {t.scale, t.scale}, one[2] = {1, 1};
    w.group = key_head;
    bool first = true;
    for (w.h = key_head * share; w.h < (key_head + 1) * share; w.h++)
        for (int64_t i = j; i <= last && i < t.T; i += RN_TILE, first = false) {
            float s[RN_HALF_BLOCKS][4] = {}, g[RN_HALF_BLOCKS][4] = {};
            const T *own = m->s + rn_row_warp() * 16; /* this warp's keys are columns of it */
            rn_bwd_products(s, g, m, t, w, i, j, first ? 0 : 2);
            rn_softmax_bwd(s, g, t, w, i, j);
            rn_bwd_share(m, s);
            rn_product_tn<DP / 16>(dv, own, m->dy + half, lp, ld, RN_TILE);
            rn_bwd_share(m, g);
            rn_product_tn<DP / 16>(dk, own, m->q + half, lp, ld, RN_TILE);
        }
    int64_t row = j + rn_own_row(rn_row_warp()), d = (int64_t)w.slice * DP + half;
    if (t.dk.x.p)
        rn_give_rows<DP / 16>(t, t.dk, w.b, row, key_head, d, dk, f, t.acc & 2);
    if (t.dv.x.p)
        rn_give_rows<DP / 16>(t, t.dv, w.b, row, key_head, d, dv, one, t.acc & 4);
}

#endif
