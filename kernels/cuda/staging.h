/* staging.h - between the host's memory and the device's, without waiting.
 *
 *     rn_staging_put(&s, stream, mem, host, size_bytes)    host may be changed when it returns
 *     rn_staging_get(&s, stream, host, mem, size_bytes)    host holds it after ..
 *     cudaStreamSynchronize(stream), rn_staging_deliver(&s)
 *
 * Between them lies memory that the device reads and writes by itself, in the order of the stream.
 * put waits only where the device is several pieces behind. */
#ifndef RN_STAGING_H
#define RN_STAGING_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

enum { RN_STAGING_SLOTS = 4, RN_STAGING_GETS = 1024, RN_STAGING_GET_BYTES = 1 << 16 };

struct rn_staging {
    char *pinned; /* RN_STAGING_SLOTS pieces */
    cudaEvent_t sent[RN_STAGING_SLOTS];
    int next;
    char *got; /* RN_STAGING_GET_BYTES, for small things that are read */
    struct rn_staged_get {
        void *host;
        size_t at, size_bytes;
    } gets[RN_STAGING_GETS]; /* on their way */
    size_t n_gets, got_bytes;
};

cudaError_t rn_staging_init(struct rn_staging *);
void rn_staging_release(struct rn_staging *); /* of one that init has seen, or of zeros */
cudaError_t rn_staging_put(struct rn_staging *, cudaStream_t, void *mem, const void *host,
                           size_t size_bytes);
/* Whether there is room for another one. */
bool rn_staging_has_room(const struct rn_staging *, size_t size_bytes);
cudaError_t rn_staging_get(struct rn_staging *, cudaStream_t, void *host, const void *mem,
                           size_t size_bytes);
void rn_staging_deliver(struct rn_staging *);

#endif
