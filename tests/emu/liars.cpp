/* Kernels that each break one promise, for a device on which the guard of kernels_plugin.c must say
 * so: tests/unit/kernels/test_cuda_guard.c. */
#include "cuda_emu.h"

#include "vec.cuh"

static __global__ void write(float *y, int64_t n)
{
    int64_t i = threadIdx.x;
    if (i < n)
        y[i] = (float)i;
}

static void run(struct rn_cuda *c, void *y, int64_t n)
{
    RN_LAUNCH(write, 1, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), (float *)y, n);
}

static void one_too_many(struct rn_cuda *c, const struct rn_args *a)
{
    run(c, a->y[0], rn_elems(a->ys[0]) + 1);
}

static void one_too_few(struct rn_cuda *c, const struct rn_args *a)
{
    run(c, a->y[0], rn_elems(a->ys[0]) - 1);
}

static void into_an_operand(struct rn_cuda *c, const struct rn_args *a)
{
    run(c, a->y[0], rn_elems(a->ys[0]));
    run(c, a->x[0], 1);
}

static __global__ void number(float *y, int64_t n, int *next)
{
    if (threadIdx.x < n)
        y[threadIdx.x] = (float)(*next)++;
}

static void by_order(struct rn_cuda *c, const struct rn_args *a)
{
    int next = 0;
    RN_LAUNCH(number, 1, RN_BLOCK_THREADS, 0, rn_cuda_stream(c), (float *)a->y[0],
              rn_elems(a->ys[0]), &next);
}

const struct rn_cuda_kernel rn_cuda_scale = {one_too_many, NULL, NULL};
const struct rn_cuda_kernel rn_cuda_gelu = {one_too_few, NULL, NULL};
const struct rn_cuda_kernel rn_cuda_relu2 = {into_an_operand, NULL, NULL};
const struct rn_cuda_kernel rn_cuda_softcap = {by_order, NULL, NULL};
