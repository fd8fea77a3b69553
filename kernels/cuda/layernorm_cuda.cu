/* A warp for each row; gradients of w and b are sums over rows. */
#include "columns.cuh"

struct layer {
    struct rn_tensor x, w, b, y, dx, dy;
    float *mean, *rstd;
    int64_t R, C;
    float eps;
    bool add;
};

static struct layer layer_of(const struct rn_args *a)
{
    return {rn_x_of(a, 0),     rn_x_of(a, 1),     rn_x_of(a, 2),    rn_y_of(a, 0),
            rn_dx_of(a, 0),    rn_dy_of(a, 0),    (float *)a->y[1], (float *)a->y[2],
            rn_rows(a->xs[0]), rn_cols(a->xs[0]), a->attrs.f[0],    (a->acc & 1) != 0};
}

/* The mean of (x - from), or of its square, over row r; elements behind the row count nothing. */
static __device__ float mean_of(const struct layer &t, int64_t r, float from, bool square)
{
    float x[RN_VEC], sum = 0;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        rn_load(x, t.x, r * t.C + c, (r + 1) * t.C);
        for (int i = 0; i < RN_VEC; i++) {
            float d = c + i < t.C ? x[i] - from : 0.0f;
            sum += square ? d * d : d;
        }
    }
    return rn_warp_sum(sum) / (float)t.C;
}

static __global__ void layernorm_fwd(struct layer t)
{
    int64_t r = rn_row();
    if (r >= t.R)
        return;
    float m = mean_of(t, r, 0.0f, false);
    float s = 1.0f / sqrtf(mean_of(t, r, m, true) + t.eps);
    if (rn_lane() == 0) {
        t.mean[r] = m;
        t.rstd[r] = s;
    }
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        float x[RN_VEC], w[RN_VEC], b[RN_VEC];
        rn_load(x, t.x, r * t.C + c, (r + 1) * t.C);
        rn_load(w, t.w, c, t.C);
        rn_load(b, t.b, c, t.C);
        for (int i = 0; i < RN_VEC; i++)
            x[i] = (x[i] - m) * s * w[i] + b[i];
        rn_store(t.y, r * t.C + c, (r + 1) * t.C, x);
    }
}

/* A vector of row r: g = dy * w, n = (x - mean) * rstd. */
struct piece {
    float g[RN_VEC], n[RN_VEC];
};

static __device__ struct piece piece_of(const struct layer &t, int64_t r, int64_t c)
{
    struct piece p;
    float w[RN_VEC], m = t.mean[r], s = t.rstd[r];
    rn_load(p.g, t.dy, r * t.C + c, (r + 1) * t.C);
    rn_load(p.n, t.x, r * t.C + c, (r + 1) * t.C);
    rn_load(w, t.w, c, t.C);
    for (int i = 0; i < RN_VEC; i++) {
        p.g[i] *= w[i];
        p.n[i] = (p.n[i] - m) * s;
    }
    return p;
}

/* dx = rstd * (g - mean(g) - n * mean(g * n)) */
static __global__ void layernorm_bwd(struct layer t)
{
    int64_t r = rn_row();
    if (r >= t.R)
        return;
    float sum_g = 0, sum_gn = 0;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        struct piece p = piece_of(t, r, c);
        for (int i = 0; i < RN_VEC; i++) { /* g is 0 behind the row */
            sum_g += p.g[i];
            sum_gn += p.g[i] * p.n[i];
        }
    }
    float mean_g = rn_warp_sum(sum_g) / (float)t.C, mean_gn = rn_warp_sum(sum_gn) / (float)t.C;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        struct piece p = piece_of(t, r, c);
        for (int i = 0; i < RN_VEC; i++)
            p.g[i] = t.rstd[r] * (p.g[i] - mean_g - p.n[i] * mean_gn);
        rn_give(t.dx, r * t.C + c, (r + 1) * t.C, p.g, t.add);
    }
}

/* What row r adds to dw (columns 0 .. C) and db (C .. 2C). */
struct layernorm_term {
    struct layer t;
    __device__ float operator()(int64_t r, int64_t i) const
    {
        int64_t c = i < t.C ? i : i - t.C;
        float dy = rn_load_one(t.dy, r * t.C + c);
        return i < t.C ? dy * ((rn_load_one(t.x, r * t.C + c) - t.mean[r]) * t.rstd[r]) : dy;
    }
};

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct layer t = layer_of(a);
    RN_LAUNCH(layernorm_fwd, rn_row_blocks(t.R), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct layer t = layer_of(a);
    float *part = (float *)a->scratch;
    if (t.dx.p)
        RN_LAUNCH(layernorm_bwd, rn_row_blocks(t.R), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
    if (a->dx[1] || a->dx[2])
        rn_column_parts(c, part, t.R, 2 * t.C, layernorm_term{t});
    for (int i = 0; i < 2; i++)
        if (a->dx[1 + i])
            rn_column_sums(c, (float *)a->dx[1 + i], part, t.R, 2 * t.C, i * t.C, t.C,
                           a->acc >> (1 + i) & 1);
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    int64_t floats = rn_column_floats(rn_rows(a->xs[0]), 2 * rn_cols(a->xs[0]));
    return a->bwd ? (size_t)floats * sizeof(float) : 0;
}

const struct rn_cuda_kernel rn_cuda_layernorm = {fwd, bwd, scratch_bytes};
