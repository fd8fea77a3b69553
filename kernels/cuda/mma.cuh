/* mma.cuh - what the hardware has an instruction for and C++ has not: bf16, and small
 * matrix products of a warp, copies that nobody waits for. Under nvcc these are PTX. Elsewhere
 * conversions are C++, and the others come with RN_LAUNCH.
 *
 * Fragments of a product C(16,8) += A(16,16) B(16,8) are spread over a warp. With g = lane / 4 and
 * t = 2 * (lane % 4), a lane holds, two to a register:
 *
 *     a[0] A[g][t, t+1]    a[1] A[g+8][t, t+1]    a[2] A[g][t+8, t+9]    a[3] A[g+8][t+8, t+9]
 *     b[0] B[t, t+1][g]    b[1] B[t+8, t+9][g]
 *     c[0], c[1] C[g][t, t+1]    c[2], c[3] C[g+8][t, t+1] */
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

/* --- copies into a block's memory that a thread does not wait for --- */

/* 16 bytes, both ends on a boundary of 16. The copies since the last rn_copies_end are a group. */
static __device__ __forceinline__ void rn_copy_16(void *to, const void *from)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :
                 : "r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from)
                 : "memory");
}
static __device__ __forceinline__ void rn_copies_end()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}
/* Until all but the newest NEWER groups of this thread are there; others see them after a
 * barrier. */
template <int NEWER> static __device__ __forceinline__ void rn_copies_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(NEWER) : "memory");
}

/* --- products of a warp --- */

/* Four matrices of 8 x 8 bf16: the lanes 8i .. 8i+7 give the rows of matrix i, 16 bytes each on a
 * boundary of 16. r[i] = M[lane / 4][t, t+1]. */
static __device__ __forceinline__ void rn_ldmatrix(uint32_t r[4], const uint16_t *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"((uint32_t)__cvta_generic_to_shared(row))
                 : "memory");
}

/* Likewise, transposed: r[i] = M[t, t+1][lane / 4]. */
static __device__ __forceinline__ void rn_ldmatrix_t(uint32_t r[4], const uint16_t *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"((uint32_t)__cvta_generic_to_shared(row))
                 : "memory");
}

static __device__ __forceinline__ void rn_mma(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
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
