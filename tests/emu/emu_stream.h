/* tests/emu/emu_stream.h - a stream of the stand-in for the CUDA runtime: what is enqueued runs as
 * late as a GPU might run it, when somebody waits.
 *
 *     emu::enqueue(stream, [=] { ... });
 *
 * So whoever reads without waiting, or changes memory that a copy has yet to read, sees it. */
#ifndef EMU_STREAM_H
#define EMU_STREAM_H

#include <cuda_runtime_api.h>
#include <functional>

namespace emu
{

/* Into the stream's queue, or into the graph that it records. */
void enqueue(cudaStream_t, std::function<void()>);

/* What the next calls of the runtime and the libraries should answer, from the environment:
 * RN_EMU_FAIL=cudaMalloc:3 makes the third call of that name fail. */
bool fails(const char *call);

} /* namespace emu */

#endif
