#include "cpu_isa.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_cpu_isa isas[] = {
#define ISA(name, bf16) {#name, bf16, RN_ISA_##name},
#include "cpu_isa.def"
#undef ISA
};

static bool runs_portable(void)
{
    return true;
}

#if defined(__x86_64__)
static bool runs_v3(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
}

static bool runs_v4(void)
{
    return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512cd");
}

static bool runs_v4bf16(void)
{
    return runs_v4() && __builtin_cpu_supports("avx512bf16");
}
#endif

static bool (*const runs_here[])(void) = {
#define ISA(name, bf16) runs_##name,
#include "cpu_isa.def"
#undef ISA
};

const struct rn_cpu_isa *rn_cpu_isa_choose(void)
{
    const char *wish = getenv("RUNNEL_CPU_ISA");
    for (size_t i = 0; i < RN_COUNT(isas); i++)
        if (runs_here[i]() && (!wish || strcmp(wish, isas[i].name) == 0))
            return &isas[i];
    return NULL;
}
