#include "staging.h"

#include <string.h>

static const size_t slot_bytes = 4u << 20;

cudaError_t rn_staging_init(struct rn_staging *s)
{
    *s = (struct rn_staging){0};
    cudaError_t e =
        cudaHostAlloc((void **)&s->pinned, RN_STAGING_SLOTS * slot_bytes, cudaHostAllocDefault);
    if (e == cudaSuccess)
        e = cudaHostAlloc((void **)&s->got, RN_STAGING_GET_BYTES, cudaHostAllocDefault);
    for (int i = 0; i < RN_STAGING_SLOTS && e == cudaSuccess; i++)
        e = cudaEventCreateWithFlags(&s->sent[i], cudaEventDisableTiming);
    return e;
}

void rn_staging_release(struct rn_staging *s)
{
    for (int i = 0; i < RN_STAGING_SLOTS; i++)
        if (s->sent[i])
            cudaEventDestroy(s->sent[i]);
    if (s->pinned)
        cudaFreeHost(s->pinned);
    if (s->got)
        cudaFreeHost(s->got);
}

/* An event that was never recorded is over. */
static cudaError_t put_piece(struct rn_staging *s, cudaStream_t stream, void *mem, const void *host,
                             size_t size_bytes)
{
    int slot = s->next;
    char *pinned = s->pinned + (size_t)slot * slot_bytes;
    s->next = (slot + 1) % RN_STAGING_SLOTS;
    cudaError_t e = cudaEventSynchronize(s->sent[slot]);
    if (e != cudaSuccess)
        return e;
    memcpy(pinned, host, size_bytes);
    e = cudaMemcpyAsync(mem, pinned, size_bytes, cudaMemcpyHostToDevice, stream);
    return e == cudaSuccess ? cudaEventRecord(s->sent[slot], stream) : e;
}

cudaError_t rn_staging_put(struct rn_staging *s, cudaStream_t stream, void *mem, const void *host,
                           size_t size_bytes)
{
    cudaError_t e = cudaSuccess;
    for (size_t at = 0; at < size_bytes && e == cudaSuccess; at += slot_bytes) {
        size_t n = size_bytes - at < slot_bytes ? size_bytes - at : slot_bytes;
        e = put_piece(s, stream, (char *)mem + at, (const char *)host + at, n);
    }
    return e;
}

/* --- back --- */

bool rn_staging_has_room(const struct rn_staging *s, size_t size_bytes)
{
    return s->n_gets < RN_STAGING_GETS && size_bytes <= RN_STAGING_GET_BYTES - s->got_bytes;
}

cudaError_t rn_staging_get(struct rn_staging *s, cudaStream_t stream, void *host, const void *mem,
                           size_t size_bytes)
{
    s->gets[s->n_gets++] = (struct rn_staged_get){host, s->got_bytes, size_bytes};
    char *to = s->got + s->got_bytes;
    s->got_bytes += size_bytes;
    return cudaMemcpyAsync(to, mem, size_bytes, cudaMemcpyDeviceToHost, stream);
}

void rn_staging_deliver(struct rn_staging *s)
{
    for (size_t i = 0; i < s->n_gets; i++)
        memcpy(s->gets[i].host, s->got + s->gets[i].at, s->gets[i].size_bytes);
    s->n_gets = s->got_bytes = 0;
}
