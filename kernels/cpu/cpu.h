/* cpu.h - what the files of the CPU backend share.
 *
 *     static void fwd(const struct rn_args *a) { ... }                 <op>_cpu.c
 *     const struct rn_kernel RN_CPU(softcap) = {.fwd = fwd, .bwd = bwd};
 *
 * Every <op>_cpu.c is compiled once for each instruction set, and cpu_backend.c takes the best
 * table when it opens:
 *
 *     RN_ISA      portable    v3      v4         v4bf16                      v4amx
 *     needs       nothing     AVX2    AVX-512    and its products of bf16    and tiles of them
 *
 * The maths is a plain function; one adapter knows struct rn_args.
 *
 * Same bits for any number of threads: work is cut into pieces by shape alone (rows, RN_CHUNK
 * elements, or rn_parts), each piece is computed by one thread, and partial sums are added in the
 * order of the pieces. */
#ifndef RN_CPU_H
#define RN_CPU_H

#include "backend.h"

#include <omp.h>

struct rn_kernel { /* fwd, bwd: no allocation, no waiting; NULL: there is none */
    void (*fwd)(const struct rn_args *);
    void (*bwd)(const struct rn_args *);
    size_t (*scratch_bytes)(const struct rn_args *, int threads); /* NULL: none */
};

#define RN_CPU_JOIN_(name, isa) rn_cpu_##name##_##isa
#define RN_CPU_JOIN(name, isa)  RN_CPU_JOIN_(name, isa)
#define RN_CPU(name)            RN_CPU_JOIN(name, RN_ISA)

enum { RN_CHUNK = 16384 }; /* elements of a piece of a flat loop */

static inline int64_t rn_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t rn_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
static inline int64_t rn_div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Flat loops: for (c in 0 .. rn_chunks(n)) elements [c * RN_CHUNK, rn_chunk_end(c, n)). */
static inline int64_t rn_chunks(int64_t n)
{
    return rn_div_up(n, RN_CHUNK);
}
static inline int64_t rn_chunk_end(int64_t c, int64_t n)
{
    return rn_min((c + 1) * RN_CHUNK, n);
}

/* Whether a loop over n elements is worth waking other threads for. */
static inline bool rn_worth(int64_t n)
{
    return n >= RN_CHUNK;
}

/* Sums over rows: number of pieces that R rows are cut into, and where piece p starts. */
enum { RN_PARTS_MAX = 32 };
static inline int64_t rn_parts(int64_t R)
{
    return rn_max(1, rn_min(RN_PARTS_MAX, R / 32));
}
static inline int64_t rn_part_start(int64_t p, int64_t parts, int64_t R)
{
    return p * R / parts;
}

/* dst[0..n) = or += the sum of parts rows of n floats, in their order. */
static inline void rn_add_parts(float *dst, const float *part, int64_t parts, int64_t n, bool add)
{
    for (int64_t i = 0; i < n; i++) {
        float s = part[i];
        for (int64_t p = 1; p < parts; p++)
            s += part[p * n + i];
        dst[i] = add ? dst[i] + s : s;
    }
}

/* C(M,N) = alpha * op(A)(M,K) op(B)(K,N) + beta * C, row-major; ta: A is stored (K,M). rn_gemm uses
 * all threads, rn_gemm_one the calling one (inside a parallel loop). beta 0 overwrites NaN. */
void rn_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *A,
             int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc);
void rn_gemm_one(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *A,
                 int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc);

#endif
