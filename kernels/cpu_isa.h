/* cpu_isa.h - which of the cpu's instruction sets are used. The plugin asks for the one it
 * runs, configuration asks what `precision: auto` means; neither has to load the other.
 *
 *     const struct rn_cpu_isa *isa = rn_cpu_isa_choose();
 *     if (!isa) ...                   RUNNEL_CPU_ISA names none that runs here
 */
#ifndef RN_CPU_ISA_H
#define RN_CPU_ISA_H

#include <stdbool.h>

enum rn_cpu_isa_id {
#define ISA(name, bf16) RN_ISA_##name,
#include "cpu_isa.def"
#undef ISA
    RN_ISA_COUNT
};

struct rn_cpu_isa {
    const char *name; /* "v4" */
    bool fast_bf16;   /* products of bf16 matrices are faster than of fp32 ones */
    enum rn_cpu_isa_id id;
};

/* The best one of this processor; RUNNEL_CPU_ISA names a lesser one, so that runs on two machines
 * can be compared bit by bit. Static, or NULL. */
const struct rn_cpu_isa *rn_cpu_isa_choose(void);

#endif
