/* fp8.h - matrix products of eight-bit floats: one scale a tensor, as Transformer Engine has
 * it.
 *
 *     code        bits                 largest    what its operands are
 *     RN_E4M3     1, 4, 3; no inf      448        weights, values
 *     RN_E5M2     1, 5, 2              57344      gradients: more range, less precision
 *
 * A code stands for itself times a step. The step of a tensor follows its largest magnitude: of
 * this very tensor (`current`), or of the runs before (`delayed`), which saves looking at it twice;
 * where these know nothing but zeros, of this very tensor too. What lies beyond is cut off; what is
 * not finite becomes NaN, so that it is noticed.
 *
 * A program keeps what it knows in one state `amax` (n, RN_AMAX_HISTORY + H), a row for each
 * quantized tensor. Ops quantize and linear_fp8 fill a row during a run, amax_roll ends the run:
 * NOW joins the history. */
#ifndef RN_FP8_H
#define RN_FP8_H

#include "shape.h"

#include <float.h>

enum rn_fp8_format { RN_FP8_HYBRID, RN_FP8_E4M3, RN_FP8_E5M2 };
enum rn_fp8_recipe { RN_FP8_DELAYED, RN_FP8_CURRENT };
extern const char *const rn_fp8_format_words[], *const rn_fp8_recipe_words[]; /* NULL-ended */

/* Which products are computed so, and how. */
struct rn_fp8 {
    bool on;
    int format, recipe;   /* enums above */
    int64_t amax_history; /* runs that the largest magnitude is taken of */
    int64_t margin;       /* scales are divided by 2^margin */
    int64_t min_dim;      /* a product of a smaller side is not worth it */
};
/* As Transformer Engine's recipe, and nanochat's choice of layers. */
#define RN_FP8_DEFAULTS ((struct rn_fp8){.on = true, .amax_history = 16, .min_dim = 128})
enum { RN_FP8_MULTIPLE = 16, RN_FP8_HISTORY_MAX = 4096 };

/* Codes of values and weights, and of gradients. */
enum rn_dtype rn_fp8_forward_code(const struct rn_fp8 *);
enum rn_dtype rn_fp8_backward_code(const struct rn_fp8 *);
float rn_fp8_headroom(const struct rn_fp8 *); /* 2^-margin */
/* Whether y(B*T,N) = x(B*T,K) w(N,K)^T is: whatever B, which follows from a device's memory, while
 * the products are the same wherever a training goes on. */
bool rn_fp8_takes(const struct rn_fp8 *, int64_t T, int64_t N, int64_t K);

enum rn_amax_column {
    RN_AMAX_NOW,   /* largest magnitude in this run so far */
    RN_AMAX_KNOWN, /* of the history; 0: nothing is known */
    RN_AMAX_STEP,  /* what a code is multiplied by to give the value, in this run */
    RN_AMAX_LIMIT, /* the largest magnitude that this run did not cut off */
    RN_AMAX_CUT,   /* runs so far that cut something off */
    RN_AMAX_NEXT,  /* place in the history that NOW goes to */
    RN_AMAX_HISTORY
};

/* --- for kernels: the same on every device --- */

/* Operands of linear_fp8. */
enum {
    RN_FP8_X,
    RN_FP8_W,
    RN_FP8_BIAS,
    RN_FP8_X_CODES,
    RN_FP8_X_TURNED,
    RN_FP8_W_CODES,
    RN_FP8_W_TURNED,
    RN_FP8_AMAX
};
/* Its attributes i: the first three are those of quantize, too. Of dy; KN: w is (K,N). */
enum { RN_FP8_I_CODE, RN_FP8_I_ROW, RN_FP8_I_CURRENT, RN_FP8_I_KN, RN_FP8_I_X_ROW, RN_FP8_I_W_ROW };

#ifdef __CUDACC__
#define RN_ON_DEVICE __host__ __device__
#else
#define RN_ON_DEVICE
#endif

static inline RN_ON_DEVICE float rn_fp8_max(int code)
{
    return code == RN_E4M3 ? 448.0f : 57344.0f;
}

/* What values are multiplied by; `headroom` is 2^-margin. */
static inline RN_ON_DEVICE float rn_fp8_scale(float largest, int code, float headroom)
{
    const float most = 1.2676506e30f; /* 2^100: its inverse is a normal number */
    if (!(largest > 0) || !(largest <= FLT_MAX))
        return 1;
    float scale = rn_fp8_max(code) / largest * headroom;
    return scale > most ? most : scale < 1 / most ? 1 / most : scale;
}

/* Beyond it a value rounds to more than the largest code: half a step above that. */
static inline RN_ON_DEVICE float rn_fp8_limit(float scale, int code)
{
    return (code == RN_E4M3 ? 464.0f : 61440.0f) / scale;
}

/* The magnitude that a row scales by. */
static inline RN_ON_DEVICE float rn_fp8_largest(const float *row, bool current)
{
    return current || row[RN_AMAX_KNOWN] == 0 ? row[RN_AMAX_NOW] : row[RN_AMAX_KNOWN];
}

#endif
