#include "precision.h"

#include "cpu_isa.h"

#include <string.h>

const char *const rn_precision_words[] = {"auto", "fp32", "bf16", NULL};

static bool multiplies_bf16(const char *device, const char **why)
{
    if (device && strcmp(device, "cpu") != 0) {
        *why = "every GPU that is supported multiplies bf16";
        return true;
    }
    const struct rn_cpu_isa *isa = rn_cpu_isa_choose();
    bool fast = isa && isa->fast_bf16;
    *why = fast ? "this processor multiplies bf16" : "this processor has no products of bf16";
    return fast;
}

enum rn_precision rn_precision_best(const char *device, const char **why)
{
    const char *ignored;
    return multiplies_bf16(device, why ? why : &ignored) ? RN_PRECISION_BF16 : RN_PRECISION_FP32;
}

enum rn_dtype rn_precision_dtype(enum rn_precision p)
{
    RN_ASSERT(p != RN_PRECISION_AUTO);
    return p == RN_PRECISION_BF16 ? RN_BF16 : RN_F32;
}
