/* rng_impl.h - how many random numbers are made at once: for rng.c and its test. */
#ifndef RN_RNG_IMPL_H
#define RN_RNG_IMPL_H

#include "rng.h"

#include <stdbool.h>

/* All ways give the same bits. */
struct rn_rng_way {
    const char *name;
    bool (*runs_here)(void);
    void (*units)(uint64_t stream, uint64_t first, size_t n, double *out);
    void (*normals)(uint64_t stream, uint64_t first, size_t n, double *out);
};
extern const struct rn_rng_way rn_rng_ways[]; /* best first; the last runs everywhere */
extern const size_t rn_rng_way_count;

#endif
