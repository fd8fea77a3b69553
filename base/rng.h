/* rng.h - random numbers that are a function of (seed, stream, index), without history.
 *
 *     uint64_t r = rn_rand_u64(rn_stream(seed, "init/wte"), i);
 *
 * The same numbers on every machine and for any thread count, because no generator state exists:
 * value i of a stream is computed from i (Philox 4x32-10, Salmon et al. 2011), by nothing but exact
 * and correctly rounded operations. */
#ifndef RN_RNG_H
#define RN_RNG_H

#include <stddef.h>
#include <stdint.h>

/* A stream for one purpose; distinct names give independent streams. */
uint64_t rn_stream(uint64_t seed, const char *name);

uint64_t rn_rand_u64(uint64_t stream, uint64_t index);
double rn_rand_unit(uint64_t stream, uint64_t index);   /* [0, 1), 53 bits */
double rn_rand_normal(uint64_t stream, uint64_t index); /* N(0, 1) */
double rn_normal_of(uint64_t bits);                     /* its quantile function */
/* Many at once, the same numbers: out[i] is the one at first + i. */
void rn_rand_units(uint64_t stream, uint64_t first, size_t n, double *out);
void rn_rand_normals(uint64_t stream, uint64_t first, size_t n, double *out);
/* Uniform in [0, n), without modulo bias worth naming (n < 2^32). */
uint32_t rn_rand_below(uint64_t stream, uint64_t index, uint32_t n);

#endif
