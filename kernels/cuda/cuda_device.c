#include "cuda_device.h"

#include <stdarg.h>

cudaStream_t rn_cuda_stream(struct rn_cuda *c)
{
    return c->stream;
}

void rn_cuda_failed(struct rn_cuda *c, const char *fmt, ...)
{
    if (c->failed[0])
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->failed, sizeof c->failed, fmt, args);
    va_end(args);
}

bool rn_cuda_ok(struct rn_cuda *c, cudaError_t e, const char *what)
{
    if (e != cudaSuccess)
        rn_cuda_failed(c, "%s: %s", what, cudaGetErrorString(e));
    return !c->failed[0];
}
