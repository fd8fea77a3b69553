/* A warp for each new position. The unsmeared x of every earlier position is in the cache; new ones
 * go behind them, where no warp of the same launch reads. */
#include "vec.cuh"

struct decode {
    struct rn_tensor x, w, y, cache; /* cache(S,Tmax,C) */
    const float *lambda;
    const int32_t *span; /* (B,2): position of a row's first token, how many it has */
    int64_t B, T, C, G, S, Tmax;
};

static __global__ void smear_decode(struct decode t)
{
    int64_t r = rn_row(), b = r / t.T, i = r % t.T;
    if (r >= t.B * t.T)
        return;
    int64_t start = t.span[2 * b], n = t.span[2 * b + 1], pos = start + i;
    RN_KERNEL_ASSERT(start >= 0 && n >= 0 && n <= t.T && start + n <= t.Tmax);
    int64_t row = b / (t.B / t.S) * t.Tmax * t.C;
    bool keep = t.S == t.B && i < n, first = pos == 0;
    float z = rn_warp_dot(t.w, 0, t.x, r * t.C, t.G), k = *t.lambda * rn_sigmoid(z);
    struct rn_tensor earlier = {i > 0 ? t.x.p : t.cache.p, RN_F32};
    int64_t from = i > 0 ? (r - 1) * t.C : row + (pos - 1) * t.C;
    for (int64_t c = rn_lane() * RN_VEC; c < t.C; c += RN_WARP_SPAN) {
        float x[RN_VEC], y[RN_VEC], before[RN_VEC] = {0};
        rn_load(x, t.x, r * t.C + c, (r + 1) * t.C);
        if (!first)
            rn_load(before, earlier, from + c, from + t.C);
        for (int e = 0; e < RN_VEC; e++)
            y[e] = first ? x[e] : x[e] + k * before[e];
        rn_store(t.y, r * t.C + c, (r + 1) * t.C, y);
        if (keep)
            rn_store(t.cache, row + pos * t.C + c, row + (pos + 1) * t.C, x);
    }
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    const struct rn_shape *x = &a->xs[0];
    struct decode t = {rn_x_of(a, 0),
                       rn_x_of(a, 1),
                       rn_y_of(a, 0),
                       rn_x_of(a, 3),
                       (const float *)a->x[2],
                       (const int32_t *)a->x[4],
                       x->d[0],
                       x->d[1],
                       x->d[2],
                       rn_cols(a->xs[1]),
                       a->xs[3].d[0],
                       a->xs[3].d[1]};
    RN_LAUNCH(smear_decode, rn_row_blocks(t.B * t.T), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

const struct rn_cuda_kernel rn_cuda_smear_decode = {fwd, NULL, NULL};
