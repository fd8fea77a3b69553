/* The matrix instructions of mma.cuh, as operations of a warp that the last lane to come does. */
#include "cuda_emu.h"

namespace emu
{
namespace
{

float from_bf16(uint32_t h)
{
    uint32_t bits = h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

struct load {
    uint32_t *r;
    const uint16_t *row;
    bool transposed;
};

/* Element (i, k) of matrix m: lane 8m + i brought its row i. */
uint32_t element(void *of[32], int m, int i, int k)
{
    return ((struct load *)of[8 * m + i])->row[k];
}

void load_all(void *of[32])
{
    for (int lane = 0; lane < 32; lane++)
        for (int m = 0; m < 4; m++) {
            auto *own = (struct load *)of[lane];
            int g = lane / 4, t = 2 * (lane % 4);
            own->r[m] = own->transposed ? element(of, m, t, g) | element(of, m, t + 1, g) << 16
                                        : element(of, m, g, t) | element(of, m, g, t + 1) << 16;
        }
}

struct product {
    float *c;
    const uint32_t *a, *b;
};

void gather(float A[16][16], float B[16][8], void *of[32])
{
    for (int lane = 0; lane < 32; lane++) {
        auto *own = (struct product *)of[lane];
        int g = lane / 4, t = 2 * (lane % 4);
        for (int half = 0; half < 2; half++) {
            int shift = 16 * half;
            for (int i = 0; i < 4; i++)
                A[g + i % 2 * 8][t + i / 2 * 8 + half] = from_bf16(own->a[i] >> shift & 0xffff);
            for (int i = 0; i < 2; i++)
                B[t + i * 8 + half][g] = from_bf16(own->b[i] >> shift & 0xffff);
        }
    }
}

void multiply_all(void *of[32])
{
    float A[16][16], B[16][8], C[16][8];
    gather(A, B, of);
    auto each = [&](auto what) {
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++)
                what(((struct product *)of[lane])->c[i],
                     C[lane / 4 + i / 2 * 8][2 * (lane % 4) + i % 2]);
    };
    each([](float c, float &whole) { whole = c; });
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++)
            for (int n = 0; n < 8; n++)
                C[i][n] += A[i][k] * B[k][n];
    each([](float &c, float whole) { c = whole; });
}

} /* namespace */

void load_matrices(uint32_t r[4], const uint16_t *row, bool transposed, struct site at)
{
    if ((uintptr_t)row % 16 != 0)
        broken("a row of a matrix begins at a multiple of 16 bytes", at);
    struct load own = {r, row, transposed};
    collective(0xffffffffu, at, &own, load_all);
}

void multiply_matrices(float c[4], const uint32_t a[4], const uint32_t b[2], struct site at)
{
    struct product own = {c, a, b};
    collective(0xffffffffu, at, &own, multiply_all);
}

} /* namespace emu */
