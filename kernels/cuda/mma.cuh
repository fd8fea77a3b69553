/* kernels/cuda/mma.cuh - what the hardware has an instruction for and C++ has not: bf16, and small
 * matrix products of a warp. Under nvcc these are PTX, elsewhere the same in C++. */
#ifndef RN_MMA_CUH
#define RN_MMA_CUH

#include <stdint.h>
#include <string.h>

/* --- bf16: the upper half of a float --- */

static __device__ __forceinline__ float rn_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static __device__ __forceinline__ float rn_from_bf16(uint16_t h)
{
    return rn_from_bits((uint32_t)h << 16);
}

/* Two of them, the lower half first. */
static __device__ __forceinline__ void rn_unpack_bf16(float x[2], uint32_t pair)
{
    x[0] = rn_from_bits(pair << 16);
    x[1] = rn_from_bits(pair & 0xffff0000u);
}

#ifdef __CUDACC__

static __device__ __forceinline__ uint32_t rn_pack_bf16(float lo, float hi)
{
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(hi), "f"(lo));
    return pair;
}

static __device__ __forceinline__ uint16_t rn_to_bf16(float x)
{
    return (uint16_t)rn_pack_bf16(x, 0.0f);
}

#else

/* To the nearest, ties to even; a NaN becomes the instruction's. */
static inline uint16_t rn_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff;
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline uint32_t rn_pack_bf16(float lo, float hi)
{
    return rn_to_bf16(lo) | (uint32_t)rn_to_bf16(hi) << 16;
}

#endif
#endif
