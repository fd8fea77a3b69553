/* parallel.h - a loop on several threads.
 *
 *     static void encode(void *ctx, int64_t first, int64_t end, int worker);
 *     rn_parallel(threads, n_docs, 4, encode, &work);
 *
 * For work that comes in pieces of a millisecond or more: threads are made for each call. (Kernels
 * have OpenMP, behind the backend's door; the program itself starts without it.) */
#ifndef RN_PARALLEL_H
#define RN_PARALLEL_H

#include <stdint.h>

/* Calls `body` with pieces [first, end) of [0, n), at most `piece` long, in order but at the same
 * time, until all are done. worker: 0 to threads - 1, never two at a time with the same number.
 * threads < 1: as many as this process may use. */
void rn_parallel(int threads, int64_t n, int64_t piece,
                 void (*body)(void *ctx, int64_t first, int64_t end, int worker), void *ctx);

#endif
