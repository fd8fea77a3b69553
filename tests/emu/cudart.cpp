/* A stand-in for the CUDA runtime, as far as the backend uses it: memory is memory, filled with
 * NaN; streams run late (emu_stream.h); graphs are lists of what was recorded. */
#include "emu_stream.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

using work = std::function<void()>;

struct CUstream_st {
    std::deque<work> queue;
    std::vector<work> recorded;
    bool recording;
    long asked, done;
};
struct CUevent_st {
    cudaStream_t stream; /* NULL: never recorded */
    long asked;          /* of it until then */
};
struct CUgraph_st {
    std::vector<work> nodes;
};
struct CUgraphExec_st {
    std::vector<work> nodes;
};

namespace
{

const size_t MEMORY_BYTES = (size_t)2 << 30; /* of the card that is played */
std::map<void *, size_t> blocks;
std::map<void *, size_t> pinned;
std::set<cudaStream_t> streams;
size_t bytes_now;
long waits;
int current_card;
cudaError_t last_error;

cudaError_t say(cudaError_t e)
{
    if (e != cudaSuccess)
        last_error = e;
    return e;
}

[[noreturn]] void complain(const char *what)
{
    fprintf(stderr, "emu: %s\n", what);
    abort();
}

/* Whether [p, p + n) lies in one block of the device. */
bool on_device(const void *p, size_t n)
{
    auto after = blocks.upper_bound((void *)p);
    if (after == blocks.begin())
        return false;
    auto block = --after;
    return (const char *)p + n <= (const char *)block->first + block->second;
}

bool is_pinned(const void *p)
{
    auto after = pinned.upper_bound((void *)p);
    return after != pinned.begin() &&
           (const char *)p < (const char *)(--after)->first + after->second;
}

/* Until so many have been done since the stream was made. */
void drain_until(cudaStream_t s, long done)
{
    if (s->recording)
        complain("waits for a stream that records a graph");
    while (s->done < done) {
        work w = std::move(s->queue.front());
        s->queue.pop_front();
        w();
        s->done++;
    }
}

void drain(cudaStream_t s)
{
    drain_until(s, s->asked);
}

} /* namespace */

/* Into the queue, or into the graph that is recorded. */
void emu::submit(cudaStream_t s, work w)
{
    if (!s)
        complain("work for the default stream");
    if (s->recording) {
        s->recorded.push_back(std::move(w));
        return;
    }
    s->queue.push_back(std::move(w));
    s->asked++;
}

void emu::hurry(cudaStream_t s)
{
    if (getenv("RN_EMU_HURRY"))
        drain(s);
}

void emu::note(const char *call)
{
    const char *path = getenv("RN_EMU_NOTES");
    if (!path)
        return;
    std::string mine = std::string(path) + "." + std::to_string(current_card);
    FILE *f = fopen(mine.c_str(), "a");
    fprintf(f, "%s\n", call);
    fclose(f);
}

bool emu::fails(const char *call)
{
    static std::map<std::string, int> calls;
    static const char *want = getenv("RN_EMU_FAIL");
    if (!want)
        return false;
    const char *colon = strchr(want, ':');
    size_t n = colon ? (size_t)(colon - want) : strlen(want);
    return strlen(call) == n && strncmp(want, call, n) == 0 &&
           ++calls[call] == (colon ? strtol(colon + 1, NULL, 10) : 1);
}

/* --- the card --- */

/* As many as the environment says. */
static int cards(void)
{
    const char *text = getenv("RN_EMU_CARDS");
    return text ? (int)strtol(text, NULL, 10) : 1;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    const char *status = getenv("RN_EMU_NO_GPU"); /* a cudaError_t */
    *n = cards();
    return status ? (cudaError_t)strtol(status, NULL, 10) : cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int)
{
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "emulated GPU");
    const char *capability = getenv("RN_EMU_CAPABILITY"); /* 80: an A100's */
    int version = capability ? atoi(capability) : 90;
    p->major = version / 10;
    p->minor = version % 10;
    p->multiProcessorCount = 132;
    p->totalGlobalMem = MEMORY_BYTES;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int card)
{
    if (card < 0 || card >= cards())
        return say(cudaErrorInvalidDevice);
    current_card = card;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *card)
{
    *card = current_card;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    const char *text = getenv("RN_EMU_DRIVER"); /* 12040; 0: there is none */
    *version = text ? atoi(text) : CUDART_VERSION;
    return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaSuccess                 ? "no error"
           : e == cudaErrorMemoryAllocation ? "out of memory"
                                            : "an error that was asked for";
}

cudaError_t cudaGetLastError(void)
{
    cudaError_t e = last_error;
    last_error = cudaSuccess;
    return e;
}

cudaError_t cudaPeekAtLastError(void)
{
    return last_error;
}

/* --- memory --- */

cudaError_t cudaMalloc(void **p, size_t n)
{
    *p = NULL;
    if (emu::fails("cudaMalloc") || n > MEMORY_BYTES - bytes_now)
        return say(cudaErrorMemoryAllocation);
    if (posix_memalign(p, 256, n) != 0)
        return say(cudaErrorMemoryAllocation);
    memset(*p, 0xff, n);
    blocks[*p] = n;
    bytes_now += n;
    return cudaSuccess;
}

/* Waits for all that may still touch it. */
cudaError_t cudaFree(void *p)
{
    for (cudaStream_t s : streams)
        drain(s);
    if (!p)
        return cudaSuccess;
    auto block = blocks.find(p);
    if (block == blocks.end())
        complain("cudaFree of what is no block");
    bytes_now -= block->second;
    blocks.erase(block);
    free(p);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *all_bytes)
{
    *free_bytes = MEMORY_BYTES - bytes_now;
    *all_bytes = MEMORY_BYTES;
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **p, size_t n, unsigned)
{
    *p = malloc(n);
    pinned[*p] = n;
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p)
{
    pinned.erase(p);
    free(p);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t n, cudaStream_t s)
{
    if (emu::fails("cudaMemsetAsync") || !on_device(p, n))
        return say(cudaErrorInvalidValue);
    emu::submit(s, [=] { memset(p, value, n); });
    return cudaSuccess;
}

/* From pageable memory at once, as the driver stages it; all others late. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n, enum cudaMemcpyKind kind,
                            cudaStream_t s)
{
    bool to_device = kind != cudaMemcpyDeviceToHost, from_device = kind != cudaMemcpyHostToDevice;
    if (emu::fails("cudaMemcpyAsync") || (to_device && !on_device(to, n)) ||
        (from_device && !on_device(from, n)))
        return say(cudaErrorInvalidValue);
    if (!from_device && !is_pinned(from)) {
        std::vector<char> staged((const char *)from, (const char *)from + n);
        emu::submit(s, [=] { memcpy(to, staged.data(), n); });
        return cudaSuccess;
    }
    emu::submit(s, [=] { memmove(to, from, n); });
    return cudaSuccess;
}

/* --- streams and events --- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    *s = new CUstream_st();
    streams.insert(*s);
    return cudaSuccess;
}

/* Who comes first is not played: streams run when somebody looks. */
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *s, unsigned flags, int)
{
    return cudaStreamCreateWithFlags(s, flags);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *first)
{
    *least = 0;
    *first = -5;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    drain(s);
    streams.erase(s);
    delete s;
    return cudaSuccess;
}

/* Nothing runs but when somebody looks. */
cudaError_t cudaStreamQuery(cudaStream_t s)
{
    if (emu::fails("cudaStreamQuery"))
        return say(cudaErrorIllegalAddress);
    drain(s);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    if (emu::fails("cudaStreamSynchronize"))
        return say(cudaErrorIllegalAddress);
    waits++;
    drain(s);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    *e = new CUevent_st();
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *e)
{
    return cudaEventCreateWithFlags(e, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    delete e;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    if (s->recording)
        complain("an event in a graph");
    e->stream = s;
    e->asked = s->asked;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    if (e->stream)
        drain_until(e->stream, e->asked);
    return cudaSuccess;
}

/* For what the event stands for now: it may be recorded anew before the stream gets there. */
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned)
{
    if (emu::fails("cudaStreamWaitEvent"))
        return say(cudaErrorInvalidResourceHandle);
    CUevent_st now = *e;
    if (now.stream)
        emu::submit(s, [=] { drain_until(now.stream, now.asked); });
    return cudaSuccess;
}

/* There is no time here: a piece of work takes a millisecond, and less than another is chance, as
 * on a GPU, for what is decided by it. */
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    if (!from->stream || from->stream != to->stream || to->stream->done < to->asked)
        return say(cudaErrorNotReady);
    auto chance = std::chrono::steady_clock::now().time_since_epoch().count() / 16 % 64;
    *ms = (float)(to->asked - from->asked) + (float)(1 + chance) / 128;
    return cudaSuccess;
}

/* How often somebody has waited for a stream. */
extern "C" long emu_waits(void)
{
    return waits;
}

/* --- graphs --- */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode)
{
    s->recording = true;
    s->recorded.clear();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g)
{
    *g = NULL;
    s->recording = false;
    if (emu::fails("cudaStreamEndCapture"))
        return say(cudaErrorStreamCaptureInvalidated);
    *g = new CUgraph_st{s->recorded};
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t g, unsigned long long)
{
    *exec = new CUgraphExec_st{g->nodes};
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s)
{
    emu::note("graph");
    for (auto &node : exec->nodes)
        emu::submit(s, node);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    delete g;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}
