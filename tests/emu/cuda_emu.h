/* tests/emu/cuda_emu.h - CUDA kernels as plain C++, run by fibers on the processor.
 *
 *     g++ -x c++ -include tests/emu/cuda_emu.h -c kernels/cuda/rmsnorm_cuda.cu
 *     ... cuda_emu.cpp
 *
 *     emu_seed(7);                  another order of blocks and threads
 *     rn_cuda_rmsnorm.fwd(c, a);    RN_LAUNCH runs every thread of every block before it returns
 *
 * Every thread is a fiber. One runs until it meets a barrier or an operation of its warp, then
 * another, in an order that the seed decides; blocks run one after the other, likewise. Memory of a
 * block is filled with NaN before each block. So a missing barrier, an index out of a block's part
 * or a value that nobody wrote shows as a wrong result, and differs from order to order.
 *
 * What no GPU would do right ends the program with a line that says block, thread and source line:
 * threads that wait at different barriers, a warp operation whose mask names a lane that is gone or
 * elsewhere, a write past a block's memory, launches that are too large.
 *
 * Not seen: what depends on memory order between blocks, bank conflicts, speed. One host thread. */
#ifndef CUDA_EMU_H
#define CUDA_EMU_H

#include <cuda_runtime_api.h>
#include <functional>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <vector_functions.h>

/* The toolkit's headers know these words, too, as nothing. */
#undef __global__
#undef __device__
#undef __host__
#undef __forceinline__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__

extern "C" void emu_seed(uint64_t seed);
extern "C" long emu_launches(void); /* kernels that have run, in this process */

namespace emu
{

struct site { /* where in the source a thread waits */
    const char *file;
    int line;
};

extern uint3 thread_index, block_index; /* of the thread that runs */
extern dim3 block_size, grid_size;

/* Runs body as every thread of every block. */
void run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &body);
/* Into the stream's queue: who stands in for the CUDA runtime runs it, at once or later. */
void submit(cudaStream_t, std::function<void()>);

void barrier(struct site);
/* The lanes of mask meet: when the last one comes, meet(of) runs once, where of[i] is what lane i
 * has brought (NULL: not in mask); then all go on. */
void collective(unsigned mask, struct site, void *own, void (*meet)(void *of[32]));
int lane();

[[noreturn]] void broken(const char *promise, struct site);

void *dynamic_shared();
/* One for each key and block. */
void *shared(const void *key, size_t size_bytes, struct site);

/* Static, as all of a kernel's types may have namesakes in other files. */
template <class... P, class... A>
static void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, A... args)
{
    submit(stream, [=] { run(grid, block, shared_bytes, [&] { kernel(args...); }); });
}

/* --- operations of a warp --- */

template <class T> struct shuffled {
    T value, result;
    int from; /* the lane whose value is wanted */
};

template <class T> T shuffle(unsigned mask, T value, int from, struct site at)
{
    shuffled<T> own{value, value, from};
    collective(mask, at, &own, [](void *of[32]) {
        for (int i = 0; i < 32; i++) {
            auto *lane = (shuffled<T> *)of[i];
            if (lane && of[lane->from]) /* what a lane outside of the mask has is not defined */
                lane->result = ((shuffled<T> *)of[lane->from])->value;
            else if (lane)
                memset(&lane->result, 0xff, sizeof lane->result);
        }
    });
    return own.result;
}

struct vote {
    bool yes;
    unsigned all;
};

static inline unsigned ballot(unsigned mask, bool yes, struct site at)
{
    vote own{yes, 0};
    collective(mask, at, &own, [](void *of[32]) {
        unsigned all = 0;
        for (int i = 0; i < 32; i++)
            if (of[i] && ((vote *)of[i])->yes)
                all |= 1u << i;
        for (int i = 0; i < 32; i++)
            if (of[i])
                ((vote *)of[i])->all = all;
    });
    return own.all;
}

static inline void sync_warp(struct site at)
{
    collective(0xffffffffu, at, NULL, [](void *[32]) {});
}

/* The lane `step` further on in a part of `width` lanes, oneself where the part ends. */
static inline int lane_down(int step, int width = 32)
{
    return lane() % width + step < width ? lane() + step : lane();
}
static inline int lane_up(int step, int width = 32)
{
    return lane() % width >= step ? lane() - step : lane();
}

/* --- products of a warp: kernels/cuda/mma.cuh says who holds what --- */

void load_matrices(uint32_t r[4], const uint16_t *row, bool transposed, struct site);
void multiply_matrices(float c[4], const uint32_t a[4], const uint32_t b[2], struct site);

/* --- copies that a thread does not wait for: done as late as a wait allows --- */

void copy_16(void *to, const void *from, struct site);
void copies_end();
void copies_wait(int newer);

} /* namespace emu */

/* --- of whole numbers: threads run one at a time --- */

static inline unsigned atomicMax(unsigned *at, unsigned x)
{
    unsigned old = *at;
    *at = x > old ? x : old;
    return old;
}

#define EMU_HERE  (emu::site{__FILE__, __LINE__})
#define threadIdx (emu::thread_index)
#define blockIdx  (emu::block_index)
#define blockDim  (emu::block_size)
#define gridDim   (emu::grid_size)

#define __syncthreads()                emu::barrier(EMU_HERE)
#define __syncwarp()                   emu::sync_warp(EMU_HERE)
#define __shfl_sync(mask, x, from)     emu::shuffle(mask, x, (from)&31, EMU_HERE)
#define __shfl_xor_sync(mask, x, with) emu::shuffle(mask, x, (emu::lane() ^ (with)) & 31, EMU_HERE)
#define __shfl_down_sync(mask, x, ...) emu::shuffle(mask, x, emu::lane_down(__VA_ARGS__), EMU_HERE)
#define __shfl_up_sync(mask, x, ...)   emu::shuffle(mask, x, emu::lane_up(__VA_ARGS__), EMU_HERE)
#define __ballot_sync(mask, yes)       emu::ballot(mask, yes, EMU_HERE)
#define __any_sync(mask, yes)          (emu::ballot(mask, yes, EMU_HERE) != 0)
#define __all_sync(mask, yes)          (emu::ballot(mask, !(yes), EMU_HERE) == 0)

#define rn_ldmatrix(r, row)   emu::load_matrices(r, row, false, EMU_HERE)
#define rn_ldmatrix_t(r, row) emu::load_matrices(r, row, true, EMU_HERE)
#define rn_copy_16(to, from)  emu::copy_16(to, from, EMU_HERE)
#define rn_copies_end()       emu::copies_end()
template <int NEWER> static inline void rn_copies_wait()
{
    emu::copies_wait(NEWER);
}
#define rn_mma(c, a, b) emu::multiply_matrices(c, a, b, EMU_HERE)

#define RN_GRID_CONSTANT
#define RN_LAUNCH(kernel, grid, block, shared_bytes, ...) /* ...: the stream, its arguments */     \
    emu::launch(kernel, grid, block, shared_bytes, __VA_ARGS__)
#define RN_SHARED(type, name, count)                                                               \
    static const char name##_of_block = 0;                                                         \
    type *name = (type *)emu::shared(&name##_of_block, (count) * sizeof(type), EMU_HERE)
#define RN_KERNEL_ASSERT(cond)                                                                     \
    do {                                                                                           \
        if (!(cond))                                                                               \
            emu::broken(#cond, EMU_HERE);                                                          \
    } while (0)
#define RN_SHARED_DYNAMIC(type, name) type *name = (type *)emu::dynamic_shared()

#endif
