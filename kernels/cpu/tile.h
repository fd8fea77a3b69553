/* tile.h - products of small blocks that lie in cache, for kernels that work by tiles.
 *
 *     rn_tile_mad(S, 64, k, row, 1, QT, 64, 64, 64, D);             S(64,64) += k(64,D) QT(D,64)
 *     rn_tile_mad_words(S, 64, k, row, 1, QT, 64, 64, 64, D / 2);   the same of words (bf16_word.h)
 *
 * A block of C is kept in registers for all of K: rows of B are its lanes, elements of A are
 * broadcast. Each element of C is one sum in the order of k. One thread. */
#ifndef RN_TILE_H
#define RN_TILE_H

#include "bf16_word.h"

#if defined(__AVX512F__)
enum { RN_LANES = 16, RN_TILE_COLS = 4 };
#elif defined(__AVX2__)
enum { RN_LANES = 8, RN_TILE_COLS = 2 };
#else
enum { RN_LANES = 4, RN_TILE_COLS = 2 };
#endif
enum { RN_TILE_ROWS = 4 };

typedef float rn_lanes
    __attribute__((vector_size(RN_LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* The next multiple of RN_LANES: rows that are lanes are padded to it. */
static inline int64_t rn_lanes_up(int64_t n)
{
    return (n + RN_LANES - 1) / RN_LANES * RN_LANES;
}

typedef uint32_t rn_word_lanes __attribute__((vector_size(RN_LANES * sizeof(rn_word))));

/* A number of A or B: a float, or a word. */
typedef float rn_cell __attribute__((may_alias));

/* sum + a b; of words, both of their products. */
static inline __attribute__((always_inline)) rn_lanes rn_tile_term(const bool words, rn_lanes sum,
                                                                   const rn_cell *a, rn_lanes b)
{
    if (!words)
        return sum + *a * b;
    rn_word w;
    memcpy(&w, a, sizeof w);
#if defined(__AVX512BF16__)
    return (rn_lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)w),
                                      (__m512bh)b);
#else
    rn_word_lanes low = (rn_word_lanes)b << 16, high = (rn_word_lanes)b & 0xffff0000u;
    return sum + rn_from_bf16((uint16_t)w) * (rn_lanes)low +
           rn_from_bf16((uint16_t)(w >> 16)) * (rn_lanes)high;
#endif
}

/* rows x cols vectors of C; both are constants where this is inlined, as is words, so that C stays
 * in registers. */
static inline __attribute__((always_inline)) void
rn_tile_block(const bool words, const int rows, const int cols, float *C, int64_t ldc,
              const rn_cell *A, int64_t a_row, int64_t a_col, const rn_cell *B, int64_t ldb,
              int64_t K)
{
    rn_lanes sum[RN_TILE_ROWS][RN_TILE_COLS], b[RN_TILE_COLS];
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            sum[r][c] = *(const rn_lanes *)(C + r * ldc + c * RN_LANES);
    for (int64_t k = 0; k < K; k++) {
        for (int c = 0; c < cols; c++)
            b[c] = *(const rn_lanes *)(B + k * ldb + c * RN_LANES);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < cols; c++)
                sum[r][c] = rn_tile_term(words, sum[r][c], A + r * a_row + k * a_col, b[c]);
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            *(rn_lanes *)(C + r * ldc + c * RN_LANES) = sum[r][c];
}

static inline __attribute__((always_inline)) void
rn_tile_blocks(const bool words, float *C, int64_t ldc, const rn_cell *A, int64_t a_row,
               int64_t a_col, const rn_cell *B, int64_t ldb, int64_t M, int64_t N, int64_t K)
{
    enum { WIDE = RN_TILE_COLS * RN_LANES };
    for (int64_t n = 0; n < N;) {
        bool wide = n + WIDE <= N;
        int64_t m = 0;
        for (; m + RN_TILE_ROWS <= M; m += RN_TILE_ROWS) {
            float *c = C + m * ldc + n;
            const rn_cell *a = A + m * a_row;
            if (wide)
                rn_tile_block(words, RN_TILE_ROWS, RN_TILE_COLS, c, ldc, a, a_row, a_col, B + n,
                              ldb, K);
            else
                rn_tile_block(words, RN_TILE_ROWS, 1, c, ldc, a, a_row, a_col, B + n, ldb, K);
        }
        for (; m < M; m++) {
            float *c = C + m * ldc + n;
            const rn_cell *a = A + m * a_row;
            if (wide)
                rn_tile_block(words, 1, RN_TILE_COLS, c, ldc, a, a_row, a_col, B + n, ldb, K);
            else
                rn_tile_block(words, 1, 1, c, ldc, a, a_row, a_col, B + n, ldb, K);
        }
        n += wide ? WIDE : RN_LANES;
    }
}

/* C(M,N) += A(M,K) B(K,N); element (m,k) of A is A[m * a_row + k * a_col]. N is a multiple of
 * RN_LANES. */
static inline void rn_tile_mad(float *C, int64_t ldc, const float *A, int64_t a_row, int64_t a_col,
                               const float *B, int64_t ldb, int64_t M, int64_t N, int64_t K)
{
    rn_tile_blocks(false, C, ldc, A, a_row, a_col, B, ldb, M, N, K);
}

/* The same of words: K of them. */
static inline void rn_tile_mad_words(float *C, int64_t ldc, const rn_word *A, int64_t a_row,
                                     int64_t a_col, const rn_word *B, int64_t ldb, int64_t M,
                                     int64_t N, int64_t K)
{
    rn_tile_blocks(true, C, ldc, (const rn_cell *)A, a_row, a_col, (const rn_cell *)B, ldb, M, N,
                   K);
}

#endif
