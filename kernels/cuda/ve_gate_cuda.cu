/* A group of lanes for each position and key head. */
#include "clear.cuh"
#include "columns.cuh"
#include "group.cuh"
#include "scatter.cuh"

struct ve {
    struct rn_tensor v, xn, w, table, y, dy, dv, dxn;
    const int32_t *ids;
    float *gate, *dz;         /* (R,K); backward: gradients before the sigmoid */
    int64_t R, K, D, C, G, V; /* R = B*T rows */
    float f;
    unsigned acc;
};

static struct ve ve_of(const struct rn_args *a)
{
    return {rn_x_of(a, 0),
            rn_x_of(a, 1),
            rn_x_of(a, 2),
            rn_x_of(a, 3),
            rn_y_of(a, 0),
            rn_dy_of(a, 0),
            rn_dx_of(a, 0),
            rn_dx_of(a, 1),
            (const int32_t *)a->x[4],
            (float *)a->y[1],
            (float *)a->scratch,
            a->xs[0].d[0] * a->xs[0].d[1],
            a->xs[0].d[2],
            a->xs[0].d[3],
            a->xs[1].d[2],
            a->xs[2].d[1],
            a->xs[3].d[0],
            a->attrs.f[0],
            a->acc};
}

/* Where the value embedding of row r and head k begins. */
static __device__ int64_t embedding(const struct ve &t, int64_t r, int64_t k)
{
    int64_t id = t.ids[r];
    RN_KERNEL_ASSERT(id >= 0 && id < t.V);
    return (id * t.K + k) * t.D;
}

static __global__ void ve_gate_fwd(struct ve t, int lanes)
{
    struct rn_group g = rn_group_of(lanes);
    int64_t i = g.number, r = i / t.K, k = i % t.K;
    bool mine = i < t.R * t.K;
    float gate = rn_sigmoid(rn_group_dot(t.w, k * t.G, t.xn, r * t.C, mine ? t.G : 0, g, lanes));
    int64_t ve = mine ? embedding(t, r, k) : 0;
    if (mine && g.lane == 0)
        t.gate[i] = gate;
    for (int64_t d = g.lane * RN_VEC; mine && d < t.D; d += lanes * RN_VEC) {
        float v[RN_VEC], e[RN_VEC];
        rn_load(v, t.v, i * t.D + d, (i + 1) * t.D);
        rn_load(e, t.table, ve + d, ve + t.D);
        for (int j = 0; j < RN_VEC; j++)
            v[j] += t.f * gate * e[j];
        rn_store(t.y, i * t.D + d, (i + 1) * t.D, v);
    }
}

/* dz, and dv = dy, often in the same memory. */
static __global__ void ve_gate_bwd(struct ve t, int lanes)
{
    struct rn_group g = rn_group_of(lanes);
    int64_t i = g.number;
    bool mine = i < t.R * t.K;
    int64_t ve = mine ? embedding(t, i / t.K, i % t.K) : 0;
    float dot = rn_group_dot(t.dy, i * t.D, t.table, ve, mine ? t.D : 0, g, lanes);
    if (mine && g.lane == 0)
        t.dz[i] = t.f * dot * t.gate[i] * (1.0f - t.gate[i]);
    for (int64_t d = g.lane * RN_VEC; mine && t.dv.p && d < t.D; d += lanes * RN_VEC) {
        float dy[RN_VEC];
        rn_load(dy, t.dy, i * t.D + d, (i + 1) * t.D);
        rn_give(t.dv, i * t.D + d, (i + 1) * t.D, dy, t.acc & 1);
    }
}

/* The channels that gates read get dz w; the others none. A warp for each row. */
static __global__ void xn_bwd(struct ve t)
{
    int64_t r = rn_row();
    if (r >= t.R)
        return;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        float d[RN_VEC] = {0}, w[RN_VEC];
        for (int64_t k = 0; c < t.G && k < t.K; k++) {
            rn_load(w, t.w, k * t.G + c, (k + 1) * t.G);
            for (int i = 0; i < RN_VEC; i++)
                d[i] += t.dz[r * t.K + k] * w[i];
        }
        rn_give(t.dxn, r * t.C + c, (r + 1) * t.C, d, t.acc >> 1 & 1);
    }
}

/* What row r adds to dw(K,G). */
struct ve_weight_term {
    struct ve t;
    __device__ float operator()(int64_t r, int64_t i) const
    {
        return t.dz[r * t.K + i / t.G] * rn_load_one(t.xn, r * t.C + i % t.G);
    }
};

/* What row r adds to its id's row of the table's gradient. */
struct ve_table_term {
    struct ve t;
    __device__ void operator()(float x[RN_VEC], int64_t r, int64_t c) const
    {
        int64_t row = t.K * t.D;
        rn_load(x, t.dy, r * row + c, (r + 1) * row);
        for (int i = 0; i < RN_VEC && c + i < row; i++)
            x[i] *= t.f * t.gate[r * t.K + (c + i) / t.D];
    }
};

/* Scratch: dz, parts of dw, pairs to sort. */
static int64_t floats_of(const struct ve &t)
{
    return rn_div_up(t.R * t.K + rn_column_floats(t.R, t.K * t.G), 2) * 2;
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct ve t = ve_of(a);
    int lanes = rn_group_lanes(t.D);
    RN_LAUNCH(ve_gate_fwd, rn_group_blocks(t.R * t.K, lanes), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), t, lanes);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct ve t = ve_of(a);
    int lanes = rn_group_lanes(t.D);
    int64_t row = t.K * t.D, gates = t.K * t.G;
    float *part = t.dz + t.R * t.K;
    if (a->dx[3] && !(a->acc & 8))
        rn_clear(c, rn_dx_of(a, 3), t.V * row);
    if (a->dx[3])
        rn_scatter(c, (float *)a->dx[3], t.ids, t.R, t.V, row, t.dz + floats_of(t),
                   ve_table_term{t});
    RN_LAUNCH(ve_gate_bwd, rn_group_blocks(t.R * t.K, lanes), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), t, lanes);
    if (t.dxn.p)
        RN_LAUNCH(xn_bwd, rn_row_blocks(t.R), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
    if (a->dx[2]) {
        rn_column_parts(c, part, t.R, gates, ve_weight_term{t});
        rn_column_sums(c, (float *)a->dx[2], part, t.R, gates, 0, gates, a->acc & 4);
    }
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    struct ve t = ve_of(a);
    return a->bwd ? (size_t)floats_of(t) * sizeof(float) + rn_scatter_bytes(t.R) : 0;
}

const struct rn_cuda_kernel rn_cuda_ve_gate = {fwd, bwd, scratch_bytes};
