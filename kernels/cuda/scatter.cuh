/* scatter.cuh - rows added to rows of a table by number, always in the same order.
 *
 *     struct term {                                  a plain struct, copied
 *         __device__ void operator()(float x[RN_VEC], int64_t row, int64_t c) const { ... }
 *     };
 *     rn_scatter(c, table, ids, n, V, C, scratch, term{..});    scratch: rn_scatter_bytes(n)
 *
 * table[ids[r]][..] += what the term gives of row r, for all rows of one id in their order: the
 * pairs (id, row) are sorted, and a warp walks over the rows of one id. The table is fp32. */
#ifndef RN_SCATTER_CUH
#define RN_SCATTER_CUH

#include "vec.cuh"

/* A pair (id, row) as one number to sort by. Bitonic: the order of comparisons depends on the size
 * alone, and a block does those that stay within SORT_TILE pairs in its own memory. */
typedef unsigned long long rn_pair;
enum { RN_SORT_TILE = 2048 };

static inline int64_t rn_sort_size(int64_t n) /* a power of two */
{
    int64_t size = RN_SORT_TILE;
    while (size < n)
        size *= 2;
    return size;
}

static inline size_t rn_scatter_bytes(int64_t n)
{
    return (size_t)rn_sort_size(n) * sizeof(rn_pair);
}

static __device__ __forceinline__ void rn_sort_two(rn_pair *a, rn_pair *b, bool up)
{
    rn_pair x = *a, y = *b;
    if ((x > y) == up) {
        *a = y;
        *b = x;
    }
}

/* Comparison number i of those between pairs `apart` from each other; up or down as `half`, the
 * length of sorted runs, wants it of those pairs (their position begins at `base`). */
static __device__ __forceinline__ void rn_sort_one(rn_pair *pairs, int64_t base, int64_t i,
                                                   int64_t apart, int64_t half)
{
    int64_t at = i / apart * 2 * apart + i % apart;
    rn_sort_two(&pairs[at], &pairs[at + apart], ((base + at) & (2 * half)) == 0);
}

/* Steps of a merge into runs of 2 * half that fit into a tile, or, where all of `half` does, every
 * merge up to it. */
static __global__ void rn_sort_tile(rn_pair *all, int64_t half, bool from_one)
{
    RN_SHARED(rn_pair, tile, RN_SORT_TILE);
    int64_t base = (int64_t)blockIdx.x * RN_SORT_TILE;
    for (int i = (int)threadIdx.x; i < RN_SORT_TILE; i += RN_BLOCK_THREADS)
        tile[i] = all[base + i];
    __syncthreads();
    for (int64_t run = from_one ? 1 : half; run <= half; run *= 2)
        for (int64_t apart = run < RN_SORT_TILE / 2 ? run : RN_SORT_TILE / 2; apart > 0;
             apart /= 2) {
            for (int i = (int)threadIdx.x; i < RN_SORT_TILE / 2; i += RN_BLOCK_THREADS)
                rn_sort_one(tile, base, i, apart, run);
            __syncthreads();
        }
    for (int i = (int)threadIdx.x; i < RN_SORT_TILE; i += RN_BLOCK_THREADS)
        all[base + i] = tile[i];
}

static __global__ void rn_sort_step(rn_pair *all, int64_t apart, int64_t half)
{
    rn_sort_one(all, 0, (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x, apart, half);
}

static __global__ void rn_sort_pairs(rn_pair *all, const int32_t *ids, int64_t n, int64_t V)
{
    int64_t i = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x;
    RN_KERNEL_ASSERT(i >= n || (ids[i] >= 0 && ids[i] < V));
    all[i] = i < n ? (rn_pair)(uint32_t)ids[i] << 32 | (rn_pair)i : ~(rn_pair)0;
}

static inline void rn_sort(struct rn_cuda *c, rn_pair *all, const int32_t *ids, int64_t n,
                           int64_t V)
{
    int64_t size = rn_sort_size(n);
    unsigned tiles = (unsigned)(size / RN_SORT_TILE);
    RN_LAUNCH(rn_sort_pairs, (unsigned)(size / RN_BLOCK_THREADS), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), all, ids, n, V);
    RN_LAUNCH(rn_sort_tile, tiles, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), all,
              (int64_t)RN_SORT_TILE / 2, true);
    for (int64_t half = RN_SORT_TILE; half < size; half *= 2) {
        for (int64_t apart = half; apart >= RN_SORT_TILE; apart /= 2)
            RN_LAUNCH(rn_sort_step, (unsigned)(size / 2 / RN_BLOCK_THREADS), RN_BLOCK_THREADS, 0,
                      rn_cuda_stream(c), all, apart, half);
        RN_LAUNCH(rn_sort_tile, tiles, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), all, half, false);
    }
}

/* Behind the last pair of the id of pair `first`: in strides that double until one goes too far,
 * then back in halves. */
static __device__ __forceinline__ int64_t rn_run_end(const rn_pair *pairs, int64_t first, int64_t n)
{
    int64_t in = first, step = 1;
    while (in + step < n && pairs[in + step] >> 32 == pairs[first] >> 32) {
        in += step;
        step *= 2;
    }
    for (; step > 0; step /= 2)
        if (in + step < n && pairs[in + step] >> 32 == pairs[first] >> 32)
            in += step;
    return in + 1;
}

/* sum += what the term gives of the rows of `count` pairs, in their order; all of it is on its way
 * before the first is added. */
enum { RN_ROWS_AT_ONCE = 4 };
template <class Term>
static __device__ __forceinline__ void rn_add_rows(float sum[RN_VEC], const rn_pair *pairs,
                                                   int64_t count, int64_t c, Term &term)
{
    float x[RN_ROWS_AT_ONCE][RN_VEC];
#pragma unroll
    for (int i = 0; i < RN_ROWS_AT_ONCE; i++)
        if (i < count)
            term(x[i], (int64_t)(pairs[i] & 0xffffffffu), c);
#pragma unroll
    for (int i = 0; i < RN_ROWS_AT_ONCE; i++)
        for (int e = 0; e < RN_VEC && i < count; e++)
            sum[e] += x[i][e];
}

/* A warp for each pair and RN_WARP_SPAN channels; that of an id's first pair does all of it. */
template <class Term>
static __global__ void rn_scatter_kernel(float *table, const rn_pair *pairs, int64_t n, int64_t C,
                                         Term term)
{
    int64_t first = rn_row(), c = (int64_t)blockIdx.y * RN_WARP_SPAN + rn_lane() * RN_VEC;
    if (first >= n || c >= C)
        return;
    int64_t id = (int64_t)(pairs[first] >> 32);
    if (first > 0 && (int64_t)(pairs[first - 1] >> 32) == id)
        return;
    struct rn_tensor to = {table, RN_F32};
    float sum[RN_VEC];
    int64_t end = rn_run_end(pairs, first, n);
    rn_load(sum, to, id * C + c, (id + 1) * C);
    for (int64_t i = first; i < end; i += RN_ROWS_AT_ONCE)
        rn_add_rows(sum, pairs + i, end - i, c, term);
    rn_store(to, id * C + c, (id + 1) * C, sum);
}

template <class Term>
static void rn_scatter(struct rn_cuda *c, float *table, const int32_t *ids, int64_t n, int64_t V,
                       int64_t C, void *scratch, Term term)
{
    rn_pair *pairs = (rn_pair *)scratch;
    dim3 grid(rn_row_blocks(n), rn_blocks(C, RN_WARP_SPAN));
    rn_sort(c, pairs, ids, n, V);
    RN_LAUNCH(rn_scatter_kernel<Term>, grid, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), table,
              (const rn_pair *)pairs, n, C, term);
}

#endif
