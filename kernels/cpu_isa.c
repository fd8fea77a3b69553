#include "cpu_isa.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

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

/* The tiles are eight kilobytes of registers that a process must ask the kernel for. */
static bool may_use_tiles(void)
{
#if defined(__linux__)
    enum { ASK = 0x1023 /* ARCH_REQ_XCOMP_PERM */, TILES = 18 /* XFEATURE_XTILEDATA */ };
    return syscall(SYS_arch_prctl, ASK, TILES) == 0;
#else
    return false;
#endif
}

static bool runs_v4amx(void)
{
    const unsigned needed = 1u << 22 | 1u << 24; /* AMX-BF16, AMX-TILE */
    unsigned a, b, c, d;
    return runs_v4bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & needed) == needed &&
           may_use_tiles();
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
