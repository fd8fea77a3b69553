/* Classes of 64 bytes by AVX-512 or AVX2: two table look-ups, one by the high and one by the low
 * half of each byte; their common bits are its classes. Characters outside ASCII are looked up one
 * by one, and then each takes one bit as if it were one byte. */
#include "split_window.h"

#include "unicode.h"

static bool always(void)
{
    return true;
}

static size_t one_by_one(const struct rn_split *s, const char *text, size_t n, size_t at,
                         size_t *ends, size_t max)
{
    size_t count = 0;
    for (; at < n && count < max; at = ends[count - 1])
        ends[count++] = rn_split_next(s, text, n, at);
    return count;
}

#ifdef __x86_64__
#include <immintrin.h>

enum {
    A_TO_O = 1, /* and a to o */
    P_TO_Z = 2, /* and p to z */
    DIGIT = 4,
    CONTROL = 8, /* white, below U+0020 */
    SPACE = 16,
    NEWLINE = 32,
    APOSTROPHE = 64,
};

#define BY_HIGH_HALF                                                                               \
    CONTROL | NEWLINE, 0, SPACE | APOSTROPHE, DIGIT, A_TO_O, P_TO_Z, A_TO_O, P_TO_Z, 0, 0, 0, 0,   \
        0, 0, 0, 0
#define ALNUM A_TO_O | P_TO_Z | DIGIT
#define BY_LOW_HALF                                                                                \
    P_TO_Z | DIGIT | SPACE, ALNUM, ALNUM, ALNUM, ALNUM, ALNUM, ALNUM, ALNUM | APOSTROPHE, ALNUM,   \
        ALNUM | CONTROL, A_TO_O | P_TO_Z | CONTROL | NEWLINE, A_TO_O | CONTROL, A_TO_O | CONTROL,  \
        A_TO_O | CONTROL | NEWLINE, A_TO_O, A_TO_O

/* --- AVX2 --- */

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

/* The bytes from 0x80 on, as masks. U+5000 to U+9FFF and U+B000 to U+CFFF are letters. */
struct high {
    uint64_t all, follow; /* follow: begin no character */
    uint64_t letter;      /* begin one of those letters */
};
enum { HAN_FIRST = 0xE5, HAN_LAST = 0xE9, HANGUL_FIRST = 0xEB, HANGUL_LAST = 0xEC };

/* From masks of bytes to masks of characters, with the classes of those outside ASCII. */
AVX2 static struct rn_window widen(struct rn_window w, const unsigned char *p, struct high h)
{
    int len, last = 63 - __builtin_clzll(~h.follow);
    rn_utf8_char(p + last, &len);
    w.known_bytes = last + len > RN_WINDOW ? last : RN_WINDOW;
    w.begins = ~h.follow & rn_below(w.known_bytes);
    uint64_t low_bit = h.letter, high_bit = 0; /* of each character's class */
    for (uint64_t left = h.all & w.begins & ~h.letter; left; left &= left - 1) {
        uint64_t class = rn_unicode_class(rn_utf8_char(p + rn_lowest(left), &len));
        low_bit |= left & -left & -(class & 1);
        high_bit |= left & -left & -(class >> 1);
    }
    w.known = __builtin_popcountll(w.begins);
    w.letter = _pext_u64(w.letter | (low_bit & ~high_bit), w.begins);
    w.number = _pext_u64(w.number | (high_bit & ~low_bit), w.begins);
    w.white = _pext_u64(w.white | (high_bit & low_bit), w.begins);
    w.space = _pext_u64(w.space, w.begins);
    w.newline = _pext_u64(w.newline, w.begins);
    w.apostrophe &= w.begins;
    w.other = rn_below(w.known) & ~(w.letter | w.number | w.white);
    return w;
}
_Static_assert(RN_LETTER == 1 && RN_NUMBER == 2 && RN_SPACE == 3, "bits of a class in widen()");

AVX2 static inline struct rn_window finish(struct rn_window w, const unsigned char *p,
                                           struct high h)
{
    if (h.all)
        return widen(w, p, h);
    w.known = w.known_bytes = RN_WINDOW;
    w.begins = ~UINT64_C(0);
    w.other = ~(w.letter | w.number | w.white);
    return w;
}

AVX2 static inline uint64_t spread(uint64_t chars, uint64_t begins)
{
    return _pdep_u64(chars, begins);
}

AVX2 static inline __m256i classes_avx2(__m256i text)
{
    const __m256i by_high = _mm256_setr_epi8(BY_HIGH_HALF, BY_HIGH_HALF);
    const __m256i by_low = _mm256_setr_epi8(BY_LOW_HALF, BY_LOW_HALF);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(text, 4), _mm256_set1_epi8(15));
    return _mm256_and_si256(_mm256_shuffle_epi8(by_high, high), _mm256_shuffle_epi8(by_low, text));
}

/* The bytes of both halves in which `bit`, the bit's number, is set. */
AVX2 static inline uint64_t bits_avx2(__m256i lo, __m256i hi, int bit)
{
    uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(lo, 7 - bit));
    uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(hi, 7 - bit));
    return (uint64_t)high << 32 | low;
}

/* The bytes from `first` to `last`. */
AVX2 static inline uint64_t range_avx2(__m256i lo, __m256i hi, int first, int last)
{
    __m256i a = _mm256_set1_epi8((char)first), b = _mm256_set1_epi8((char)last);
    __m256i in_lo = _mm256_cmpeq_epi8(_mm256_min_epu8(_mm256_max_epu8(lo, a), b), lo);
    __m256i in_hi = _mm256_cmpeq_epi8(_mm256_min_epu8(_mm256_max_epu8(hi, a), b), hi);
    return bits_avx2(in_lo, in_hi, 7);
}

AVX2 static inline struct high high_avx2(__m256i lo, __m256i hi)
{
    uint64_t all = bits_avx2(lo, hi, 7);
    return (struct high){all, all & ~bits_avx2(lo, hi, 6),
                         range_avx2(lo, hi, HAN_FIRST, HAN_LAST) |
                             range_avx2(lo, hi, HANGUL_FIRST, HANGUL_LAST)};
}

AVX2 static inline struct rn_window classify_avx2(const unsigned char *p)
{
    __m256i text_lo = _mm256_loadu_si256((const void *)p);
    __m256i text_hi = _mm256_loadu_si256((const void *)(p + 32));
    __m256i lo = classes_avx2(text_lo), hi = classes_avx2(text_hi);
    struct rn_window w = {.letter = bits_avx2(lo, hi, 0) | bits_avx2(lo, hi, 1),
                          .number = bits_avx2(lo, hi, 2),
                          .white = bits_avx2(lo, hi, 3),
                          .space = bits_avx2(lo, hi, 4),
                          .newline = bits_avx2(lo, hi, 5),
                          .apostrophe = bits_avx2(lo, hi, 6)};
    w.white |= w.space;
    return finish(w, p, high_avx2(text_lo, text_hi));
}

AVX2 static size_t ends_avx2(const struct rn_split *s, const char *text, size_t n, size_t at,
                             size_t *ends, size_t max)
{
    return rn_window_ends(s, text, n, at, ends, max,
                          (struct rn_window_arms){classify_avx2, spread});
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

/* --- AVX-512 --- */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx2,bmi,bmi2,popcnt")))

AVX512 static inline uint64_t bits_avx512(__m512i classes, int any)
{
    return _mm512_test_epi8_mask(classes, _mm512_set1_epi8((char)any));
}

AVX512 static inline uint64_t range_avx512(__m512i text, int first, int last)
{
    return _mm512_cmpge_epu8_mask(text, _mm512_set1_epi8((char)first)) &
           _mm512_cmple_epu8_mask(text, _mm512_set1_epi8((char)last));
}

AVX512 static inline struct high high_avx512(__m512i text)
{
    uint64_t all = _mm512_movepi8_mask(text);
    return (struct high){all, all & ~bits_avx512(text, 0x40),
                         range_avx512(text, HAN_FIRST, HAN_LAST) |
                             range_avx512(text, HANGUL_FIRST, HANGUL_LAST)};
}

AVX512 static inline struct rn_window classify_avx512(const unsigned char *p)
{
    const __m512i by_high = _mm512_broadcast_i32x4(_mm_setr_epi8(BY_HIGH_HALF));
    const __m512i by_low = _mm512_broadcast_i32x4(_mm_setr_epi8(BY_LOW_HALF));
    __m512i text = _mm512_loadu_si512(p);
    __m512i high = _mm512_and_si512(_mm512_srli_epi16(text, 4), _mm512_set1_epi8(15));
    __m512i classes =
        _mm512_and_si512(_mm512_shuffle_epi8(by_high, high), _mm512_shuffle_epi8(by_low, text));
    struct rn_window w = {.letter = bits_avx512(classes, A_TO_O | P_TO_Z),
                          .number = bits_avx512(classes, DIGIT),
                          .white = bits_avx512(classes, CONTROL | SPACE),
                          .space = bits_avx512(classes, SPACE),
                          .newline = bits_avx512(classes, NEWLINE),
                          .apostrophe = bits_avx512(classes, APOSTROPHE)};
    return finish(w, p, high_avx512(text));
}

AVX512 static size_t ends_avx512(const struct rn_split *s, const char *text, size_t n, size_t at,
                                 size_t *ends, size_t max)
{
    return rn_window_ends(s, text, n, at, ends, max,
                          (struct rn_window_arms){classify_avx512, spread});
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}
#endif

const struct rn_split_way rn_split_ways[] = {
#ifdef __x86_64__
    {"avx512", has_avx512, ends_avx512},
    {"avx2", has_avx2, ends_avx2},
#endif
    {"scalar", always, one_by_one},
};
