/* What Muon does beside its products is bound by memory: each kernel goes over the matrix once. */
#include "muon_rows.h"

#include "columns.cuh"

/* A matrix of a batch: a row of blocks for each. */
struct mine {
    struct rn_muon_matrix m;
    struct rn_tensor X32, X;
    float *squares, *factor;
};

static __device__ __forceinline__ struct mine mine_of(const struct rn_muon &t)
{
    int64_t i = blockIdx.y, longer = t.N > t.K ? t.N : t.K;
    char *X = (char *)t.X + i * t.stride * (t.type == RN_F32 ? 4 : 2);
    return {t.of[i],
            {t.X32 + i * t.stride, RN_F32},
            {X, t.type},
            t.squares + i * longer,
            t.factor + i * longer};
}

/* buf = lerp(buf, g, 1 - momentum); X = lerp(g, buf, momentum): Nesterov's look ahead. */
static __global__ void momentum(const RN_GRID_CONSTANT struct rn_muon t)
{
    int64_t at = rn_vec_at(), n = t.N * t.K;
    if (at >= n)
        return;
    struct mine m = mine_of(t);
    struct rn_tensor of_buf = {m.m.buf, RN_F32}, of_g = {(void *)m.m.g, RN_F32};
    float b[RN_VEC], g[RN_VEC], coef = t.coef ? *t.coef : 1.0f, keep = m.m.hyper[1];
    rn_load(b, of_buf, at, n);
    rn_load(g, of_g, at, n);
    for (int i = 0; i < RN_VEC; i++) {
        g[i] *= coef;
        b[i] += (1.0f - keep) * (g[i] - b[i]);
        g[i] = b[i] - (b[i] - g[i]) * (1.0f - keep);
    }
    rn_store(of_buf, at, n, b);
    rn_store(m.X32, at, n, g);
}

/* --- sums of squares --- */

/* A warp for each row. */
static __global__ void row_squares(const RN_GRID_CONSTANT struct rn_muon t)
{
    int64_t r = rn_row();
    if (r >= t.N)
        return;
    struct mine m = mine_of(t);
    float x[RN_VEC], sum = 0;
    for (int64_t c = rn_lane() * RN_VEC; c < t.K; c += RN_WARP_SPAN) {
        rn_load(x, m.X32, r * t.K + c, (r + 1) * t.K);
        for (int i = 0; i < RN_VEC; i++)
            sum += x[i] * x[i];
    }
    sum = rn_warp_sum(sum);
    if (rn_lane() == 0)
        m.squares[r] = sum;
}

/* The columns of all matrices, one behind the other. */
struct square {
    const float *x;
    int64_t K, stride;
    __device__ float operator()(int64_t row, int64_t column) const
    {
        float value = x[column / K * stride + row * K + column % K];
        return value * value;
    }
};

int64_t rn_cuda_muon_part_floats(int n, int64_t N, int64_t K)
{
    return rn_column_floats(N, n * K);
}

/* --- factors: one block each, for there are few rows and columns --- */

/* Of RN_BLOCK_THREADS numbers, in their order; every thread gets it. */
static __device__ __forceinline__ double sum_of_block(double own)
{
    RN_SHARED(double, part, RN_BLOCK_THREADS);
    __syncthreads(); /* an earlier sum has been read */
    part[threadIdx.x] = own;
    __syncthreads();
    double sum = 0;
    for (int i = 0; i < RN_BLOCK_THREADS; i++)
        sum += part[i];
    return sum;
}

static __device__ __forceinline__ double sum_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += RN_BLOCK_THREADS)
        sum += (double)x[i];
    return sum_of_block(sum);
}

/* 2025: over the Frobenius norm. 2026: rows of the root mean square length of all, over the norm
 * that this gives. */
static __global__ void factors_before(const RN_GRID_CONSTANT struct rn_muon t)
{
    struct mine m = mine_of(t);
    double all = sum_of(m.squares, t.N), length = sqrt(all / (double)t.N), even = 0;
    for (int64_t r = threadIdx.x; r < t.N; r += RN_BLOCK_THREADS) {
        double to_even = t.is_2026 ? length / fmax(sqrt((double)m.squares[r]), 1e-6) : 1.0;
        m.factor[r] = (float)to_even;
        even += (double)m.squares[r] * to_even * to_even;
    }
    even = sum_of_block(even);
    double norm = t.is_2026 ? sqrt(even) * 1.01 + 1e-6 : sqrt(all) + 1e-7;
    for (int64_t r = threadIdx.x; r < t.N; r += RN_BLOCK_THREADS)
        m.factor[r] = (float)((double)m.factor[r] / norm);
}

/* Muon+ restores the norm that the products should have given; NorMuon divides rows (columns if
 * wide) by their running root mean square, then restores the norm once more. */
static __global__ void factors_after(const RN_GRID_CONSTANT struct rn_muon t)
{
    struct mine m = mine_of(t);
    int64_t n = t.N >= t.K ? t.N : t.K, other = t.N >= t.K ? t.K : t.N;
    double all = sum_of(m.squares, n), before = 0, after = 0;
    double k = sqrt((double)other) / fmax(sqrt(all), 1e-10);
    for (int64_t i = threadIdx.x; i < n; i += RN_BLOCK_THREADS) {
        float mean = (float)((double)m.squares[i] * k * k / (double)other);
        m.m.buf2[i] += (1.0f - m.m.hyper[3]) * (mean - m.m.buf2[i]);
        float f = 1.0f / sqrtf(fmaxf(m.m.buf2[i], 1e-10f));
        m.factor[i] = f;
        before += (double)mean;
        after += (double)mean * (double)f * (double)f;
    }
    before = sum_of_block(before) * (double)other;
    after = sum_of_block(after) * (double)other;
    k *= sqrt(before) / fmax(sqrt(after), 1e-10);
    for (int64_t i = threadIdx.x; i < n; i += RN_BLOCK_THREADS)
        m.factor[i] = (float)((double)m.factor[i] * k);
}

/* --- over the matrix --- */

/* X = X32, rows times their factors. A warp for each row. */
static __global__ void scale_rows(const RN_GRID_CONSTANT struct rn_muon t)
{
    int64_t r = rn_row();
    if (r >= t.N)
        return;
    struct mine m = mine_of(t);
    float x[RN_VEC], f = m.factor[r];
    for (int64_t c = rn_lane() * RN_VEC; c < t.K; c += RN_WARP_SPAN) {
        rn_load(x, m.X32, r * t.K + c, (r + 1) * t.K);
        for (int i = 0; i < RN_VEC; i++)
            x[i] *= f;
        rn_store(m.X, r * t.K + c, (r + 1) * t.K, x);
    }
}

/* lr grows with how tall a matrix is. */
static __device__ __forceinline__ float lr_of(const struct rn_muon &t, const struct mine &m)
{
    return m.m.hyper[0] * (t.N > t.K ? sqrtf((float)t.N / (float)t.K) : 1.0f);
}

/* 2026: decay only where it agrees with the update. A warp for each row. */
static __global__ void update(const RN_GRID_CONSTANT struct rn_muon t)
{
    int64_t r = rn_row();
    if (r >= t.N)
        return;
    struct mine m = mine_of(t);
    struct rn_tensor W = {m.m.w, RN_F32};
    float x[RN_VEC], w[RN_VEC], lr = lr_of(t, m);
    for (int64_t c = rn_lane() * RN_VEC; c < t.K; c += RN_WARP_SPAN) {
        rn_load(x, m.X32, r * t.K + c, (r + 1) * t.K);
        rn_load(w, W, r * t.K + c, (r + 1) * t.K);
        for (int i = 0; i < RN_VEC && t.is_2026 && c + i < t.K; i++) {
            x[i] *= m.factor[t.N >= t.K ? r : c + i];
            x[i] += x[i] * w[i] >= 0 ? m.m.hyper[2] * w[i] : 0.0f;
        }
        for (int i = 0; i < RN_VEC; i++)
            w[i] -= lr * x[i];
        rn_store(W, r * t.K + c, (r + 1) * t.K, w);
    }
}

static __global__ void round_square(struct rn_tensor to, const float *from, int64_t s,
                                    int64_t stride, float a)
{
    int64_t at = rn_vec_at(), n = s * s, first = blockIdx.y * stride;
    if (at >= n)
        return;
    struct rn_tensor t = {(void *)from, RN_F32};
    float x[RN_VEC];
    rn_load(x, t, first + at, first + n);
    for (int i = 0; i < RN_VEC; i++)
        x[i] += (at + i) % (s + 1) == 0 ? a : 0.0f;
    rn_store(to, first + at, first + n, x);
}

/* --- together --- */

static dim3 of_all(const struct rn_muon *m, unsigned blocks)
{
    return dim3(blocks, (unsigned)m->n);
}

void rn_cuda_muon_round(struct rn_cuda *c, const struct rn_muon *m, void *to, const float *from,
                        int64_t s, float a)
{
    struct rn_tensor t = {to, m->type};
    RN_LAUNCH(round_square, of_all(m, rn_vec_blocks(s * s)), RN_BLOCK_THREADS, 0, rn_cuda_stream(c),
              t, from, s, m->square_stride, a);
}

void rn_cuda_muon_before(struct rn_cuda *c, const struct rn_muon *m)
{
    cudaStream_t s = rn_cuda_stream(c);
    dim3 rows = of_all(m, rn_row_blocks(m->N));
    RN_LAUNCH(momentum, of_all(m, rn_vec_blocks(m->N * m->K)), RN_BLOCK_THREADS, 0, s, *m);
    RN_LAUNCH(row_squares, rows, RN_BLOCK_THREADS, 0, s, *m);
    RN_LAUNCH(factors_before, of_all(m, 1), RN_BLOCK_THREADS, 0, s, *m);
    RN_LAUNCH(scale_rows, rows, RN_BLOCK_THREADS, 0, s, *m);
}

static void find_squares(struct rn_cuda *c, const struct rn_muon *m)
{
    int64_t columns = m->n * m->K;
    if (m->N >= m->K) {
        RN_LAUNCH(row_squares, of_all(m, rn_row_blocks(m->N)), RN_BLOCK_THREADS, 0,
                  rn_cuda_stream(c), *m);
        return;
    }
    rn_column_parts(c, m->part, m->N, columns, square{m->X32, m->K, m->stride});
    rn_column_sums(c, m->squares, m->part, m->N, columns, 0, columns, false);
}

void rn_cuda_muon_after(struct rn_cuda *c, const struct rn_muon *m)
{
    cudaStream_t s = rn_cuda_stream(c);
    if (m->is_2026) {
        find_squares(c, m);
        RN_LAUNCH(factors_after, of_all(m, 1), RN_BLOCK_THREADS, 0, s, *m);
    }
    RN_LAUNCH(update, of_all(m, rn_row_blocks(m->N)), RN_BLOCK_THREADS, 0, s, *m);
}
