#include "operand.h"

#include "columns.cuh"

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

/* --- sums of columns --- */

struct element {
    struct rn_tensor x;
    int64_t N;
    __device__ float operator()(int64_t row, int64_t column) const
    {
        return rn_load_one(x, row * N + column);
    }
};

size_t rn_cuda_column_sums_bytes(int64_t R, int64_t N)
{
    return (size_t)rn_column_floats(R, N) * sizeof(float);
}

void rn_cuda_column_sums(struct rn_cuda *c, float *sums, bool add, const void *x, uint8_t type,
                         int64_t R, int64_t N, float *scratch)
{
    rn_column_parts(c, scratch, R, N, element{{(void *)x, type}, N});
    rn_column_sums(c, sums, scratch, R, N, 0, N, add);
}
