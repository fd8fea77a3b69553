/* runs.cuh - several tensors in one launch: each has a run of its blocks.
 *
 *     struct rn_runs runs = {};                                            host
 *     for (int i = 0; i < n; i++)
 *         rn_runs_add(&runs, blocks_of_tensor_i);
 *     RN_LAUNCH(kernel, rn_runs_blocks(&runs), ..)
 *
 *     int i = rn_run_of(runs);                                             device: whose block
 *     unsigned block = blockIdx.x - runs.first[i], blocks = runs.first[i + 1] - runs.first[i];
 *
 * A block does for its tensor what it would do in a launch for that tensor alone: the same bits. */
#ifndef RN_RUNS_CUH
#define RN_RUNS_CUH

#include "cuda.h"

enum { RN_RUNS_MOST = 64 };

struct rn_runs {
    int n;
    unsigned first[RN_RUNS_MOST + 1]; /* block of each; behind the last: how many there are */
};

static inline void rn_runs_add(struct rn_runs *runs, unsigned blocks)
{
    RN_ASSERT(runs->n < RN_RUNS_MOST);
    runs->first[runs->n + 1] = runs->first[runs->n] + blocks;
    runs->n++;
}

static inline unsigned rn_runs_blocks(const struct rn_runs *runs)
{
    return runs->first[runs->n];
}

/* Of the block that asks. */
static __device__ __forceinline__ int rn_run_of(const struct rn_runs &runs)
{
    int low = 0, high = runs.n - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (blockIdx.x >= runs.first[middle])
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

#endif
