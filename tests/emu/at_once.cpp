/* A stream for tests of kernels alone: what is enqueued runs at once. */
#include "cuda_emu.h"

void emu::submit(cudaStream_t, std::function<void()> work)
{
    work();
}
