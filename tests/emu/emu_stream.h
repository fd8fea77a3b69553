/* tests/emu/emu_stream.h - what the stand-ins for CUDA's libraries share: emu::submit of
 * cuda_emu.h, which runs work as late as a GPU might run it, when somebody waits; and failures on
 * demand.
 *
 * So whoever reads without waiting, or changes memory that a copy has yet to read, sees it. */
#ifndef EMU_STREAM_H
#define EMU_STREAM_H

#include "cuda_emu.h"

namespace emu
{

/* What the next calls of the runtime and the libraries should answer, from the environment:
 * RN_EMU_FAIL=cudaMalloc:3 makes the third call of that name fail. */
bool fails(const char *call);
/* RN_EMU_HURRY=1: work that other streams may wait behind is done as early as it may, instead. */
void hurry(cudaStream_t s);
/* RN_EMU_NOTES=FILE: a line in FILE.CARD for each graph that is launched and each collective. */
void note(const char *call);

} /* namespace emu */

#endif
