/* fp8_codes.h - values to codes of eight bits, plainly: what the GPU is held against.
 *
 *     struct rn_quantizing q = rn_quantizing_x(args);
 *     rn_quantize(&q);                            row of amax: NOW, STEP and LIMIT (fp8.h)
 *     rn_decode(out, codes, n, RN_E4M3, row[RN_AMAX_STEP]);
 */
#ifndef RN_FP8_CODES_H
#define RN_FP8_CODES_H

#include "bf16.h"
#include "cpu.h"
#include "fp8_args.h"

#include <math.h>

struct rn_code_form {
    int mantissa, bias;
    uint8_t largest;
};
static inline struct rn_code_form rn_form_of(int code)
{
    return code == RN_E4M3 ? (struct rn_code_form){3, 7, 0x7e} : (struct rn_code_form){2, 15, 0x7b};
}

/* To the nearest, ties to even; what is too large to the largest; what is not finite to NaN. */
static inline uint8_t rn_to_code(float x, float scale, int code)
{
    struct rn_code_form f = rn_form_of(code);
    uint8_t sign = signbit(x) ? 0x80 : 0;
    int exponent;
    if (!isfinite(x))
        return sign | 0x7f;
    x = fminf(fabsf(x) * scale, 2 * rn_fp8_max(code));
    if (x == 0)
        return sign;
    frexpf(x, &exponent); /* x in [2^(exponent-1), 2^exponent) */
    int e = exponent - 1 > 1 - f.bias ? exponent - 1 : 1 - f.bias;
    float steps = rintf(ldexpf(x, f.mantissa - e));
    float bits = (float)((e + f.bias - 1) * (1 << f.mantissa)) + steps;
    return sign | (bits > (float)f.largest ? f.largest : (uint8_t)bits);
}

static inline float rn_from_code(uint8_t bits, int code)
{
    struct rn_code_form f = rn_form_of(code);
    int e = (bits & 0x7f) >> f.mantissa, m = bits & ((1 << f.mantissa) - 1);
    float size = e ? ldexpf((float)(m + (1 << f.mantissa)), e - f.bias - f.mantissa)
                   : ldexpf((float)m, 1 - f.bias - f.mantissa);
    if ((bits & 0x7f) > f.largest)
        size = code == RN_E5M2 && m == 0 ? INFINITY : NAN;
    return bits & 0x80 ? -size : size;
}

/* Bits of a magnitude are in the order of magnitudes, NaN above all. */
static inline float rn_largest(const struct rn_quantizing *q)
{
    int64_t n = q->R * q->K;
    uint32_t most = 0;
#pragma omp parallel for schedule(static) reduction(max : most) if (rn_worth(n))
    for (int64_t at = 0; at < n; at += RN_BLOCK) {
        float buf[RN_BLOCK];
        int64_t m = rn_min(RN_BLOCK, n - at);
        const float *x = rn_row_in(q->x, q->x_type, at, m, buf);
        for (int64_t i = 0; i < m; i++) {
            uint32_t bits;
            memcpy(&bits, &x[i], sizeof bits);
            bits &= 0x7fffffffu;
            most = bits > most ? bits : most;
        }
    }
    float largest;
    memcpy(&largest, &most, sizeof largest);
    return largest;
}

static inline void rn_quantize_rows(const struct rn_quantizing *q, float scale)
{
#pragma omp parallel for schedule(static) if (rn_worth(q->R * q->K))
    for (int64_t r = 0; r < q->R; r++)
        for (int64_t k = 0; k < q->K; k++) {
            float buf, x = *rn_row_in(q->x, q->x_type, r * q->K + k, 1, &buf);
            q->codes[r * q->K + k] = q->turned[k * q->R + r] = rn_to_code(x, scale, q->code);
        }
}

static inline void rn_quantize(const struct rn_quantizing *q)
{
    float largest = rn_largest(q), before = q->row[RN_AMAX_NOW];
    q->row[RN_AMAX_NOW] = before >= largest ? before : largest; /* a NaN stays what is largest */
    float scale = rn_fp8_scale(rn_fp8_largest(q->row, q->current), q->code, q->headroom);
    q->row[RN_AMAX_STEP] = 1 / scale;
    q->row[RN_AMAX_LIMIT] = rn_fp8_limit(scale, q->code);
    rn_quantize_rows(q, scale);
}

static inline void rn_decode(float *to, const uint8_t *codes, int64_t n, int code, float step)
{
    float value[256];
    for (int i = 0; i < 256; i++)
        value[i] = rn_from_code((uint8_t)i, code) * step;
    for (int64_t i = 0; i < n; i++)
        to[i] = value[codes[i]];
}

#endif
