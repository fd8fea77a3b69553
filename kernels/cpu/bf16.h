/* bf16.h - bfloat16: the upper half of a float. Kernels compute in fp32 and convert
 * where they read and write, a row or a block at a time.
 *
 *     float in[RN_BLOCK], out[RN_BLOCK];
 *     const float *x = rn_row_in(a->x[0], a->x_type[0], at, n, in);      x itself, or converted
 *     float *y = rn_row_out(a->y[0], a->y_type[0], at, out);             y itself, or a buffer
 *     ...
 *     rn_row_done(a->y[0], a->y_type[0], at, n, y);                      nothing, or converted
 *
 * An op whose kernels do so says it in narrow_x and narrow_y (opdef.h). */
#ifndef RN_BF16_H
#define RN_BF16_H

#include "backend.h"
#include "bf16_bits.h"

#include <string.h>

enum { RN_BLOCK = 1024 }; /* elements of a block of a flat loop */

/* Elements [at, at + n) of x as floats: where they lie, or converted into buf. */
static inline const float *rn_row_in(const void *x, uint8_t type, int64_t at, int64_t n, float *buf)
{
    if (type == RN_F32)
        return (const float *)x + at;
    const uint16_t *h = (const uint16_t *)x + at;
    for (int64_t i = 0; i < n; i++)
        buf[i] = rn_from_bf16(h[i]);
    return buf;
}

/* Where to compute elements [at, ..) of y: where they belong, or buf. */
static inline float *rn_row_out(void *y, uint8_t type, int64_t at, float *buf)
{
    return type == RN_F32 ? (float *)y + at : buf;
}

/* sum[0..n) += elements [at, at + n) of x */
static inline void rn_add_row(float *sum, const void *x, uint8_t type, int64_t at, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += type == RN_F32 ? ((const float *)x)[at + i]
                                 : rn_from_bf16(((const uint16_t *)x)[at + i]);
}

static inline void rn_row_done(void *y, uint8_t type, int64_t at, int64_t n, const float *row)
{
    if (type == RN_F32)
        return;
    uint16_t *h = (uint16_t *)y + at;
    for (int64_t i = 0; i < n; i++)
        h[i] = rn_to_bf16(row[i]);
}

#endif
