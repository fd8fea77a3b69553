/* The kernels of the CUDA backend, in ops.def order. */
#include "cuda.h"

extern const struct rn_cuda_kernel *const rn_cuda_table[RN_OP_COUNT];
const struct rn_cuda_kernel *const rn_cuda_table[RN_OP_COUNT] = {
#define OP(id, name) &rn_cuda_##name,
#include "ops.def"
#undef OP
};
