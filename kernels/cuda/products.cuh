/* products.cuh - products of small matrices in a block's memory, by a warp each.
 *
 *     float c[N][4] = {};                          C(16, 8N), spread over the warp as in mma.cuh:
 *     rn_product_nt<N>(c, A, B, ld, ldb, K);       c[n] holds the columns 8n .. 8n+7
 *
 * Of bf16 (uint16_t) they use the matrix instructions; of float they are exact, for fp32. Rows
 * begin at multiples of 16 bytes; K is a multiple of 16. To keep lanes off each other's banks, rows
 * are longer than their contents by 16 bytes: rn_padded<T>(columns). All lanes call. */
#ifndef RN_PRODUCTS_CUH
#define RN_PRODUCTS_CUH

#include "vec.cuh"

typedef uint16_t rn_bf16;

template <class T> static __host__ __device__ constexpr int rn_padded(int columns)
{
    return columns + 16 / (int)sizeof(T);
}

/* --- bf16 --- */

/* Two blocks of eight columns of C. */
static __device__ __forceinline__ void rn_mma_two(float (*c)[4], const uint32_t a[4],
                                                  const uint32_t b[4])
{
    rn_mma(c[0], a, b);
    rn_mma(c[1], a, b + 2);
}

/* C += A B^T: A(16,K), B(8N,K). */
template <int N>
static __device__ __forceinline__ void rn_product_nt(float (*c)[4], const rn_bf16 *A,
                                                     const rn_bf16 *B, int lda, int ldb, int K)
{
    int lane = rn_lane();
    const rn_bf16 *row_a = A + lane % 16 * lda + lane / 16 * 8;
    const rn_bf16 *row_b = B + (lane / 16 * 8 + lane % 8) * ldb + lane / 8 % 2 * 8;
    for (int k = 0; k < K; k += 16) {
        uint32_t a[4], b[4];
        rn_ldmatrix(a, row_a + k);
#pragma unroll
        for (int n = 0; n < N; n += 2) {
            rn_ldmatrix(b, row_b + n * 8 * ldb + k);
            rn_mma_two(&c[n], a, b);
        }
    }
}

/* The columns of B(K,8N) from k on, times a. */
template <int N>
static __device__ __forceinline__ void rn_times_rows(float (*c)[4], const uint32_t a[4],
                                                     const rn_bf16 *B, int ldb, int k)
{
    const rn_bf16 *row_b = B + (k + rn_lane() % 16) * ldb + rn_lane() / 16 * 8;
    uint32_t b[4];
#pragma unroll
    for (int n = 0; n < N; n += 2) {
        rn_ldmatrix_t(b, row_b + n * 8);
        rn_mma_two(&c[n], a, b);
    }
}

/* C += A B: A(16,K), B(K,8N). */
template <int N>
static __device__ __forceinline__ void rn_product_nn(float (*c)[4], const rn_bf16 *A,
                                                     const rn_bf16 *B, int lda, int ldb, int K)
{
    int lane = rn_lane();
    for (int k = 0; k < K; k += 16) {
        uint32_t a[4];
        rn_ldmatrix(a, A + lane % 16 * lda + lane / 16 * 8 + k);
        rn_times_rows<N>(c, a, B, ldb, k);
    }
}

/* C += A^T B: A(K,16), B(K,8N). */
template <int N>
static __device__ __forceinline__ void rn_product_tn(float (*c)[4], const rn_bf16 *A,
                                                     const rn_bf16 *B, int lda, int ldb, int K)
{
    int lane = rn_lane();
    for (int k = 0; k < K; k += 16) {
        uint32_t a[4];
        rn_ldmatrix_t(a, A + (k + lane / 16 * 8 + lane % 8) * lda + lane / 8 % 2 * 8);
        rn_times_rows<N>(c, a, B, ldb, k);
    }
}

/* --- float: each lane computes what it holds of C --- */

/* c += x[k] * y[k] for four k, x and y of either of two rows. */
static __device__ __forceinline__ float rn_dot_four(float sum, float4 x, float4 y)
{
    return sum + x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w;
}

template <int N>
static __device__ __forceinline__ void rn_product_nt(float (*c)[4], const float *A, const float *B,
                                                     int lda, int ldb, int K)
{
    int g = rn_lane() / 4, t = rn_lane() % 4 * 2;
    for (int k = 0; k < K; k += 4) {
        float4 a0 = *(const float4 *)(A + g * lda + k);
        float4 a1 = *(const float4 *)(A + (g + 8) * lda + k);
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float4 b = *(const float4 *)(B + (n * 8 + t + e) * ldb + k);
                c[n][e] = rn_dot_four(c[n][e], a0, b);
                c[n][2 + e] = rn_dot_four(c[n][2 + e], a1, b);
            }
    }
}

/* C += a column of A times a row of B, of which a0 and a1 are this lane's rows. */
template <int N>
static __device__ __forceinline__ void rn_outer(float (*c)[4], float a0, float a1, const float *row)
{
#pragma unroll
    for (int n = 0; n < N; n++) {
        float2 b = *(const float2 *)(row + n * 8 + rn_lane() % 4 * 2);
        c[n][0] += a0 * b.x;
        c[n][1] += a0 * b.y;
        c[n][2] += a1 * b.x;
        c[n][3] += a1 * b.y;
    }
}

template <int N>
static __device__ __forceinline__ void rn_product_nn(float (*c)[4], const float *A, const float *B,
                                                     int lda, int ldb, int K)
{
    int g = rn_lane() / 4;
    for (int k = 0; k < K; k++)
        rn_outer<N>(c, A[g * lda + k], A[(g + 8) * lda + k], B + k * ldb);
}

template <int N>
static __device__ __forceinline__ void rn_product_tn(float (*c)[4], const float *A, const float *B,
                                                     int lda, int ldb, int K)
{
    int g = rn_lane() / 4;
    for (int k = 0; k < K; k++)
        rn_outer<N>(c, A[k * lda + g], A[k * lda + g + 8], B + k * ldb);
}

#endif
