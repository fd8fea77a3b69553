/* A warp for each position; the gradients of w and lambda are sums over all of them. */
#include "columns.cuh"

struct smear {
    struct rn_tensor x, w, y, dy, dx;
    const float *lambda;
    float *gate, *dz, *dot; /* backward: gradient before the sigmoid; dy_t . x_{t-1} */
    int64_t R, T, C, G;     /* R = B*T rows */
    bool add;
};

static struct smear smear_of(const struct rn_args *a)
{
    int64_t R = rn_rows(a->xs[0]);
    return {rn_x_of(a, 0),           rn_x_of(a, 1),
            rn_y_of(a, 0),           rn_dy_of(a, 0),
            rn_dx_of(a, 0),          (const float *)a->x[2],
            (float *)a->y[1],        (float *)a->scratch,
            (float *)a->scratch + R, R,
            a->xs[0].d[1],           a->xs[0].d[2],
            rn_cols(a->xs[1]),       (a->acc & 1) != 0};
}

static __global__ void smear_fwd(struct smear t)
{
    int64_t r = rn_row();
    if (r >= t.R)
        return;
    bool first = r % t.T == 0;
    float z = rn_warp_dot(t.w, 0, t.x, r * t.C, t.G), g = first ? 0.0f : rn_sigmoid(z);
    if (rn_lane() == 0)
        t.gate[r] = g;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        float x[RN_VEC], before[RN_VEC];
        rn_load(x, t.x, r * t.C + c, (r + 1) * t.C);
        if (!first) {
            rn_load(before, t.x, (r - 1) * t.C + c, r * t.C);
            for (int i = 0; i < RN_VEC; i++)
                x[i] += *t.lambda * g * before[i];
        }
        rn_store(t.y, r * t.C + c, (r + 1) * t.C, x);
    }
}

/* dx_t = dy_t + lambda gate_{t+1} dy_{t+1} + dz_t w */
static __device__ void x_bwd(const struct smear &t, int64_t r, float dz)
{
    bool last = (r + 1) % t.T == 0;
    float k = last ? 0.0f : *t.lambda * t.gate[r + 1];
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        float d[RN_VEC], next[RN_VEC] = {0}, w[RN_VEC];
        rn_load(d, t.dy, r * t.C + c, (r + 1) * t.C);
        rn_load(w, t.w, c, t.G);
        if (!last)
            rn_load(next, t.dy, (r + 1) * t.C + c, (r + 2) * t.C);
        for (int i = 0; i < RN_VEC; i++)
            d[i] += k * next[i] + dz * w[i];
        rn_give(t.dx, r * t.C + c, (r + 1) * t.C, d, t.add);
    }
}

static __global__ void smear_bwd(struct smear t)
{
    int64_t r = rn_row();
    if (r >= t.R)
        return;
    bool first = r % t.T == 0;
    float dot = first ? 0.0f : rn_warp_dot(t.dy, r * t.C, t.x, (r - 1) * t.C, t.C);
    float dz = *t.lambda * dot * t.gate[r] * (1.0f - t.gate[r]);
    if (rn_lane() == 0) {
        t.dz[r] = dz;
        t.dot[r] = dot;
    }
    if (t.dx.p)
        x_bwd(t, r, dz);
}

/* What row r adds to dw (columns 0 .. G) and dlambda (column G). */
struct smear_term {
    struct smear t;
    __device__ float operator()(int64_t r, int64_t i) const
    {
        return i < t.G ? t.dz[r] * rn_load_one(t.x, r * t.C + i) : t.gate[r] * t.dot[r];
    }
};

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct smear t = smear_of(a);
    RN_LAUNCH(smear_fwd, rn_row_blocks(t.R), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct smear t = smear_of(a);
    float *part = t.dot + t.R;
    RN_LAUNCH(smear_bwd, rn_row_blocks(t.R), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
    if (a->dx[1] || a->dx[2])
        rn_column_parts(c, part, t.R, t.G + 1, smear_term{t});
    if (a->dx[1])
        rn_column_sums(c, (float *)a->dx[1], part, t.R, t.G + 1, 0, t.G, a->acc & 2);
    if (a->dx[2])
        rn_column_sums(c, (float *)a->dx[2], part, t.R, t.G + 1, t.G, 1, a->acc & 4);
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    int64_t R = rn_rows(a->xs[0]), columns = rn_cols(a->xs[1]) + 1;
    return a->bwd ? (size_t)(2 * R + rn_column_floats(R, columns)) * sizeof(float) : 0;
}

const struct rn_cuda_kernel rn_cuda_smear = {fwd, bwd, scratch_bytes};
