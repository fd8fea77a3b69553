#include "operand.h"

#include "vec.cuh"

static __global__ void convert(struct rn_tensor to, struct rn_tensor from, int64_t n)
{
    float x[RN_VEC];
    int64_t at = rn_vec_at();
    if (at >= n)
        return;
    rn_load(x, from, at, n);
    rn_store(to, at, n, x);
}

void rn_cuda_convert(struct rn_cuda *c, void *to, uint8_t to_type, const void *from,
                     uint8_t from_type, int64_t n)
{
    struct rn_tensor t = {to, to_type}, f = {(void *)from, from_type};
    RN_LAUNCH(convert, rn_vec_blocks(n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t, f, n);
}

static bool must_round(enum rn_dtype compute, uint8_t type)
{
    return compute == RN_BF16 && type == RN_F32;
}

size_t rn_cuda_operand_bytes(enum rn_dtype compute, uint8_t type, int64_t n)
{
    size_t bytes = must_round(compute, type) ? (size_t)n * sizeof(uint16_t) : 0;
    return (bytes + RN_ALIGN - 1) / RN_ALIGN * RN_ALIGN;
}

struct rn_cuda_matrix rn_cuda_operand(struct rn_cuda *c, enum rn_dtype compute, const void *x,
                                      uint8_t type, int64_t n, void **at)
{
    struct rn_cuda_matrix m = {};
    m.p = (void *)x;
    m.type = type;
    if (!must_round(compute, type))
        return m;
    rn_cuda_convert(c, *at, RN_BF16, x, type, n);
    m.p = *at;
    m.type = RN_BF16;
    *at = (char *)*at + rn_cuda_operand_bytes(compute, type, n);
    return m;
}

/* --- sums of columns: of pieces of the rows first, then of these in their order --- */

enum { ROWS_OF_PIECE = 64, PIECES_MAX = 256 };

struct columns {
    struct rn_tensor x;
    float *part, *sums;
    int64_t R, N, pieces;
    bool add;
};

static int64_t pieces_of(int64_t R)
{
    int64_t n = rn_div_up(R, ROWS_OF_PIECE);
    return n < PIECES_MAX ? n : (int64_t)PIECES_MAX;
}

/* A thread for each column, a row of blocks for each piece. */
static __global__ void sum_pieces(struct columns t)
{
    int64_t c = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x, p = blockIdx.y;
    if (c >= t.N)
        return;
    float sum = 0;
    for (int64_t r = p * t.R / t.pieces; r < (p + 1) * t.R / t.pieces; r++)
        sum += rn_load_one(t.x, r * t.N + c);
    t.part[p * t.N + c] = sum;
}

static __global__ void add_pieces(struct columns t)
{
    int64_t c = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x;
    if (c >= t.N)
        return;
    float sum = 0;
    for (int64_t p = 0; p < t.pieces; p++)
        sum += t.part[p * t.N + c];
    t.sums[c] = t.add ? t.sums[c] + sum : sum;
}

size_t rn_cuda_column_sums_bytes(int64_t R, int64_t N)
{
    return (size_t)(pieces_of(R) * N) * sizeof(float);
}

void rn_cuda_column_sums(struct rn_cuda *c, float *sums, bool add, const void *x, uint8_t type,
                         int64_t R, int64_t N, float *scratch)
{
    struct columns t = {{(void *)x, type}, scratch, sums, R, N, pieces_of(R), add};
    dim3 blocks(rn_blocks(N, RN_BLOCK_THREADS), (unsigned)t.pieces);
    RN_LAUNCH(sum_pieces, blocks, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
    RN_LAUNCH(add_pieces, blocks.x, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}
