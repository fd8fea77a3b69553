#include "precision.h"

#include "cpu_isa.h"

const char *const rn_precision_words[] = {"auto", "fp32", "bf16", NULL};

enum rn_precision rn_precision_best(const char **why)
{
    const struct rn_cpu_isa *isa = rn_cpu_isa_choose();
    bool fast = isa && isa->fast_bf16;
    if (why)
        *why = fast ? "this processor multiplies bf16" : "this processor has no products of bf16";
    return fast ? RN_PRECISION_BF16 : RN_PRECISION_FP32;
}

enum rn_dtype rn_precision_dtype(enum rn_precision p)
{
    RN_ASSERT(p != RN_PRECISION_AUTO);
    return p == RN_PRECISION_BF16 ? RN_BF16 : RN_F32;
}
