/* New positions of rows whose earlier keys and values lie in a cache: a block for each query and
 * head, whose warps take the keys in turn; what they found is put together in their order. */
#include "vec.cuh"

enum { WARPS = RN_BLOCK_WARPS };

struct decode {
    struct rn_tensor q, k, v, y, kcache, vcache;
    const int32_t *span; /* (B,2): position of a row's first token, how many it has */
    int64_t B, T, H, K, D, S, Tmax, window;
    float scale;
};

static struct decode decode_of(const struct rn_args *a)
{
    const struct rn_shape *q = &a->xs[0], *cache = &a->xs[3];
    return {rn_x_of(a, 0),
            rn_x_of(a, 1),
            rn_x_of(a, 2),
            rn_y_of(a, 0),
            rn_x_of(a, 3),
            rn_x_of(a, 4),
            (const int32_t *)a->x[5],
            q->d[0],
            q->d[1],
            q->d[2],
            a->xs[1].d[2],
            q->d[3],
            cache->d[0],
            cache->d[1],
            a->attrs.i[0] < 0 ? cache->d[1] + q->d[1] : a->attrs.i[0],
            a->attrs.f[0]};
}

/* New keys and values to their positions in the cache; a warp for each token. */
static __global__ void decode_keep(struct decode t)
{
    int64_t r = rn_row(), b = r / t.T, i = r % t.T, row = t.K * t.D;
    if (r >= t.B * t.T)
        return;
    int64_t start = t.span[2 * b], n = t.span[2 * b + 1], to = (b * t.Tmax + start + i) * row;
    RN_KERNEL_ASSERT(start >= 0 && n >= 0 && n <= t.T && start + n <= t.Tmax);
    for (int64_t c = rn_lane() * RN_VEC; i < n && c < row; c += RN_WARP_SPAN) {
        float x[RN_VEC];
        rn_load(x, t.k, r * row + c, (r + 1) * row);
        rn_store(t.kcache, to + c, to + row, x);
        rn_load(x, t.v, r * row + c, (r + 1) * row);
        rn_store(t.vcache, to + c, to + row, x);
    }
}

struct query {                     /* what a block works on */
    int64_t b, i, h, start, n, at; /* at: of q[b, i, h] */
};

static __device__ struct query query_of(const struct decode &t)
{
    int64_t b = blockIdx.x / (unsigned)t.T, i = blockIdx.x % (unsigned)t.T, h = blockIdx.y;
    return {b, i, h, t.span[2 * b], t.span[2 * b + 1], ((b * t.T + i) * t.H + h) * t.D};
}

/* Of position j: where its key and value begin, and whether that is among the new ones, which a row
 * that keeps its own finds in the cache, too. */
static __device__ __forceinline__ int64_t key_at(const struct decode &t, const struct query &w,
                                                 int64_t j, bool *fresh)
{
    int64_t share = t.B / t.S, head = w.h / (t.H / t.K);
    *fresh = share > 1 && j >= w.start;
    int64_t position = *fresh ? w.b * t.T + j - w.start : w.b / share * t.Tmax + j;
    return (position * t.K + head) * t.D;
}

/* Scores and values of every WARPS-th key: this lane's channels of y, and the warp's largest score
 * and sum of exponentials below it. REGS: channels of a lane, 32 apart. */
template <int REGS> struct found {
    float y[REGS], largest, sum;
};

template <int REGS>
static __device__ struct found<REGS> look(const struct decode &t, const struct query &w) {
    struct found<REGS> f = {
        {}, -1e30f, 0
    };
    int64_t pos = w.start + w.i, lo = pos > t.window ? pos - t.window : 0;
    for (int64_t j = lo + threadIdx.x / RN_WARP; j <= pos; j += WARPS) {
        bool fresh;
        int64_t at = key_at(t, w, j, &fresh);
        float score = t.scale * rn_warp_dot(t.q, w.at, fresh ? t.k : t.kcache, at, t.D);
        float largest = fmaxf(f.largest, score);
        float shrink = expf(f.largest - largest), p = expf(score - largest);
#pragma unroll
        for (int n = 0; n < REGS; n++) {
            int64_t d = n * RN_WARP + rn_lane();
            float v = d < t.D ? rn_load_one(fresh ? t.v : t.vcache, at + d) : 0.0f;
            f.y[n] = f.y[n] * shrink + p * v;
        }
        f.sum = f.sum * shrink + p;
        f.largest = largest;
    }
    return f;
}

/* y of channel d from what all warps found. */
static __device__ float
together(const float *y, const float *largest, const float *sum, int64_t d, int64_t D)
{
    float most = largest[0], all = 0, share = 0;
    for (int i = 1; i < WARPS; i++)
        most = fmaxf(most, largest[i]);
    for (int i = 0; i < WARPS; i++) {
        float f = expf(largest[i] - most);
        all += f * y[i * D + d];
        share += f * sum[i];
    }
    return all / share;
}

template <int REGS> static __global__ void attention_decode(struct decode t)
{
    RN_SHARED_DYNAMIC(float, y); /* (WARPS,D) */
    RN_SHARED(float, largest, WARPS);
    RN_SHARED(float, sum, WARPS);
    struct query w = query_of(t);
    int warp = (int)threadIdx.x / RN_WARP;
    if (w.i >= w.n) { /* behind the row's tokens */
        for (int64_t d = threadIdx.x; d < t.D; d += RN_BLOCK_THREADS)
            rn_store_one(t.y, w.at + d, 0.0f);
        return;
    }
    struct found<REGS> f = look<REGS>(t, w);
#pragma unroll
    for (int n = 0; n < REGS; n++)
        if (n * RN_WARP + rn_lane() < t.D)
            y[warp * t.D + n * RN_WARP + rn_lane()] = f.y[n];
    largest[warp] = f.largest;
    sum[warp] = f.sum;
    __syncthreads();
    for (int64_t d = threadIdx.x; d < t.D; d += RN_BLOCK_THREADS)
        rn_store_one(t.y, w.at + d, together(y, largest, sum, d, t.D));
}

template <int REGS> static void launch(struct rn_cuda *c, const struct decode &t)
{
    dim3 grid(rn_blocks(t.B * t.T, 1), (unsigned)t.H);
    RN_LAUNCH(attention_decode<REGS>, grid, RN_BLOCK_THREADS, WARPS * (size_t)t.D * sizeof(float),
              rn_cuda_stream(c), t);
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct decode t = decode_of(a);
    if (t.S == t.B)
        RN_LAUNCH(decode_keep, rn_row_blocks(t.B * t.T), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
    if (t.D <= 2 * RN_WARP)
        launch<2>(c, t);
    else if (t.D <= 4 * RN_WARP)
        launch<4>(c, t);
    else
        launch<32>(c, t); /* op_attention_decode.c holds D to 1024 */
}

const struct rn_cuda_kernel rn_cuda_attention_decode = {fwd, NULL, NULL};
