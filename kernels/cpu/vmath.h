/* vmath.h - exp, tanh and sums that vectorise: no branch, no table, no call.
 *
 * Errors against libm, in units of the last place: exp 1 in [-87.3, 88.7], tanh 2. Below -87.34
 * exp is 0 (no subnormals), above 88.72 infinite; NaN stays NaN. tests/unit/kernels checks them. */
#ifndef RN_VMATH_H
#define RN_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float rn_bits_float(int32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline int32_t rn_float_bits(float f)
{
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float rn_power_of_two(int32_t n) /* -126 .. 127 */
{
    return rn_bits_float((int32_t)((uint32_t)(n + 127) << 23));
}

/* e^c = 2^n e^r with n = round(c / ln 2), |r| <= ln(2)/2: returns e^r. Adding 1.5 * 2^23 rounds to
 * an integer that stands in the low bits; the polynomial is the Taylor series to r^7. */
static inline __attribute__((always_inline)) float rn_exp_split(float c, int32_t *n)
{
    const float magic = 12582912.0f;
    float shifted = c * 1.44269504f + magic;
    float whole = shifted - magic;
    float r = (c - whole * 0.693359375f) - whole * -2.12194440e-4f;
    float p = 1.9841270e-4f;
    p = p * r + 1.3888889e-3f;
    p = p * r + 8.3333333e-3f;
    p = p * r + 4.1666667e-2f;
    p = p * r + 1.6666667e-1f;
    p = p * r + 0.5f;
    *n = rn_float_bits(shifted) - rn_float_bits(magic);
    return p * (r * r) + r + 1.0f;
}

/* The scale goes in two halves, because 2^128 is no float though e^88.7 is. */
static inline float rn_expf(float x)
{
    const float high = 88.72283f, low = -87.33655f;
    float c = x > high ? high : x;
    int32_t n;
    float p = rn_exp_split(c < low ? low : c, &n);
    float y = p * rn_power_of_two(n >> 1) * rn_power_of_two(n - (n >> 1));
    y = x < low ? 0.0f : y;
    y = x > high ? INFINITY : y;
    return x != x ? x : y;
}

/* The same of x that is nowhere above 1, in two thirds of the time: what a softmax needs. */
static inline float rn_exp_below_1(float x)
{
    const float low = -87.33655f;
    int32_t n;
    float p = rn_exp_split(x < low ? low : x, &n);
    float y = p * rn_power_of_two(n);
    return x < low ? 0.0f : y;
}

static inline float rn_sigmoidf(float x)
{
    return 1.0f / (1.0f + rn_expf(-x));
}

/* Small arguments by an odd polynomial (Cephes' tanhf), the others by 1 - 2e / (1 + e) with
 * e = e^(-2|x|). */
static inline float rn_tanhf(float x)
{
    float a = fabsf(x), z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * z * x + x;
    float e = rn_exp_below_1(-2.0f * a);
    float large = copysignf(1.0f - 2.0f * e / (1.0f + e), x);
    float y = a < 0.625f ? small : large;
    return x != x ? x : y;
}

static inline float rn_dot(const float *a, const float *b, int64_t n)
{
    float s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

static inline float rn_sum(const float *a, int64_t n)
{
    float s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++)
        s += a[i];
    return s;
}

static inline float rn_largest(const float *a, int64_t n)
{
    float m = -INFINITY;
#pragma omp simd reduction(max : m)
    for (int64_t i = 0; i < n; i++)
        m = a[i] > m ? a[i] : m;
    return m;
}

/* y = e^(x - m), returns their sum. */
static inline float rn_exp_row(float *y, const float *x, float m, int64_t n)
{
    float s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++) {
        float e = rn_expf(x[i] - m);
        y[i] = e;
        s += e;
    }
    return s;
}

/* Sum of e^(x - m). */
static inline float rn_exp_sum(const float *x, float m, int64_t n)
{
    float s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++)
        s += rn_expf(x[i] - m);
    return s;
}

static inline double rn_sum_squares(const float *a, int64_t n)
{
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < n; i++)
        s += (double)a[i] * (double)a[i];
    return s;
}

#endif
