/* Causal attention in tiles, as FlashAttention-2: no scores in memory. In bf16 by the matrix
 * instructions, in fp32 exactly and slowly. */
#include "attention_bwd.cuh"
#include "attention_fwd.cuh"

static struct rn_att att_of(const struct rn_args *a, int DP)
{
    const struct rn_shape *q = &a->xs[0];
    int64_t T = q->d[1], H = q->d[2], K = a->xs[1].d[2], D = q->d[3];
    struct rn_att t = {};
    t.q = {rn_x_of(a, 0), H};
    t.k = {rn_x_of(a, 1), K};
    t.v = {rn_x_of(a, 2), K};
    t.y = {rn_y_of(a, 0), H};
    t.dy = {rn_dy_of(a, 0), H};
    t.dq = {rn_dx_of(a, 0), H};
    t.dk = {rn_dx_of(a, 1), K};
    t.dv = {rn_dx_of(a, 2), K};
    t.lse = (float *)a->y[1];
    t.mean = (float *)a->scratch;
    t.B = q->d[0], t.T = T, t.H = H, t.K = K, t.D = D;
    t.window = a->attrs.i[0] < 0 ? T : a->attrs.i[0];
    t.slices = (int)rn_div_up(D, DP);
    t.scale = a->attrs.f[0];
    t.scale2 = t.scale * RN_LOG2E;
    t.acc = a->acc;
    return t;
}

/* A grid is as deep as a batch has slices, up to a bound: then comes another. */
static void launch(struct rn_cuda *c, void (*kernel)(struct rn_att), struct rn_att t, int64_t heads,
                   int threads, size_t shared_bytes)
{
    const int64_t deep = 256, all = t.B * t.slices;
    if (!rn_allow_shared(c, (const void *)kernel, shared_bytes))
        return;
    for (t.first = 0; t.first < all; t.first += deep) {
        int64_t now = all - t.first < deep ? all - t.first : deep;
        RN_LAUNCH(kernel, dim3(rn_blocks(t.T, RN_TILE), (unsigned)heads, (unsigned)now), threads,
                  shared_bytes, rn_cuda_stream(c), t);
    }
}

template <class T, int DP> static void run_fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct rn_att t = att_of(a, DP);
    launch(c, rn_attention_fwd<T, DP>, t, t.H, RN_FWD_THREADS, sizeof(struct rn_fwd_tiles<T, DP>));
}

template <class T, int DP> static void run_bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct rn_att t = att_of(a, DP);
    size_t shared_bytes = sizeof(struct rn_bwd_tiles<T, DP>);
    int lanes = rn_group_lanes(t.D);
    RN_LAUNCH(rn_attention_means, rn_group_blocks(t.B * t.T * t.H, lanes), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), t, lanes);
    if (t.dq.x.p)
        launch(c, rn_attention_dq<T, DP>, t, t.H, RN_BWD_THREADS, shared_bytes);
    if (t.dk.x.p || t.dv.x.p)
        launch(c, rn_attention_dkv<T, DP>, t, t.K, RN_BWD_THREADS, shared_bytes);
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    if (a->compute == RN_F32)
        run_fwd<float, 64>(c, a);
    else if (a->xs[0].d[3] <= 64)
        run_fwd<rn_bf16, 64>(c, a);
    else
        run_fwd<rn_bf16, 128>(c, a);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    if (a->compute == RN_F32)
        run_bwd<float, 64>(c, a);
    else if (a->xs[0].d[3] <= 64)
        run_bwd<rn_bf16, 64>(c, a);
    else
        run_bwd<rn_bf16, 128>(c, a);
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    return a->bwd ? (size_t)rn_elems(a->ys[1]) * sizeof(float) : 0;
}

const struct rn_cuda_kernel rn_cuda_attention = {fwd, bwd, scratch_bytes};
