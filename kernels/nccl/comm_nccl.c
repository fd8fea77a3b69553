/* NCCL as a comm: parts of a slab in a card's memory travel in rounds of one piece for each owner.
 *
 *     reduce    a round packs the next piece of each owner's parts, and reduces and scatters them.
 *     gather    a round gives everybody the next piece of every owner's parts.
 *
 * All goes through a stream of its own, behind the mark that comes with a call, while the card goes
 * on computing. Waiting looks at the stream and at the communicator in turns, so that what NCCL
 * learns of a lost rank is heard, and a rank that waits takes no processor. */
#include "borders.h"
#include "comm_backend.h"
#include "comm_pieces.h"
#include "mem.h"
#include "nccl_api.h"
#include "str.h"

#include <cuda_runtime_api.h>
#include <stdlib.h>
#include <string.h>

/* A round's bytes for all owners: large enough that NCCL is not busy beginning. Words are what
 * is said between hosts. */
enum { BUCKET_BYTES = 32 << 20, WORDS_BYTES = RN_COMM_WORDS * sizeof(double) };

struct nccl {
    const struct rn_host *host;
    const struct rn_nccl *api;
    ncclComm_t comm; /* NULL: not there, or broken and gone */
    cudaStream_t stream;
    int rank, world;
    float *all, *one; /* on the card: a piece of each rank's; a piece */
    char *words;      /* on the card: WORDS_BYTES of each rank's, and of mine */
};

/* --- calls and their ends --- */

static int cuda_failed(const struct nccl *c, const char *what, cudaError_t e, struct rn_err *err)
{
    return c->host->fail(err, RN_EDEVICE, RN_NOWHERE, "the GPU cannot %s for the ranks: %s", what,
                         cudaGetErrorString(e));
}

/* Whatever still runs is ended: a broken communicator waits for ever. */
static int nccl_failed(struct nccl *c, const char *what, ncclResult_t r, struct rn_err *err)
{
    if (c->comm)
        c->api->ncclCommAbort(c->comm);
    c->comm = NULL;
    return c->host->fail(err, RN_EPEER, RN_NOWHERE, "NCCL cannot %s: %s", what,
                         c->api->ncclGetErrorString(r));
}

/* Calls return before they are done: the communicator knows. */
static int settle(struct nccl *c, const char *what, ncclResult_t r, struct rn_err *err)
{
    for (long looks = 0; r == ncclInProgress; looks++) {
        ncclResult_t asked = c->api->ncclCommGetAsyncError(c->comm, &r);
        r = asked == ncclSuccess ? r : asked;
        if (r == ncclInProgress)
            rn_comm_nap(looks);
    }
    return r == ncclSuccess ? RN_OK : nccl_failed(c, what, r, err);
}

static int wait(struct nccl *c, const char *what, struct rn_err *err)
{
    cudaError_t e;
    for (long looks = 0; (e = cudaStreamQuery(c->stream)) == cudaErrorNotReady; looks++) {
        RN_TRY(settle(c, what, ncclInProgress, err));
        rn_comm_nap(looks);
    }
    return e == cudaSuccess ? RN_OK : cuda_failed(c, what, e, err);
}

static int copy_words(struct nccl *c, void *to, const void *from, size_t size_bytes,
                      enum cudaMemcpyKind kind, struct rn_err *err)
{
    cudaError_t e = cudaMemcpyAsync(to, from, size_bytes, kind, c->stream);
    return e == cudaSuccess ? wait(c, "copy", err) : cuda_failed(c, "copy", e, err);
}

/* A communicator that broke stays so. */
static int check_whole(const struct nccl *c, struct rn_err *err)
{
    if (c->comm)
        return RN_OK;
    return c->host->fail(err, RN_EPEER, RN_NOWHERE, "NCCL has failed before");
}

/* --- slabs --- */

struct copying {
    cudaStream_t stream;
    cudaError_t first; /* what failed */
};

static void copy(void *ctx, float *to, const float *from, size_t n)
{
    struct copying *k = ctx;
    cudaError_t e = cudaMemcpyAsync(to, from, n * sizeof *to, cudaMemcpyDeviceToDevice, k->stream);
    k->first = k->first == cudaSuccess ? e : k->first;
}

static int reduce_round(struct nccl *c, struct rn_pieces *p, float *slab, struct copying *k,
                        struct rn_err *err)
{
    for (int r = 0; r < c->world; r++)
        rn_pieces_take(p, r, slab, c->all + (size_t)r * p->size, copy, k);
    ncclResult_t r = c->api->ncclReduceScatter(c->all, c->one, p->size, ncclFloat32, ncclSum,
                                               c->comm, c->stream);
    RN_TRY(settle(c, "add up", r, err));
    rn_pieces_put(p, c->rank, slab, c->one, copy, k);
    return RN_OK;
}

static int gather_round(struct nccl *c, struct rn_pieces *p, float *slab, struct copying *k,
                        struct rn_err *err)
{
    rn_pieces_take(p, c->rank, slab, c->one, copy, k);
    ncclResult_t r =
        c->api->ncclAllGather(c->one, c->all, p->size, ncclFloat32, c->comm, c->stream);
    RN_TRY(settle(c, "gather", r, err));
    for (int owner = 0; owner < c->world; owner++)
        rn_pieces_put(p, owner, slab, c->all + (size_t)owner * p->size, copy, k);
    return RN_OK;
}

typedef int round_fn(struct nccl *, struct rn_pieces *, float *slab, struct copying *,
                     struct rn_err *);

/* Floats of each owner in a round. */
static size_t piece_max(int world)
{
    return BUCKET_BYTES / sizeof(float) / (size_t)world;
}

static int in_rounds(struct nccl *c, round_fn *round, float *slab, const struct rn_comm_part *parts,
                     size_t n, cudaEvent_t after, struct rn_err *err)
{
    struct rn_pieces p;
    struct copying k = {.stream = c->stream};
    RN_TRY(check_whole(c, err));
    cudaError_t e = after ? cudaStreamWaitEvent(c->stream, after, 0) : cudaSuccess;
    if (e != cudaSuccess)
        return cuda_failed(c, "wait", e, err);
    rn_pieces_init(&p, parts, n, c->world, piece_max(c->world));
    int rc = RN_OK;
    for (size_t i = 0; i < p.rounds && rc == RN_OK; i++)
        rc = round(c, &p, slab, &k, err);
    rn_pieces_release(&p);
    RN_TRY(rc);
    return k.first == cudaSuccess ? RN_OK : cuda_failed(c, "copy", k.first, err);
}

static int nccl_reduce(void *ctx, float *slab, const struct rn_comm_part *parts, size_t n,
                       void *after, struct rn_err *err)
{
    return in_rounds(ctx, reduce_round, slab, parts, n, after, err);
}

static int nccl_gather(void *ctx, float *slab, const struct rn_comm_part *parts, size_t n,
                       void *after, struct rn_err *err)
{
    return in_rounds(ctx, gather_round, slab, parts, n, after, err);
}

static int nccl_finish(void *ctx, struct rn_err *err)
{
    RN_TRY(check_whole(ctx, err));
    return wait(ctx, "move what ranks share", err);
}

/* --- words --- */

static int nccl_hear(void *ctx, const double *mine, size_t n, double *all, struct rn_err *err)
{
    struct nccl *c = ctx;
    size_t size_bytes = n * sizeof *mine;
    char *out = c->words + (size_t)c->world * WORDS_BYTES;
    RN_TRY(check_whole(c, err));
    RN_TRY(copy_words(c, out, mine, size_bytes, cudaMemcpyHostToDevice, err));
    ncclResult_t r = c->api->ncclAllGather(out, c->words, n, ncclFloat64, c->comm, c->stream);
    RN_TRY(settle(c, "hear all ranks", r, err));
    RN_TRY(wait(c, "hear all ranks", err)); /* a copy to the host would wait without looking */
    return copy_words(c, all, c->words, (size_t)c->world * size_bytes, cudaMemcpyDeviceToHost, err);
}

static int nccl_tell(void *ctx, void *bytes, size_t size_bytes, struct rn_err *err)
{
    struct nccl *c = ctx;
    RN_ASSERT(size_bytes <= WORDS_BYTES);
    RN_TRY(check_whole(c, err));
    if (c->rank == 0)
        RN_TRY(copy_words(c, c->words, bytes, size_bytes, cudaMemcpyHostToDevice, err));
    ncclResult_t r =
        c->api->ncclBroadcast(c->words, c->words, size_bytes, ncclUint8, 0, c->comm, c->stream);
    RN_TRY(settle(c, "hear rank 0", r, err));
    RN_TRY(wait(c, "hear rank 0", err));
    if (c->rank == 0)
        return RN_OK;
    return copy_words(c, bytes, c->words, size_bytes, cudaMemcpyDeviceToHost, err);
}

/* --- open and close --- */

static void release(struct nccl *c)
{
    if (c->stream)
        cudaStreamDestroy(c->stream);
    cudaFree(c->all);
    cudaFree(c->one);
    cudaFree(c->words);
    free(c);
}

static void nccl_close(void *ctx)
{
    struct nccl *c = ctx;
    if (c->comm && settle(c, "part", c->api->ncclCommFinalize(c->comm), NULL) == RN_OK)
        c->api->ncclCommDestroy(c->comm);
    release(c);
}

static size_t nccl_room_bytes(int world)
{
    size_t pieces = piece_max(world) * sizeof(float), n = (size_t)world + 1;
    return n * pieces + n * WORDS_BYTES;
}

static int take_memory(struct nccl *c, int card, struct rn_err *err)
{
    size_t world = (size_t)c->world, piece_bytes = piece_max(c->world) * sizeof(float);
    int least, first;
    cudaError_t e = cudaSetDevice(card);
    if (e == cudaSuccess)
        e = cudaDeviceGetStreamPriorityRange(&least, &first);
    if (e == cudaSuccess) /* behind a kernel of many blocks it would wait for all of them */
        e = cudaStreamCreateWithPriority(&c->stream, cudaStreamNonBlocking, first);
    if (e == cudaSuccess)
        e = cudaMalloc((void **)&c->all, world * piece_bytes);
    if (e == cudaSuccess)
        e = cudaMalloc((void **)&c->one, piece_bytes);
    if (e == cudaSuccess)
        e = cudaMalloc((void **)&c->words, (world + 1) * WORDS_BYTES);
    return e == cudaSuccess ? RN_OK : cuda_failed(c, "make room", e, err);
}

static void to_hex(const ncclUniqueId *id, char word[RN_COMM_WORD])
{
    for (size_t i = 0; i < sizeof id->internal; i++)
        snprintf(word + 2 * i, 3, "%02x", (unsigned char)id->internal[i]);
}

static bool from_hex(ncclUniqueId *id, const char *word)
{
    unsigned byte;
    for (size_t i = 0; i < sizeof id->internal; i++) {
        if (sscanf(word + 2 * i, "%2x", &byte) != 1)
            return false;
        id->internal[i] = (char)byte;
    }
    return true;
}

/* Rank 0's id, at all ranks. */
static int meet(struct nccl *c, const struct rn_comm_setup *setup, ncclUniqueId *id,
                struct rn_err *err)
{
    char word[RN_COMM_WORD] = "";
    if (c->rank == 0) {
        ncclResult_t r = c->api->ncclGetUniqueId(id);
        if (r != ncclSuccess)
            return nccl_failed(c, "begin", r, err);
        to_hex(id, word);
    }
    if (c->world > 1)
        RN_TRY(setup->meet(setup->ctx, word, err));
    if (c->rank == 0 || (strlen(word) == 2 * sizeof id->internal && from_hex(id, word)))
        return RN_OK;
    return c->host->fail(err, RN_EPEER, RN_NOWHERE, "what rank 0 says is no id of NCCL's");
}

/* Sums in a stated order, for the same bits in every run with as many ranks: a ring, whole
 * messages, and not the switch's own sums. What the user has set stands. */
static void fix_order(void)
{
    setenv("NCCL_ALGO", "Ring", 0);
    setenv("NCCL_PROTO", "Simple", 0);
    setenv("NCCL_NVLS_ENABLE", "0", 0);
}

static int join(struct nccl *c, const struct rn_comm_setup *setup, struct rn_err *err)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId id;
    config.blocking = 0;
    fix_order();
    RN_TRY(meet(c, setup, &id, err));
    ncclResult_t r = c->api->ncclCommInitRankConfig(&c->comm, c->world, id, c->rank, &config);
    return settle(c, "bring the ranks together", r, err);
}

static size_t free_memory(void)
{
    size_t free_bytes = 0, all_bytes;
    cudaMemGetInfo(&free_bytes, &all_bytes);
    return free_bytes;
}

/* NCCL makes its channels when they are first used, and says nowhere what they take: what is gone
 * after all ranks have said a word, which may be another program's. */
static int tell_memory(struct nccl *c, size_t free_bytes, int card, struct rn_err *err)
{
    double word = 0, all[RN_RANKS_MAX];
    char ours[32], its[32];
    int version = 0;
    RN_TRY(nccl_hear(c, &word, 1, all, err));
    size_t left_bytes = free_memory();
    c->api->ncclGetVersion(&version);
    rn_log(
        c->host->log, c->rank == 0 ? RN_INFO : RN_DEBUG,
        "NCCL %d.%d.%d: rank %d of %d on card %d; %s of its memory for what travels, about %s for "
        "NCCL",
        version / 10000, version / 100 % 100, version % 100, c->rank, c->world, card,
        rn_show_bytes(ours, (double)nccl_room_bytes(c->world)),
        rn_show_bytes(its, free_bytes > left_bytes ? (double)(free_bytes - left_bytes) : 0));
    return RN_OK;
}

static int nccl_open(void **ctx, const struct rn_host *host, const struct rn_comm_setup *setup,
                     int card, struct rn_err *err)
{
    const char *missing;
    struct nccl *c = rn_new(struct nccl);
    *c = (struct nccl){.host = host, .rank = setup->seat.rank, .world = setup->seat.world};
    c->api = rn_nccl_load(&missing); /* which rn_comm_plugin_open has tried */
    int rc = take_memory(c, card, err);
    size_t free_bytes = rc == RN_OK ? free_memory() : 0;
    if (rc == RN_OK)
        rc = join(c, setup, err);
    if (rc == RN_OK)
        rc = tell_memory(c, free_bytes, card, err);
    if (rc != RN_OK) {
        release(c);
        return rc;
    }
    *ctx = c;
    return RN_OK;
}

static const struct rn_comm_backend backend = {
    .abi = RN_ABI,
    .size_bytes = sizeof(struct rn_comm_backend),
    .ops_digest = RN_BORDERS_DIGEST,
    .name = "nccl",
    .on_device = true,
    .room_bytes = nccl_room_bytes,
    .open = nccl_open,
    .close = nccl_close,
    .reduce = nccl_reduce,
    .gather = nccl_gather,
    .finish = nccl_finish,
    .hear = nccl_hear,
    .tell = nccl_tell,
};

rn_comm_plugin_open_fn rn_comm_plugin_open;

const struct rn_comm_backend *rn_comm_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    const char *missing = NULL;
    if (!rn_host_fits(host, err))
        return NULL;
    if (rn_nccl_load(&missing))
        return &backend;
    rn_hint(err, "install NCCL, or go through the host's memory: RUNNEL_COMM=mpi");
    host->fail(err, RN_EDEVICE, RN_NOWHERE, "NCCL is not there: %s", missing);
    return NULL;
}
