/* bf16_word.h - a word is two bf16 numbers that follow each other along the dimension
 * that a product sums over, the earlier one in the lower half. The processor's instruction takes a
 * word of each operand and adds both products to a float, lane by lane.
 *
 *     rn_words_along(out, x, type, at, n);          of n neighbours: (n + 1) / 2 words
 *     rn_words_down(out, x, type, at, ld, n);       of n elements and the n one row below: n words
 *     rn_words_turn(out, ld, in, ld, rows, columns);
 *
 * Elements are fp32 (rounded) or bf16. An odd number of them leaves an upper half zero. */
#ifndef RN_BF16_WORD_H
#define RN_BF16_WORD_H

#include "bf16.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

typedef uint32_t rn_word;

enum { RN_NO_ROW = -1 }; /* as ld: there is no row below */

static inline int64_t rn_word_count(int64_t n)
{
    return (n + 1) / 2;
}

static inline rn_word rn_word_half(const void *x, uint8_t type, int64_t i)
{
    return type == RN_F32 ? rn_to_bf16(((const float *)x)[i]) : ((const uint16_t *)x)[i];
}

#if defined(__AVX512BF16__)
/* The processor's own rounding: as rn_to_bf16, but numbers below 2^-126 become zero. */
static inline __m512i rn_halves_16(const void *x, uint8_t type, int64_t at)
{
    return type == RN_F32 ? _mm512_cvtepu16_epi32(
                                (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps((const float *)x + at)))
                          : _mm512_cvtepu16_epi32(
                                _mm256_loadu_si256((const void *)((const uint16_t *)x + at)));
}

static inline __m256i rn_halves_8(const void *x, uint8_t type, int64_t at)
{
    return type == RN_F32
               ? _mm256_cvtepu16_epi32(
                     (__m128i)_mm256_cvtneps_pbh(_mm256_loadu_ps((const float *)x + at)))
               : _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)((const uint16_t *)x + at)));
}

static inline __m512i rn_words_16(const float *x)
{
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
}

/* As many of n words as vectors hold; the rest is the caller's. */
static inline int64_t rn_words_along_fast(rn_word *out, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_si512(out + i, rn_words_16(x + 2 * i));
    return i;
}

static inline int64_t rn_words_down_fast(rn_word *out, const void *x, uint8_t type, int64_t at,
                                         int64_t ld, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512i high = _mm512_slli_epi32(rn_halves_16(x, type, at + ld + i), 16);
        _mm512_storeu_si512(out + i, _mm512_or_si512(rn_halves_16(x, type, at + i), high));
    }
    for (; i + 8 <= n; i += 8) {
        __m256i high = _mm256_slli_epi32(rn_halves_8(x, type, at + ld + i), 16);
        _mm256_storeu_si256((void *)(out + i), _mm256_or_si256(rn_halves_8(x, type, at + i), high));
    }
    return i;
}
#else
static inline int64_t rn_words_along_fast(rn_word *out, const float *x, int64_t n)
{
    (void)out, (void)x, (void)n;
    return 0;
}

static inline int64_t rn_words_down_fast(rn_word *out, const void *x, uint8_t type, int64_t at,
                                         int64_t ld, int64_t n)
{
    (void)out, (void)x, (void)type, (void)at, (void)ld, (void)n;
    return 0;
}
#endif

static inline void rn_words_along(rn_word *out, const void *x, uint8_t type, int64_t at, int64_t n)
{
    int64_t whole = n / 2, i = 0;
    if (type == RN_BF16) {
        memcpy(out, (const uint16_t *)x + at, (size_t)whole * sizeof *out);
        i = whole;
    } else {
        i = rn_words_along_fast(out, (const float *)x + at, whole);
    }
    for (; i < whole; i++)
        out[i] = rn_word_half(x, type, at + 2 * i) | rn_word_half(x, type, at + 2 * i + 1) << 16;
    if (n % 2)
        out[whole] = rn_word_half(x, type, at + n - 1);
}

static inline void rn_words_down(rn_word *out, const void *x, uint8_t type, int64_t at, int64_t ld,
                                 int64_t n)
{
    int64_t i = ld == RN_NO_ROW ? 0 : rn_words_down_fast(out, x, type, at, ld, n);
    for (; i < n; i++)
        out[i] = rn_word_half(x, type, at + i) |
                 (ld == RN_NO_ROW ? 0 : rn_word_half(x, type, at + ld + i) << 16);
}

enum { RN_SQUARE = 16 };

#if defined(__AVX512F__)
/* 16 x 16: pairs of rows are interleaved, pairs of those, then quarters of registers gathered. */
static inline void rn_words_turn_square(rn_word *out, int64_t ld_out, const rn_word *in,
                                        int64_t ld_in)
{
    __m512i r[16], t[16];
    for (int i = 0; i < 16; i++)
        r[i] = _mm512_loadu_si512(in + i * ld_in);
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int j = 0; j < 4; j++) {
        __m512i ab = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x44);
        __m512i cd = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x44);
        _mm512_storeu_si512(out + j * ld_out, _mm512_shuffle_i32x4(ab, cd, 0x88));
        _mm512_storeu_si512(out + (4 + j) * ld_out, _mm512_shuffle_i32x4(ab, cd, 0xdd));
        ab = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xee);
        cd = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xee);
        _mm512_storeu_si512(out + (8 + j) * ld_out, _mm512_shuffle_i32x4(ab, cd, 0x88));
        _mm512_storeu_si512(out + (12 + j) * ld_out, _mm512_shuffle_i32x4(ab, cd, 0xdd));
    }
}
#endif

/* out(columns, rows) = in(rows, columns), turned; each at most RN_SQUARE. */
static inline void rn_words_turn(rn_word *out, int64_t ld_out, const rn_word *in, int64_t ld_in,
                                 int64_t rows, int64_t columns)
{
#if defined(__AVX512F__)
    if (rows == RN_SQUARE && columns == RN_SQUARE) {
        rn_words_turn_square(out, ld_out, in, ld_in);
        return;
    }
#endif
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = 0; r < rows; r++)
            out[c * ld_out + r] = in[r * ld_in + c];
}

#endif
