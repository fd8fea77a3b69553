/* A block for each row of logits, which is read twice: once for its largest and the sum of its
 * exponentials, once to be turned into its gradient. */
#include "head_rows.h"

#include "vec.cuh"

struct best { /* the largest so far, where it first stands, and the sum of exp(z - largest) */
    float z, sum;
    int64_t at;
};

static __device__ __forceinline__ float capped(float z, float cap)
{
    return cap > 0 ? cap * tanhf(z / cap) : z;
}

/* exp(a - b), where both may be -INFINITY: nothing was seen yet. */
static __device__ __forceinline__ float shrink(float a, float b)
{
    return a == b ? 1.0f : expf(a - b);
}

/* Of two parts of a row; not-a-numbers go into the sum. */
static __device__ __forceinline__ struct best merged(struct best a, struct best b)
{
    struct best m = {fmaxf(a.z, b.z), 0.0f, 0};
    m.sum = a.sum * shrink(a.z, m.z) + b.sum * shrink(b.z, m.z);
    bool first = a.z == b.z ? a.at < b.at : a.z > b.z;
    m.at = first ? a.at : b.at;
    return m;
}

static __device__ __forceinline__ void look_at(struct best *own, float z, int64_t at)
{
    if (z > own->z) {
        own->sum = own->sum * expf(own->z - z) + 1.0f;
        own->z = z;
        own->at = at;
    } else {
        own->sum += shrink(z, own->z);
    }
}

static __device__ __forceinline__ struct best of_warp(struct best own)
{
    for (int step = RN_WARP / 2; step > 0; step /= 2) {
        struct best other;
        other.z = __shfl_xor_sync(0xffffffffu, own.z, step);
        other.sum = __shfl_xor_sync(0xffffffffu, own.sum, step);
        other.at = __shfl_xor_sync(0xffffffffu, own.at, step);
        own = merged(own, other);
    }
    return own;
}

/* Every thread of the block gets it. */
static __device__ __forceinline__ struct best of_block(struct best own)
{
    RN_SHARED(struct best, part, RN_BLOCK_WARPS);
    own = of_warp(own);
    if (rn_lane() == 0)
        part[threadIdx.x / RN_WARP] = own;
    __syncthreads();
    own = part[0];
    for (int i = 1; i < RN_BLOCK_WARPS; i++)
        own = merged(own, part[i]);
    return own;
}

static __device__ __forceinline__ struct best read_row(const struct rn_head_rows &t, int64_t r)
{
    struct rn_tensor logits = {(void *)t.logits, RN_F32};
    struct best own = {-INFINITY, 0.0f, 0};
    for (int64_t c = threadIdx.x * RN_VEC; c < t.V; c += RN_BLOCK_THREADS * RN_VEC) {
        float z[RN_VEC];
        rn_load(z, logits, r * t.V + c, (r + 1) * t.V);
        for (int i = 0; i < RN_VEC && c + i < t.V; i++)
            look_at(&own, capped(z[i], t.cap), c + i);
    }
    return of_block(own);
}

/* k (softmax - [target]), times the slope of the cap. */
static __device__ __forceinline__ void write_slopes(const struct rn_head_rows &t, int64_t r,
                                                    int32_t target, float lse)
{
    struct rn_tensor logits = {(void *)t.logits, RN_F32}, slope = {t.slope, t.slope_type};
    float k = target >= 0 && t.dloss ? *t.scale * *t.dloss : 0.0f;
    for (int64_t c = threadIdx.x * RN_VEC; c < t.V; c += RN_BLOCK_THREADS * RN_VEC) {
        float z[RN_VEC];
        rn_load(z, logits, r * t.V + c, (r + 1) * t.V);
        for (int i = 0; i < RN_VEC; i++) {
            float y = capped(z[i], t.cap), of_cap = t.cap > 0 ? y / t.cap : 0.0f;
            float p = expf(y - lse) - (c + i == target ? 1.0f : 0.0f);
            z[i] = target >= 0 ? k * p * (1.0f - of_cap * of_cap) : 0.0f;
        }
        rn_store(slope, r * t.V + c, (r + 1) * t.V, z);
    }
}

static __global__ void head_rows(struct rn_head_rows t)
{
    int64_t r = blockIdx.x;
    int32_t target = t.targets[r];
    struct best best = read_row(t, r);
    float lse = best.z + logf(best.sum);
    float hit = target >= 0 ? capped(t.logits[r * t.V + target], t.cap) : lse;
    __syncthreads(); /* all have read it before it is written over */
    if (threadIdx.x == 0 && t.losses)
        t.losses[r] = target >= 0 ? lse - hit : 0.0f;
    if (threadIdx.x == 0 && t.argmax)
        t.argmax[r] = (int32_t)best.at;
    if (t.slope)
        write_slopes(t, r, target, lse);
}

void rn_cuda_head_rows(struct rn_cuda *c, const struct rn_head_rows *t)
{
    RN_LAUNCH(head_rows, (unsigned)t->n, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), *t);
}

/* One block; each thread adds every RN_BLOCK_THREADS-th. */
static __global__ void head_sum(float *to, const float *losses, int64_t n, const float *scale)
{
    RN_SHARED(double, part, RN_BLOCK_THREADS);
    double sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += RN_BLOCK_THREADS)
        sum += (double)losses[i];
    part[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x != 0)
        return;
    for (int i = 1; i < RN_BLOCK_THREADS; i++)
        sum += part[i];
    *to = (float)(sum * (double)*scale);
}

void rn_cuda_head_sum(struct rn_cuda *c, float *to, const float *losses, int64_t n,
                      const float *scale)
{
    RN_LAUNCH(head_sum, 1, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), to, losses, n, scale);
}
