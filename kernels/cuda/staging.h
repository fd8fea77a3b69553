/* kernels/cuda/staging.h - from the host's memory to the device's, without waiting for the device.
 *
 *     rn_staging_put(&s, stream, mem, host, size_bytes)    host may be changed when it returns
 *
 * The bytes are copied to memory that the device can read by itself, and from there in the order of
 * the stream. It waits only where the device is several such pieces behind. */
#ifndef RN_STAGING_H
#define RN_STAGING_H

#include <cuda_runtime_api.h>
#include <stddef.h>

enum { RN_STAGING_SLOTS = 4 };

struct rn_staging {
    char *pinned; /* RN_STAGING_SLOTS pieces */
    cudaEvent_t sent[RN_STAGING_SLOTS];
    int next;
};

cudaError_t rn_staging_init(struct rn_staging *);
void rn_staging_release(struct rn_staging *); /* of one that init has seen, or of zeros */
cudaError_t rn_staging_put(struct rn_staging *, cudaStream_t, void *mem, const void *host,
                           size_t size_bytes);

#endif
