#include "op_batch.h"
#include "runs.cuh"
#include "vec.cuh"

struct sum { /* y = before + what is in x */
    const float *x;
    int64_t n;
    float *y;
};

struct sumsq { /* of a batch, each going on from the sum before it */
    struct sum of[RN_SUMSQ_BATCH];
    struct rn_runs runs; /* a block gives one number of part */
    float *part;
    const float *before;
};
static_assert(sizeof(struct sumsq) <= 4096, "arguments of a kernel");

static __global__ void sumsq_parts(const RN_GRID_CONSTANT struct sumsq t)
{
    int run = rn_run_of(t.runs);
    const struct sum &of = t.of[run];
    unsigned block = blockIdx.x - t.runs.first[run];
    int64_t blocks = t.runs.first[run + 1] - t.runs.first[run], span = RN_BLOCK_THREADS * RN_VEC;
    struct rn_tensor x = {(void *)of.x, RN_F32};
    float v[RN_VEC], sum = 0;
    for (int64_t at = block * span + threadIdx.x * RN_VEC; at < of.n; at += blocks * span) {
        rn_load(v, x, at, of.n);
        for (int i = 0; i < RN_VEC; i++)
            sum += v[i] * v[i];
    }
    sum = rn_block_sum(sum);
    if (threadIdx.x == 0)
        t.part[blockIdx.x] = sum;
}

/* A warp for each sum; then one thread goes along the chain. */
static __global__ void sumsq_all(const RN_GRID_CONSTANT struct sumsq t)
{
    RN_SHARED(double, sums, RN_SUMSQ_BATCH);
    for (int i = (int)threadIdx.x / RN_WARP; i < t.runs.n; i += RN_BLOCK_WARPS) {
        unsigned first = t.runs.first[i];
        double sum = rn_warp_sum_of(t.part + first, (int)(t.runs.first[i + 1] - first));
        if (rn_lane() == 0)
            sums[i] = sum;
    }
    __syncthreads();
    float all = t.before && threadIdx.x == 0 ? *t.before : 0.0f;
    for (int i = 0; i < t.runs.n && threadIdx.x == 0; i++) {
        all = (float)((double)all + sums[i]);
        *t.of[i].y = all;
    }
}

/* Of this call and those that are computed with it. */
static struct rn_runs runs_of(const struct rn_args *a)
{
    struct rn_runs runs = {};
    for (int i = 0; i <= a->behind; i++)
        rn_runs_add(&runs, rn_part_blocks(rn_elems(a[i].xs[0])));
    return runs;
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    if (a->behind < 0) /* done with one before */
        return;
    struct sumsq t = {{}, runs_of(a), (float *)a->scratch, (const float *)a->x[1]};
    for (int i = 0; i < t.runs.n; i++) {
        RN_ASSERT(a[i].kind == a->kind && (i == 0 || a[i].x[1] == a[i - 1].y[0]));
        t.of[i] = {(const float *)a[i].x[0], rn_elems(a[i].xs[0]), (float *)a[i].y[0]};
    }
    RN_LAUNCH(sumsq_parts, rn_runs_blocks(&t.runs), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
    RN_LAUNCH(sumsq_all, 1, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    struct rn_runs runs = runs_of(a);
    return rn_runs_blocks(&runs) * sizeof(float);
}

const struct rn_cuda_kernel rn_cuda_sumsq = {fwd, NULL, scratch_bytes};
