#include "quantize.h"

#include "vec.cuh"

#include <cuda_fp8.h>

/* A block turns a square of codes by way of its memory; a row of it is padded by a word, so that
 * columns are not all in one bank. */
enum { SIDE = 64, PITCH = SIDE + 4, LINE = 16, LINES = SIDE / LINE };

/* To the nearest, ties to even; what is too large to the largest. An infinity is no large value but
 * a mistake: NaN, for it to be noticed. */
static __device__ __forceinline__ uint8_t to_code(float x, float scale, uint8_t code)
{
    if (!(fabsf(x) <= FLT_MAX))
        return 0x7f;
    return __nv_cvt_float_to_fp8(x * scale, __NV_SATFINITE,
                                 code == RN_E4M3 ? __NV_E4M3 : __NV_E5M2);
}

/* Bits of a magnitude are in the order of magnitudes, NaN above all: whole numbers, whose largest
 * is the same in any order. */
static __device__ __forceinline__ unsigned magnitude(float x)
{
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}

static __device__ __forceinline__ unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* Of a block, all of whose threads call it. */
static __device__ __forceinline__ void note_largest(float *now, unsigned own)
{
    for (int step = RN_WARP / 2; step > 0; step /= 2)
        own = larger(own, __shfl_xor_sync(0xffffffffu, own, step));
    if (rn_lane() == 0 && own > 0)
        atomicMax((unsigned *)now, own);
}

/* Before a tensor is scaled by itself. Otherwise there is nothing to do: its history is known. */
static __global__ void find_largest(struct rn_quantizing q)
{
    if (!q.current && q.row[RN_AMAX_KNOWN] != 0)
        return;
    struct rn_tensor t = {(void *)q.x, q.x_type};
    int64_t n = q.R * q.K;
    unsigned most = 0;
    float x[RN_VEC];
    for (int64_t at = rn_vec_at(); at < n; at += (int64_t)gridDim.x * RN_BLOCK_THREADS * RN_VEC) {
        rn_load(x, t, at, n);
        for (int i = 0; i < RN_VEC; i++)
            most = larger(most, magnitude(x[i]));
    }
    note_largest(&q.row[RN_AMAX_NOW], most);
}

struct corner { /* of a block's square, in x; squares of the same rows follow each other */
    int64_t row, col;
};

static __device__ __forceinline__ struct corner corner_of(const struct rn_quantizing &q)
{
    unsigned across = (unsigned)((q.K + SIDE - 1) / SIDE);
    return {(int64_t)(blockIdx.x / across) * SIDE, (int64_t)(blockIdx.x % across) * SIDE};
}

struct line {         /* of a square: LINE elements of a row, which a thread handles */
    int64_t row, col; /* in x */
    int r, c;         /* in the square */
    bool exists;
};

static __device__ __forceinline__ struct line line_of(const struct rn_quantizing &q)
{
    struct corner at = corner_of(q);
    struct line l;
    l.r = (int)threadIdx.x / LINES;
    l.c = (int)threadIdx.x % LINES * LINE;
    l.row = at.row + l.r;
    l.col = at.col + l.c;
    l.exists = l.row < q.R && l.col < q.K;
    return l;
}

struct codes { /* of a line, four to a word */
    uint32_t word[LINE / 4];
};

static __device__ __forceinline__ void put_code(struct codes *c, int i, uint8_t code)
{
    c->word[i / 4] |= (uint32_t)code << i % 4 * 8;
}

static __device__ __forceinline__ void store(uint8_t *to, const struct codes &c)
{
    *(uint4 *)to = make_uint4(c.word[0], c.word[1], c.word[2], c.word[3]);
}

/* Returns the largest magnitude among them. */
static __device__ __forceinline__ unsigned encode(struct codes *out, const struct rn_quantizing &q,
                                                  const struct line &l, float scale)
{
    struct rn_tensor t = {(void *)q.x, q.x_type};
    float x[RN_VEC];
    unsigned most = 0;
#pragma unroll
    for (int half = 0; half < LINE; half += RN_VEC) {
        rn_load(x, t, l.row * q.K + l.col + half, (l.row + 1) * q.K);
#pragma unroll
        for (int i = 0; i < RN_VEC; i++) {
            most = larger(most, magnitude(x[i]));
            put_code(out, half + i, to_code(x[i], scale, q.code));
        }
    }
    return most;
}

/* A line of the turned square: a column of the square that was filled. */
static __device__ __forceinline__ void store_turned(const struct rn_quantizing &q,
                                                    const uint32_t *square)
{
    int c = (int)threadIdx.x / LINES, r = (int)threadIdx.x % LINES * LINE;
    struct corner at = corner_of(q);
    int64_t col = at.col + c, row = at.row + r;
    struct codes out = {};
    if (col >= q.K || row >= q.R)
        return;
#pragma unroll
    for (int i = 0; i < LINE; i++)
        put_code(&out, i, ((const uint8_t *)square)[(r + i) * PITCH + c]);
    store(q.turned + col * q.R + row, out);
}

static __global__ void quantize(struct rn_quantizing q)
{
    RN_SHARED(uint32_t, square, SIDE * PITCH / 4);
    float scale = rn_fp8_scale(rn_fp8_largest(q.row, q.current), q.code, q.headroom);
    struct line l = line_of(q);
    unsigned most = 0;
    if (l.exists) {
        struct codes own = {};
        most = encode(&own, q, l, scale);
        store(q.codes + l.row * q.K + l.col, own);
        for (int i = 0; i < LINE / 4; i++)
            square[(l.r * PITCH + l.c) / 4 + i] = own.word[i];
    }
    __syncthreads();
    store_turned(q, square);
    note_largest(&q.row[RN_AMAX_NOW], most);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        q.row[RN_AMAX_STEP] = 1 / scale;
        q.row[RN_AMAX_LIMIT] = rn_fp8_limit(scale, q.code);
    }
}

void rn_cuda_encode(struct rn_cuda *c, const struct rn_quantizing *q)
{
    cudaStream_t s = rn_cuda_stream(c);
    unsigned squares = rn_blocks(rn_div_up(q->K, SIDE) * rn_div_up(q->R, SIDE), 1);
    RN_LAUNCH(find_largest, rn_part_blocks(q->R * q->K), RN_BLOCK_THREADS, 0, s, *q);
    RN_LAUNCH(quantize, squares, RN_BLOCK_THREADS, 0, s, *q);
}

static __global__ void decode(struct rn_tensor to, const uint8_t *codes, uint8_t type,
                              const float *step, int64_t n)
{
    int64_t at = rn_vec_at();
    if (at >= n)
        return;
    float x[RN_VEC];
    for (int i = 0; i < RN_VEC; i++) {
        __half_raw half = __nv_cvt_fp8_to_halfraw(codes[at + i < n ? at + i : n - 1],
                                                  type == RN_E4M3 ? __NV_E4M3 : __NV_E5M2);
        x[i] = __half2float(half) * *step;
    }
    rn_store(to, at, n, x);
}

void rn_cuda_decode(struct rn_cuda *c, uint16_t *to, const uint8_t *codes, uint8_t type,
                    const float *step, int64_t n)
{
    struct rn_tensor t = {to, RN_BF16};
    RN_LAUNCH(decode, rn_vec_blocks(n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t, codes, type,
              step, n);
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct rn_quantizing q = rn_quantizing_x(a);
    rn_cuda_encode(c, &q);
}

const struct rn_cuda_kernel rn_cuda_quantize = {fwd, NULL, NULL};
