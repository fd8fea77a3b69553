#include "vec.cuh"

struct mix {
    struct rn_tensor x[2], y, dx[2], dy;
    const float *p[2]; /* the coefficients' vectors; NULL: 1 */
    float *dp[2], *part;
    float f[2];
    int64_t at[2], length[2]; /* of the coefficients in their vectors */
    int64_t n;
    unsigned acc;
};

static struct mix mix_of(const struct rn_args *a)
{
    struct mix t = {{rn_x_of(a, 0), rn_x_of(a, 1)},
                    rn_y_of(a, 0),
                    {rn_dx_of(a, 0), rn_dx_of(a, 1)},
                    rn_dy_of(a, 0),
                    {(const float *)a->x[2], (const float *)a->x[3]},
                    {(float *)a->dx[2], (float *)a->dx[3]},
                    (float *)a->scratch,
                    {a->attrs.f[0], a->attrs.f[1]},
                    {a->attrs.i[0], a->attrs.i[1]},
                    {rn_elems(a->xs[2]), rn_elems(a->xs[3])},
                    rn_elems(a->ys[0]),
                    a->acc};
    return t;
}

static __device__ float coef_of(const struct mix &t, int i)
{
    return t.p[i] ? t.f[i] * t.p[i][t.at[i]] : t.f[i];
}

static __global__ void lincomb_fwd(struct mix t)
{
    int64_t at = rn_vec_at();
    if (at >= t.n)
        return;
    float a[RN_VEC], b[RN_VEC], ca = coef_of(t, 0), cb = coef_of(t, 1);
    rn_load(a, t.x[0], at, t.n);
    rn_load(b, t.x[1], at, t.n);
    for (int i = 0; i < RN_VEC; i++)
        a[i] = ca * a[i] + cb * b[i];
    rn_store(t.y, at, t.n, a);
}

/* dx of a vector of elements. a and b may be one value: then the second is added to the first. That
 * of a may take the place of dy, and is dy where its coefficient is 1. */
static __device__ void terms_bwd(const struct mix &t, int64_t at, const float dy[RN_VEC])
{
    for (int i = 0; i < 2; i++) {
        if (!t.dx[i].p)
            continue;
        float d[RN_VEC], k = coef_of(t, i);
        if (i == 0 && t.dx[0].p == t.dy.p && k == 1.0f)
            continue;
        for (int e = 0; e < RN_VEC; e++)
            d[e] = k * dy[e];
        rn_give(t.dx[i], at, t.n, d, t.acc >> i & 1);
    }
}

static __device__ float dot(const struct mix &t, int i, int64_t at, const float dy[RN_VEC])
{
    float x[RN_VEC], sum = 0;
    rn_load(x, t.x[i], at, t.n);
    for (int e = 0; e < RN_VEC; e++)
        sum += dy[e] * x[e];
    return sum;
}

/* Gradients of a and b, and each block's part of the sums of dy * a and dy * b. */
static __global__ void lincomb_bwd(struct mix t)
{
    float sum[2] = {0, 0};
    for (int64_t at = rn_vec_at(); at < t.n; at += (int64_t)gridDim.x * RN_BLOCK_THREADS * RN_VEC) {
        float dy[RN_VEC];
        rn_load(dy, t.dy, at, t.n);
        for (int i = 0; i < 2; i++)
            if (t.dp[i])
                sum[i] += dot(t, i, at, dy);
        terms_bwd(t, at, dy);
    }
    for (int i = 0; i < 2; i++) {
        if (!t.dp[i])
            continue;
        float all = rn_block_sum(sum[i]);
        if (threadIdx.x == 0)
            t.part[i * gridDim.x + blockIdx.x] = all;
    }
}

/* The coefficient's vector gets a gradient at one index. Both may be one vector. */
static __global__ void coefs_bwd(struct mix t, int parts)
{
    for (int i = 0; i < 2; i++)
        for (int64_t k = threadIdx.x; t.dp[i] && !(t.acc >> (2 + i) & 1) && k < t.length[i];
             k += RN_WARP)
            t.dp[i][k] = 0;
    __syncwarp();
    for (int i = 0; i < 2; i++) {
        if (!t.dp[i])
            continue;
        double sum = rn_warp_sum_of(t.part + i * parts, parts);
        if (threadIdx.x == 0)
            t.dp[i][t.at[i]] += (float)((double)t.f[i] * sum);
    }
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct mix t = mix_of(a);
    RN_LAUNCH(lincomb_fwd, rn_vec_blocks(t.n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct mix t = mix_of(a);
    unsigned parts = rn_part_blocks(rn_elems(a->ys[0]));
    RN_LAUNCH(lincomb_bwd, parts, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
    if (t.dp[0] || t.dp[1])
        RN_LAUNCH(coefs_bwd, 1, RN_WARP, 0, rn_cuda_stream(c), t, (int)parts);
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    return a->bwd ? 2 * rn_part_blocks(rn_elems(a->ys[0])) * sizeof(float) : 0;
}

const struct rn_cuda_kernel rn_cuda_lincomb = {fwd, bwd, scratch_bytes};
