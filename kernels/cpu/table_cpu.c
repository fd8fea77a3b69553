/* The kernels of one instruction set, in ops.def order. */
#include "cpu.h"

#define OP(id, name) extern const struct rn_kernel RN_CPU(name);
#include "ops.def"
#undef OP

extern const struct rn_kernel *const RN_CPU(table)[RN_OP_COUNT];
const struct rn_kernel *const RN_CPU(table)[RN_OP_COUNT] = {
#define OP(id, name) &RN_CPU(name),
#include "ops.def"
#undef OP
};
