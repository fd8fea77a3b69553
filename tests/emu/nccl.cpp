/* A stand-in for NCCL, as far as kernels/nccl uses it: ranks are processes of this machine that
 * share a file. As in NCCL, calls return before they are done, work happens in the order of a
 * stream, and two ranks on one card are refused. Sums are taken in the order of the ranks. */
#include <nccl.h> /* first: the emulator has macros for words of its headers */

#include "emu_stream.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

namespace
{

enum { RANKS_MAX = 8, SLOT_BYTES = 1 << 18 };

struct meeting { /* the file */
    std::atomic<int> joined, parted;
    std::atomic<long> arrived; /* at all barriers so far */
    int card[RANKS_MAX];
    alignas(64) char slot[RANKS_MAX][SLOT_BYTES];
};

template <typename is_true> void await(is_true f)
{
    for (int looks = 0; !f(); looks++)
        looks < 100 ? (void)sched_yield() : (void)usleep(200);
}

} /* namespace */

struct ncclComm {
    meeting *m;
    char path[NCCL_UNIQUE_ID_BYTES];
    int rank, world;
    long barriers;
    bool whole;

    void barrier()
    {
        long all = ++barriers * world;
        m->arrived++;
        await([=] { return m->arrived >= all; });
    }

    /* Puts my bytes where all see them, lets each look, and waits until all have. */
    template <typename look> void show(const char *bytes, size_t n, look f)
    {
        if (n > 0)
            memcpy(m->slot[rank], bytes, n);
        barrier();
        f();
        barrier();
    }
};

namespace
{

size_t size_of(ncclDataType_t type)
{
    return type == ncclFloat64 ? 8 : type == ncclFloat32 ? 4 : 1;
}

/* How much of [at, n) goes at once. */
size_t bite(size_t at, size_t n)
{
    return n - at < SLOT_BYTES ? n - at : (size_t)SLOT_BYTES;
}

void scatter_sums(ncclComm *c, const float *from, float *to, size_t n)
{
    for (int owner = 0; owner < c->world; owner++)
        for (size_t at = 0, size; at < n * 4; at += size) {
            size = bite(at, n * 4);
            c->show((const char *)(from + owner * n) + at, size, [&] {
                float *mine = to + at / 4;
                for (size_t i = 0; owner == c->rank && i < size / 4; i++) {
                    mine[i] = ((float *)c->m->slot[0])[i];
                    for (int r = 1; r < c->world; r++)
                        mine[i] += ((float *)c->m->slot[r])[i];
                }
            });
        }
}

void gather(ncclComm *c, const char *from, char *to, size_t n)
{
    for (size_t at = 0, size; at < n; at += size) {
        size = bite(at, n);
        c->show(from + at, size, [&] {
            for (int r = 0; r < c->world; r++)
                memcpy(to + r * n + at, c->m->slot[r], size);
        });
    }
}

void broadcast(ncclComm *c, const char *from, char *to, size_t n, int root)
{
    for (size_t at = 0, size; at < n; at += size) {
        size = bite(at, n);
        c->show(from + at, c->rank == root ? size : 0,
                [&] { memcpy(to + at, c->m->slot[root], size); });
    }
}

bool cards_differ(const ncclComm *c)
{
    for (int i = 0; i < c->world; i++)
        for (int k = 0; k < i; k++)
            if (c->m->card[i] == c->m->card[k])
                return false;
    return true;
}

ncclResult_t begin(const char *call)
{
    return emu::fails(call) ? ncclSystemError : ncclInProgress;
}

ncclResult_t ended(ncclResult_t r, const char *what, cudaStream_t s)
{
    emu::note(what);
    if (r == ncclInProgress)
        emu::hurry(s);
    return r;
}

} /* namespace */

ncclResult_t ncclGetVersion(int *version)
{
    *version = NCCL_VERSION_CODE;
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t r)
{
    return r == ncclInvalidUsage ? "two ranks on one GPU" : "an error that was asked for";
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    unsigned long long number = 0;
    if (emu::fails("ncclGetUniqueId") || getrandom(&number, sizeof number, 0) < 0)
        return ncclSystemError;
    memset(id, 0, sizeof *id);
    snprintf(id->internal, sizeof id->internal, "/dev/shm/nccl-emu-%llx", number);
    int fd = open(id->internal, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool whole = fd >= 0 && ftruncate(fd, sizeof(meeting)) == 0;
    close(fd);
    return whole ? ncclSuccess : ncclSystemError;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int world, ncclUniqueId id, int rank,
                                    ncclConfig_t *config)
{
    *out = NULL;
    if (emu::fails("ncclCommInitRankConfig") || config->blocking != 0 || world > RANKS_MAX)
        return ncclSystemError;
    int fd = open(id.internal, O_RDWR | O_CLOEXEC);
    void *m = mmap(NULL, sizeof(meeting), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (m == MAP_FAILED)
        return ncclSystemError;
    ncclComm *c = new ncclComm{(meeting *)m, {}, rank, world, 0, false};
    memcpy(c->path, id.internal, sizeof c->path);
    cudaGetDevice(&c->m->card[rank]);
    c->m->joined++;
    *out = c;
    return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t c, ncclResult_t *r)
{
    *r = ncclSuccess;
    if (emu::fails("ncclCommGetAsyncError"))
        *r = ncclRemoteError;
    else if (c->m->joined < c->world)
        *r = ncclInProgress;
    else if (!c->whole && !cards_differ(c))
        *r = ncclInvalidUsage;
    else if (!c->whole && c->rank == 0)
        unlink(c->path);
    c->whole = c->whole || *r == ncclSuccess;
    return ncclSuccess;
}

ncclResult_t ncclReduceScatter(const void *from, void *to, size_t n, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t c, cudaStream_t s)
{
    if (type != ncclFloat32 || op != ncclSum)
        return ncclInvalidArgument;
    ncclResult_t r = begin("ncclReduceScatter");
    if (r == ncclInProgress)
        emu::submit(s, [=] { scatter_sums(c, (const float *)from, (float *)to, n); });
    return ended(r, "reduce", s);
}

ncclResult_t ncclAllGather(const void *from, void *to, size_t n, ncclDataType_t type, ncclComm_t c,
                           cudaStream_t s)
{
    ncclResult_t r = begin("ncclAllGather");
    if (r == ncclInProgress)
        emu::submit(s, [=] { gather(c, (const char *)from, (char *)to, n * size_of(type)); });
    return ended(r, "gather", s);
}

ncclResult_t ncclBroadcast(const void *from, void *to, size_t n, ncclDataType_t type, int root,
                           ncclComm_t c, cudaStream_t s)
{
    ncclResult_t r = begin("ncclBroadcast");
    if (r == ncclInProgress)
        emu::submit(s,
                    [=] { broadcast(c, (const char *)from, (char *)to, n * size_of(type), root); });
    return r;
}

/* All ranks part together. */
ncclResult_t ncclCommFinalize(ncclComm_t c)
{
    if (emu::fails("ncclCommFinalize"))
        return ncclSystemError;
    c->m->parted++;
    await([=] { return c->m->parted >= c->world; });
    return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t c)
{
    return ncclCommAbort(c);
}

ncclResult_t ncclCommAbort(ncclComm_t c)
{
    if (c->rank == 0 && !c->whole)
        unlink(c->path);
    munmap(c->m, sizeof(meeting));
    delete c;
    return ncclSuccess;
}
