/* columns.cuh - sums over rows, one for each column, in a fixed order.
 *
 *     struct term {                                              a plain struct, copied
 *         const float *x;
 *         __device__ float operator()(int64_t row, int64_t column) const { ... }
 *     };
 *     rn_column_parts(c, part, R, columns, term{x});             part: rn_column_floats(R, columns)
 *     rn_column_sums(c, dw, part, R, columns, 0, n, add);        dw[i] = or += sum of column i
 *
 * The rows are cut into pieces by their number alone; each piece has its own sums, which are added
 * in the order of the pieces. */
#ifndef RN_COLUMNS_CUH
#define RN_COLUMNS_CUH

#include "vec.cuh"

static inline int64_t rn_column_pieces(int64_t R)
{
    const int64_t rows_min = 32, most = 256;
    return R / rows_min < 1 ? 1 : R / rows_min > most ? most : R / rows_min;
}

static inline int64_t rn_column_floats(int64_t R, int64_t columns)
{
    return rn_column_pieces(R) * columns;
}

/* A thread for each column, a row of blocks for each piece. */
template <class Term>
static __global__ void rn_column_parts_kernel(float *part, int64_t R, int64_t columns, Term term)
{
    int64_t i = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x, p = blockIdx.y;
    if (i >= columns)
        return;
    float sum = 0;
    for (int64_t r = p * R / gridDim.y; r < (p + 1) * R / gridDim.y; r++)
        sum += term(r, i);
    part[p * columns + i] = sum;
}

template <class Term>
static void rn_column_parts(struct rn_cuda *c, float *part, int64_t R, int64_t columns, Term term)
{
    dim3 grid(rn_blocks(columns, RN_BLOCK_THREADS), (unsigned)rn_column_pieces(R));
    RN_LAUNCH(rn_column_parts_kernel<Term>, grid, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), part, R,
              columns, term);
}

static __global__ void rn_column_sums_kernel(float *to, const float *part, int64_t pieces,
                                             int64_t columns, int64_t n, bool add)
{
    int64_t i = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x;
    if (i >= n)
        return;
    float sum = 0;
    for (int64_t p = 0; p < pieces; p++)
        sum += part[p * columns + i];
    to[i] = add ? to[i] + sum : sum;
}

/* Of n columns from `first` on. */
static inline void rn_column_sums(struct rn_cuda *c, float *to, const float *part, int64_t R,
                                  int64_t columns, int64_t first, int64_t n, bool add)
{
    RN_LAUNCH(rn_column_sums_kernel, rn_blocks(n, RN_BLOCK_THREADS), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), to, part + first, rn_column_pieces(R), columns, n, add);
}

#endif
