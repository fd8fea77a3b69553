/* cuda_device.h - the inside of an open CUDA device, for the files of the backend that
 * are no kernels.
 *
 * All work goes through one stream, so that it happens in the order of the calls. Whatever fails is
 * told at the next call that can tell: the first failure is kept, and later ones are its echoes. */
#ifndef RN_CUDA_DEVICE_H
#define RN_CUDA_DEVICE_H

#include "cuda.h"
#include "staging.h"

struct rn_matmuls;
struct rn_sdpa;

struct rn_cuda {
    const struct rn_host *host;
    cudaStream_t stream;
    cudaEvent_t mark; /* of its newest rn_backend.mark */
    struct rn_staging staging;
    struct rn_matmuls *matmuls;
    struct rn_sdpa *sdpa;         /* NULL: no cuDNN */
    struct rn_cuda_block *blocks; /* what alloc has given, n_blocks of them */
    size_t n_blocks, cap_blocks;
    size_t bytes_now, bytes_max, bytes_all;
    int card, cards;  /* which of how many that the driver shows */
    bool fp8;         /* it multiplies codes of eight bits */
    bool graphs;      /* whole plans are replayed as graphs */
    char model[64];   /* "NVIDIA H100 80GB HBM3" */
    char failed[256]; /* "" or the first failure */
};

/* Keeps a failure that is no cudaError_t: "cuBLASLt: no algorithm for (..)". */
void rn_cuda_failed(struct rn_cuda *, const char *fmt, ...) RN_PRINTF(2, 3);

#endif
