#include "vec.cuh"

enum { BINS_MAX = 32 };

static __device__ __forceinline__ float block_max(float x)
{
    RN_SHARED(float, part, RN_BLOCK_THREADS / RN_WARP);
    x = rn_warp_max(x);
    if (threadIdx.x % RN_WARP == 0)
        part[threadIdx.x / RN_WARP] = x;
    __syncthreads();
    float most = part[0];
    for (int i = 1; i < RN_BLOCK_THREADS / RN_WARP; i++)
        most = fmaxf(most, part[i]);
    __syncthreads();
    return most;
}

/* A block's greatest value, and the greatest of the negated ones. */
static __global__ void extremes_parts(float *part, struct rn_tensor x, int64_t n)
{
    float v[RN_VEC], high = -INFINITY, low = -INFINITY;
    for (int64_t at = rn_vec_at(); at < n; at += (int64_t)gridDim.x * RN_BLOCK_THREADS * RN_VEC) {
        rn_load(v, x, at, n);
        for (int i = 0; i < RN_VEC; i++)
            if (at + i < n && isfinite(v[i])) {
                high = fmaxf(high, v[i]);
                low = fmaxf(low, -v[i]);
            }
    }
    high = block_max(high);
    low = block_max(low);
    if (threadIdx.x == 0) {
        part[2 * blockIdx.x] = low;
        part[2 * blockIdx.x + 1] = high;
    }
}

static __global__ void extremes_all(float *y, const float *part, int parts)
{
    float low = -INFINITY, high = -INFINITY;
    for (int i = 0; i < parts; i++) {
        low = fmaxf(low, part[2 * i]);
        high = fmaxf(high, part[2 * i + 1]);
    }
    y[0] = -low <= high ? -low : 0;
    y[1] = -low <= high ? high : 0;
}

/* Each thread counts in a column of its own: no order of additions, no atomics. Halved, so that the
 * distance of two floats is one, too. */
static __global__ void count_parts(unsigned *part, struct rn_tensor x, int64_t n, const float *y,
                                   int bins)
{
    RN_SHARED(unsigned, counts, BINS_MAX *RN_BLOCK_THREADS);
    float v[RN_VEC], low = y[0], width = 0.5f * y[1] - 0.5f * y[0];
    for (int b = 0; b < bins; b++)
        counts[b * RN_BLOCK_THREADS + threadIdx.x] = 0;
    for (int64_t at = rn_vec_at(); at < n; at += (int64_t)gridDim.x * RN_BLOCK_THREADS * RN_VEC) {
        rn_load(v, x, at, n);
        for (int i = 0; i < RN_VEC; i++)
            if (at + i < n && isfinite(v[i])) {
                float share = width > 0 ? (0.5f * v[i] - 0.5f * low) / width : 0;
                int bin = (int)(share * (float)bins);
                counts[(bin < bins ? bin : bins - 1) * RN_BLOCK_THREADS + threadIdx.x]++;
            }
    }
    __syncthreads();
    for (int b = (int)threadIdx.x; b < bins; b += RN_BLOCK_THREADS) {
        unsigned sum = 0;
        for (int t = 0; t < RN_BLOCK_THREADS; t++)
            sum += counts[b * RN_BLOCK_THREADS + t];
        part[blockIdx.x * bins + b] = sum;
    }
}

static __global__ void count_all(float *y, const unsigned *part, int parts, int bins)
{
    int b = (int)threadIdx.x;
    double sum = 0;
    for (int i = 0; b < bins && i < parts; i++)
        sum += part[i * bins + b];
    if (b < bins)
        y[2 + b] = (float)sum;
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    int64_t n = rn_elems(a->xs[0]);
    int bins = (int)a->attrs.i[0];
    unsigned parts = rn_part_blocks(n);
    float *y = (float *)a->y[0], *extremes = (float *)a->scratch;
    unsigned *counts = (unsigned *)(extremes + 2 * parts);
    RN_LAUNCH(extremes_parts, parts, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), extremes,
              rn_x_of(a, 0), n);
    RN_LAUNCH(extremes_all, 1, 1, 0, rn_cuda_stream(c), y, (const float *)extremes, (int)parts);
    RN_LAUNCH(count_parts, parts, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), counts, rn_x_of(a, 0), n,
              (const float *)y, bins);
    RN_LAUNCH(count_all, 1, BINS_MAX, 0, rn_cuda_stream(c), y, (const unsigned *)counts, (int)parts,
              bins);
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    return rn_part_blocks(rn_elems(a->xs[0])) * (2 * sizeof(float) + BINS_MAX * sizeof(unsigned));
}

const struct rn_cuda_kernel rn_cuda_histogram = {fwd, NULL, scratch_bytes};
