/* Products by a processor's tiles (AMX): how operands are packed for them, how tiles are walked and
 * where sums go. The few instructions are done by a stand-in, by the processor's description, so
 * that this runs everywhere; that a processor agrees with it must be seen on one (test_gemm and
 * test_ops ask for it by name). Operands are small integers, so results must be equal. */
#if defined(__x86_64__)
#include <immintrin.h>
#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#endif

#include "mem.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* --- the stand-in: eight tiles of 16 rows of 16 words --- */

static struct {
    uint32_t of[8][16][16];
    bool shaped;
} tiles;

static void shape_tiles(const uint8_t shape[64])
{
    cr_assert_eq(shape[0], 1, "palette");
    for (int i = 0; i < 8; i++) {
        uint16_t row_bytes;
        memcpy(&row_bytes, shape + 16 + 2 * i, sizeof row_bytes);
        cr_assert(row_bytes == 64 && shape[48 + i] == 16, "tile %d", i);
    }
    memset(tiles.of, 0xff, sizeof tiles.of); /* not a number: what is not loaded shows */
    tiles.shaped = true;
}

static void release_tiles(void)
{
    cr_assert(tiles.shaped);
    tiles.shaped = false;
}

static void zero_tile(int t)
{
    cr_assert(tiles.shaped);
    memset(tiles.of[t], 0, sizeof tiles.of[t]);
}

static void load_tile(int t, const void *from, size_t row_bytes)
{
    cr_assert(tiles.shaped);
    for (size_t i = 0; i < 16; i++)
        memcpy(tiles.of[t][i], (const char *)from + i * row_bytes, sizeof tiles.of[t][i]);
}

static void store_tile(int t, void *to, size_t row_bytes)
{
    for (size_t i = 0; i < 16; i++)
        memcpy((char *)to + i * row_bytes, tiles.of[t][i], sizeof tiles.of[t][i]);
}

static float half(uint32_t word, int upper)
{
    uint32_t bits = upper ? word & 0xffff0000u : word << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void multiply_tiles(int c, int a, int b)
{
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            float sum;
            memcpy(&sum, &tiles.of[c][m][n], sizeof sum);
            for (int k = 0; k < 16; k++)
                for (int upper = 0; upper < 2; upper++)
                    sum += half(tiles.of[a][m][k], upper) * half(tiles.of[b][k][n], upper);
            memcpy(&tiles.of[c][m][n], &sum, sizeof sum);
        }
}

#define _tile_loadconfig(shape)   shape_tiles((const uint8_t *)(shape))
#define _tile_release()           release_tiles()
#define _tile_zero(t)             zero_tile(t)
#define _tile_loadd(t, from, row) load_tile(t, from, row)
#define _tile_stored(t, to, row)  store_tile(t, to, row)
#define _tile_dpbf16ps(c, a, b)   multiply_tiles(c, a, b)
#if !defined(__AMX_BF16__)
#define __AMX_BF16__ 1
#endif
#define RN_ISA stand_in
#include "cpu/gemm_cpu.c"

/* One thread, and no library for fp32. */
int omp_get_max_threads(void)
{
    return 1;
}

int omp_get_thread_num(void)
{
    return 0;
}

void rn_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
             int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)alpha, (void)a, (void)lda, (void)b;
    (void)ldb, (void)beta, (void)c, (void)ldc;
    cr_assert_fail("a product of bf16 asked for one of fp32");
}

/* --- the test --- */

static void *numbers(const char *name, int64_t n, uint8_t type)
{
    char *p = rn_xalloc((size_t)n * sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        float f = (float)rn_rand_below(rn_stream(5, name), (uint64_t)i, 7) - 3;
        if (type == RN_F32)
            ((float *)(void *)p)[i] = f;
        else
            ((uint16_t *)(void *)p)[i] = rn_to_bf16(f);
    }
    return p;
}

static float at(const struct rn_matrix *m, int64_t row, int64_t column)
{
    int64_t i = m->turned ? column * m->ld + row : row * m->ld + column;
    return m->type == RN_F32 ? ((const float *)m->p)[i] : rn_from_bf16(((const uint16_t *)m->p)[i]);
}

static struct rn_matrix matrix(const char *name, int64_t rows, int64_t columns, bool turned,
                               uint8_t type)
{
    return (struct rn_matrix){numbers(name, rows * columns, type), turned ? rows : columns, turned,
                              type};
}

static void check_product(const struct rn_product *p, const struct rn_matrix *before)
{
    for (int64_t m = 0; m < p->M; m++)
        for (int64_t n = 0; n < p->N; n++) {
            float want = (p->bias ? p->bias[n] : 0) + (p->add ? at(before, m, n) : 0);
            for (int64_t k = 0; k < p->K; k++)
                want += at(&p->a, m, k) * at(&p->b, k, n);
            cr_assert(at(&p->c, m, n) == want, "%d x %d x %d: (%d,%d) is %g, not %g", (int)p->M,
                      (int)p->N, (int)p->K, (int)m, (int)n, (double)at(&p->c, m, n), (double)want);
        }
}

static void try(int64_t M, int64_t N, int64_t K, unsigned kind)
{
    bool a_turned = kind & 1, b_turned = kind & 2, add = kind & 4;
    uint8_t type = kind & 8 ? RN_BF16 : RN_F32;
    struct rn_product p = {.M = M, .N = N, .K = K, .add = add};
    struct rn_matrix before = matrix("c", M, N, false, RN_F32);
    p.a = matrix("a", M, K, a_turned, type);
    p.b = matrix("b", K, N, b_turned, type);
    p.c = matrix("c", M, N, false, RN_F32);
    float *bias = numbers("bias", N, RN_F32);
    p.bias = add ? NULL : bias;
    void *scratch;
    size_t size_bytes = rn_product_scratch_bytes(&p, RN_BF16, 1);
    cr_assert_eq(posix_memalign(&scratch, 64, size_bytes), 0);
    memset(scratch, 0xff, size_bytes);
    rn_product_run(&p, RN_BF16, scratch);
    check_product(&p, &before);
    cr_expect_not(tiles.shaped, "tiles are given back");
    free(scratch), free(p.a.p), free(p.b.p), free(p.c.p), free(before.p), free(bias);
}

Test(gemm_tiles, all_layouts_on_both_sides_of_every_cut)
{
    static const int64_t shapes[][3] = {{1, 1, 1},    {32, 32, 32}, {33, 31, 33},
                                        {5, 70, 385}, {130, 65, 7}, {17, 520, 800}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (unsigned kind = 0; kind < 16; kind++)
            try(shapes[i][0], shapes[i][1], shapes[i][2], kind);
}

static void try_symmetric(int64_t n, int64_t k, bool turned)
{
    struct rn_product p = {.M = n, .N = n, .K = k, .symmetric = true};
    p.a = matrix("a", n, k, turned, RN_F32);
    p.b = p.a;
    p.b.turned = !turned;
    p.c = matrix("c", n, n, false, RN_F32);
    void *scratch;
    cr_assert_eq(posix_memalign(&scratch, 64, rn_product_scratch_bytes(&p, RN_BF16, 1)), 0);
    for (int64_t i = 0; i < n * n; i++)
        ((float *)p.c.p)[i] = NAN;
    rn_product_run(&p, RN_BF16, scratch);
    check_product(&p, NULL);
    free(scratch), free(p.a.p), free(p.c.p);
}

Test(gemm_tiles, of_a_matrix_and_its_transpose_half_is_copied)
{
    static const int64_t sides[] = {1, 31, 32, 33, 96, 130, 300};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (int turned = 0; turned < 2; turned++)
            try_symmetric(sides[i], 70, turned);
}

Test(gemm_tiles, squares_of_words_are_turned)
{
    rn_word in[20][20], out[20][20];
    for (rn_word i = 0; i < 400; i++)
        in[i / 20][i % 20] = i;
    for (int64_t rows = 1; rows <= RN_SQUARE; rows += 5)
        for (int64_t columns = 1; columns <= RN_SQUARE; columns += 5) {
            rn_words_turn(&out[0][0], 20, &in[0][0], 20, rows, columns);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < columns; c++)
                    cr_assert_eq(out[c][r], in[r][c]);
        }
}
