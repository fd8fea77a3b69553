#include "fp8.h"

#include <math.h>

const char *const rn_fp8_format_words[] = {"hybrid", "e4m3", "e5m2", NULL};
const char *const rn_fp8_recipe_words[] = {"delayed", "current", NULL};

enum rn_dtype rn_fp8_forward_code(const struct rn_fp8 *f)
{
    return f->format == RN_FP8_E5M2 ? RN_E5M2 : RN_E4M3;
}

enum rn_dtype rn_fp8_backward_code(const struct rn_fp8 *f)
{
    return f->format == RN_FP8_E4M3 ? RN_E4M3 : RN_E5M2;
}

float rn_fp8_headroom(const struct rn_fp8 *f)
{
    return ldexpf(1, (int)-f->margin);
}

bool rn_fp8_takes(const struct rn_fp8 *f, int64_t T, int64_t N, int64_t K)
{
    bool fits = T % RN_FP8_MULTIPLE == 0 && N % RN_FP8_MULTIPLE == 0 && K % RN_FP8_MULTIPLE == 0;
    return f->on && fits && N >= f->min_dim && K >= f->min_dim;
}
