/* cuda.h - what the files of the CUDA backend share.
 *
 *     static __global__ void softcap(float *y, const float *x, int64_t n, float cap) { ... }
 *     static void fwd(struct rn_cuda *c, const struct rn_args *a)              <op>_cuda.cu
 *     {
 *         RN_LAUNCH(softcap, rn_vec_blocks(n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), ...);
 *     }
 *     const struct rn_cuda_kernel rn_cuda_softcap = {fwd, NULL, NULL};
 *
 * fwd and bwd enqueue on the stream: no waiting, no allocation, no look at device memory. They are
 * captured into graphs, so whatever changes from step to step lies in device memory. Launches that
 * fail are noticed by who calls fwd and bwd (cudaGetLastError).
 *
 * Same bits every time: a sum has a fixed order, given by shapes alone. No float atomics.
 *
 * Each .cu file is compiled twice: by nvcc, and as plain C++ for tests without a GPU. Such a
 * compiler sees no `<<<>>>`, no PTX and no __shared__, but RN_LAUNCH, mma.cuh and RN_SHARED; it is
 * given a header that defines them (tests/emu/cuda_emu.h). */
#ifndef RN_CUDA_H
#define RN_CUDA_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "backend.h"

struct rn_cuda; /* one open device: stream, workspace, the first error */
cudaStream_t rn_cuda_stream(struct rn_cuda *);
/* Whether all is well; keeps the first error, which ends the run, with what was being done. */
bool rn_cuda_ok(struct rn_cuda *, cudaError_t, const char *what);

/* Before a launch of a kernel (its address) with more than 48 KiB of a block's memory. */
static inline bool rn_allow_shared(struct rn_cuda *c, const void *kernel, size_t shared_bytes)
{
    return rn_cuda_ok(c,
                      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           (int)shared_bytes),
                      "asking for a block's memory");
}

struct rn_cuda_kernel { /* NULL: there is none */
    void (*fwd)(struct rn_cuda *, const struct rn_args *);
    void (*bwd)(struct rn_cuda *, const struct rn_args *);
    size_t (*scratch_bytes)(struct rn_cuda *, const struct rn_args *); /* NULL: needs none */
};

#define OP(id, name) extern const struct rn_cuda_kernel rn_cuda_##name;
#include "ops.def"
#undef OP

#ifdef __cplusplus
}
#endif

/* RN_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments ...); a kernel with commas in its
 * name stands in parentheses.
 * RN_SHARED(type, name, count): `type *name`, memory of the block, known at compile time.
 * RN_SHARED_DYNAMIC(type, name): `type *name`, the launch's shared_bytes, aligned to 16.
 * RN_GRID_CONSTANT: of an argument that is a table: its rows are read where they lie.
 * RN_KERNEL_ASSERT(cond): a broken promise ends the kernel and with it the device. */
#ifdef __CUDACC__
#define RN_KERNEL_ASSERT(cond)                                                                     \
    do {                                                                                           \
        if (!(cond))                                                                               \
            __trap();                                                                              \
    } while (0)
#define RN_GRID_CONSTANT __grid_constant__
#define RN_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    kernel<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
#define RN_SHARED(type, name, count)                                                               \
    __shared__ type name##_of_block[count];                                                        \
    type *name = name##_of_block
#define RN_SHARED_DYNAMIC(type, name)                                                              \
    extern __shared__ __align__(16) unsigned char rn_shared_bytes[];                               \
    type *name = (type *)rn_shared_bytes
#endif

#endif
