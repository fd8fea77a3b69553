/* A warp for each row. */
#include "vec.cuh"

struct norm {
    struct rn_tensor x, y, dx, dy;
    float *rstd;
    int64_t R, C;
    float eps;
    bool add;
};

static struct norm norm_of(const struct rn_args *a)
{
    return {rn_x_of(a, 0),     rn_y_of(a, 0),    rn_dx_of(a, 0),
            rn_dy_of(a, 0),    (float *)a->y[1], rn_rows(a->xs[0]),
            rn_cols(a->xs[0]), a->attrs.f[0],    (a->acc & 1) != 0};
}

/* y = x * rstd, rstd = 1 / sqrt(mean(x^2) + eps) */
static __global__ void rmsnorm_fwd(struct norm t)
{
    int64_t r = rn_row();
    if (r >= t.R)
        return;
    float x[RN_VEC], sum = 0;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        rn_load(x, t.x, r * t.C + c, (r + 1) * t.C);
        for (int i = 0; i < RN_VEC; i++)
            sum += x[i] * x[i];
    }
    float s = 1.0f / sqrtf(rn_warp_sum(sum) / (float)t.C + t.eps);
    if (rn_lane() == 0)
        t.rstd[r] = s;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        rn_load(x, t.x, r * t.C + c, (r + 1) * t.C);
        for (int i = 0; i < RN_VEC; i++)
            x[i] *= s;
        rn_store(t.y, r * t.C + c, (r + 1) * t.C, x);
    }
}

/* dx = rstd * (dy - y * mean(dy * y)) */
static __global__ void rmsnorm_bwd(struct norm t)
{
    int64_t r = rn_row();
    if (r >= t.R)
        return;
    float dy[RN_VEC], y[RN_VEC], sum = 0, s = t.rstd[r];
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        rn_load(dy, t.dy, r * t.C + c, (r + 1) * t.C);
        rn_load(y, t.y, r * t.C + c, (r + 1) * t.C);
        for (int i = 0; i < RN_VEC; i++)
            sum += dy[i] * y[i];
    }
    float mean = rn_warp_sum(sum) / (float)t.C;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        rn_load(dy, t.dy, r * t.C + c, (r + 1) * t.C);
        rn_load(y, t.y, r * t.C + c, (r + 1) * t.C);
        for (int i = 0; i < RN_VEC; i++)
            dy[i] = s * (dy[i] - y[i] * mean);
        rn_give(t.dx, r * t.C + c, (r + 1) * t.C, dy, t.add);
    }
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct norm t = norm_of(a);
    RN_LAUNCH(rmsnorm_fwd, rn_row_blocks(t.R), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct norm t = norm_of(a);
    RN_LAUNCH(rmsnorm_bwd, rn_row_blocks(t.R), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

const struct rn_cuda_kernel rn_cuda_rmsnorm = {fwd, bwd, NULL};
