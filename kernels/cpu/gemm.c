/* Matrix products by OpenBLAS, one thread a tile. M and N are cut, K never is, by shape alone: so
 * each element of C is the same sum in the same order whatever the number of threads. */
#include "cpu.h"

#include <cblas.h>
#include <string.h>

enum { TILE_MIN = 128, TILE_MAX = 512, TILES_WANTED = 8 };

/* One row: OpenBLAS would pack all of B for it; this reads B once, at the speed of memory. */
static void row_times_matrix(bool tb, int64_t N, int64_t K, float alpha, const float *A,
                             const float *B, int64_t ldb, float beta, float *C)
{
    if (beta == 0)
        memset(C, 0, (size_t)N * sizeof *C);
    cblas_sgemv(CblasRowMajor, tb ? CblasNoTrans : CblasTrans, (int)(tb ? N : K), (int)(tb ? K : N),
                alpha, B, (int)ldb, A, 1, beta, C, 1);
}

void rn_gemm_one(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *A,
                 int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    if (M == 1 && !ta) {
        row_times_matrix(tb, N, K, alpha, A, B, ldb, beta, C);
        return;
    }
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                (int)M, (int)N, (int)K, alpha, A, (int)lda, B, (int)ldb, beta, C, (int)ldc);
}

/* Tile sides: the largest that still give TILES_WANTED tiles, then evened out. Smaller tiles cost:
 * OpenBLAS packs its operands anew for each (sides of 64, 128, 512: 75, 88, 98 % of the speed of
 * an uncut product). Products too small to share stay whole. */
static void choose_tile(int64_t M, int64_t N, int64_t K, int64_t *tm, int64_t *tn)
{
    *tm = *tn = TILE_MAX;
    if (M * N * K <= 64 * 64 * 64) {
        *tm = M, *tn = N;
        return;
    }
    while (rn_div_up(M, *tm) * rn_div_up(N, *tn) < TILES_WANTED) {
        int64_t *side = rn_min(*tm, M) >= rn_min(*tn, N) ? tm : tn;
        if (*side <= TILE_MIN)
            break;
        *side /= 2;
    }
    *tm = rn_div_up(rn_div_up(M, rn_div_up(M, *tm)), 16) * 16;
    *tn = rn_div_up(rn_div_up(N, rn_div_up(N, *tn)), 16) * 16;
}

void rn_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *A,
             int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    int64_t tm, tn;
    choose_tile(M, N, K, &tm, &tn);
    int64_t across = rn_div_up(N, tn), tiles = rn_div_up(M, tm) * across;
#pragma omp parallel for schedule(dynamic) if (tiles > 1)
    for (int64_t t = 0; t < tiles; t++) {
        int64_t m = t / across * tm, n = t % across * tn;
        rn_gemm_one(ta, tb, rn_min(tm, M - m), rn_min(tn, N - n), K, alpha, A + (ta ? m : m * lda),
                    lda, B + (tb ? n * ldb : n), ldb, beta, C + m * ldc + n, ldc);
    }
}
