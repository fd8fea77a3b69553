/* The kernels of the CUDA backend, in ops.def order; NULL: not written yet. */
#include "cuda.h"

#define OP(id, name) extern const struct rn_cuda_kernel rn_cuda_##name __attribute__((weak));
#include "ops.def"
#undef OP

extern const struct rn_cuda_kernel *const rn_cuda_table[RN_OP_COUNT];
const struct rn_cuda_kernel *const rn_cuda_table[RN_OP_COUNT] = {
#define OP(id, name) &rn_cuda_##name,
#include "ops.def"
#undef OP
};
