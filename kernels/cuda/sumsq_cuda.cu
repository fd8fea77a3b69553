#include "vec.cuh"

static __global__ void sumsq_parts(float *part, struct rn_tensor x, int64_t n)
{
    float v[RN_VEC], sum = 0;
    for (int64_t at = rn_vec_at(); at < n; at += (int64_t)gridDim.x * RN_BLOCK_THREADS * RN_VEC) {
        rn_load(v, x, at, n);
        for (int i = 0; i < RN_VEC; i++)
            sum += v[i] * v[i];
    }
    sum = rn_block_sum(sum);
    if (threadIdx.x == 0)
        part[blockIdx.x] = sum;
}

static __global__ void sumsq_all(float *y, const float *part, int parts, const float *before)
{
    double sum = rn_warp_sum_of(part, parts);
    if (threadIdx.x == 0)
        *y = (float)(before ? (double)*before + sum : sum);
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    float *part = (float *)a->scratch;
    unsigned parts = rn_part_blocks(rn_elems(a->xs[0]));
    RN_LAUNCH(sumsq_parts, parts, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), part, rn_x_of(a, 0),
              rn_elems(a->xs[0]));
    RN_LAUNCH(sumsq_all, 1, RN_WARP, 0, rn_cuda_stream(c), (float *)a->y[0], (const float *)part,
              (int)parts, (const float *)a->x[1]);
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    return rn_part_blocks(rn_elems(a->xs[0])) * sizeof(float);
}

const struct rn_cuda_kernel rn_cuda_sumsq = {fwd, NULL, scratch_bytes};
