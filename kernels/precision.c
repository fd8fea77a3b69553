#include "precision.h"

#include "cpu_isa.h"
#include "device.h"
#include "mem.h"

#include <string.h>

const char *const rn_precision_words[] = {"auto", "fp32", "bf16", "fp8", NULL};
const char *const rn_precision_scoring_words[] = {"auto", "fp32", "bf16", NULL};

static bool is_gpu(const char *device)
{
    return device && strcmp(device, "cpu") != 0;
}

static bool multiplies_bf16(const char *device, const char **why)
{
    if (is_gpu(device)) {
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

enum rn_precision rn_precision_settle(enum rn_precision asked, const char *device, const char **why)
{
    const char *ignored;
    struct rn_device_stats s;
    why = why ? why : &ignored;
    *why = "as the file says";
    if (asked == RN_PRECISION_AUTO)
        return rn_precision_best(device, why);
    if (asked != RN_PRECISION_FP8)
        return asked;
    bool opens = is_gpu(device) && rn_device_stats_apart(device, &s);
    if (is_gpu(device) && (!opens || s.multiplies_fp8))
        return asked;
    *why = is_gpu(device)
               ? "fp8 was asked for, and this GPU has no products of it: they begin with "
                 "compute capability 8.9"
               : "fp8 was asked for, and processors have no products of it";
    return rn_precision_best(device, NULL);
}

enum rn_dtype rn_precision_dtype(enum rn_precision p)
{
    RN_ASSERT(p != RN_PRECISION_AUTO);
    return p == RN_PRECISION_FP32 ? RN_F32 : RN_BF16;
}
