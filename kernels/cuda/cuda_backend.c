/* The GPU as a device. A plan is the list of calls; a stretch of them that is run more than once
 * becomes a graph, so that it costs the host one launch. */
#include "borders.h"
#include "cuda_device.h"
#include "matmul.h"
#include "mem.h"
#include "sdpa.h"

#include <stdlib.h>
#include <string.h>

extern const struct rn_cuda_kernel *const rn_cuda_table[RN_OP_COUNT];
static const char *const op_names[] = {
#define OP(id, name) #name,
#include "ops.def"
#undef OP
};

struct rn_cuda_block {
    void *start;
    size_t size_bytes;
};

struct stretch { /* calls that are run together; it was once, call by call: kernels are loaded */
    size_t first, n;
    cudaGraphExec_t graph; /* NULL: not captured */
};

struct plan {
    const struct rn_args *calls;
    size_t n;
    struct stretch *stretches;
    size_t n_stretches, cap_stretches;
    cudaEvent_t *ticks; /* n + 1, between the calls of timed runs; NULL: there were none */
};

/* --- failures --- */

/* RN_EDEVICE if anything has failed since open: what the device computes is worth nothing then. */
static int told(struct rn_cuda *c, struct rn_err *err)
{
    rn_cuda_ok(c, cudaPeekAtLastError(), "a kernel");
    if (!c->failed[0])
        return RN_OK;
    return c->host->fail(err, RN_EDEVICE, RN_NOWHERE, "the GPU: %s", c->failed);
}

/* --- open and close --- */

/* Of no driver at all the runtime says that it is too old; the version of none is 0. */
static void say_old_driver(char *why, size_t cap)
{
    int version = 0;
    if (cudaDriverGetVersion(&version) != cudaSuccess || version == 0)
        snprintf(why, cap, "there is no NVIDIA driver");
    else
        snprintf(why, cap,
                 "the NVIDIA driver is too old: it knows CUDA %d.%d, and this program "
                 "needs " RUNNEL_CUDA_VERSION,
                 version / 1000, version % 1000 / 10);
}

/* What is missing, where there is no GPU to be had. */
static void say_missing(char *why, size_t cap, cudaError_t e)
{
    if (e == cudaErrorInsufficientDriver)
        say_old_driver(why, cap);
    else
        snprintf(why, cap, "%s",
                 e == cudaErrorNoDevice ? "the NVIDIA driver sees no GPU" : cudaGetErrorString(e));
}

static int no_such_card(const struct rn_cuda *c, struct rn_err *err)
{
    rn_hint(err, "cards count from 0; CUDA_VISIBLE_DEVICES says which ones the driver shows");
    return c->host->fail(err, RN_EDEVICE, RN_NOWHERE, "there is no GPU %d: the driver shows %d",
                         c->card, c->cards);
}

static int find_gpu(struct rn_cuda *c, struct rn_err *err)
{
    cudaError_t e = cudaGetDeviceCount(&c->cards);
    if (e == cudaSuccess && c->cards == 0)
        e = cudaErrorNoDevice;
    if (e == cudaSuccess && c->card >= c->cards)
        return no_such_card(c, err);
    struct cudaDeviceProp prop;
    if (e == cudaSuccess)
        e = cudaGetDeviceProperties(&prop, c->card);
    if (e != cudaSuccess) {
        char why[128];
        say_missing(why, sizeof why, e);
        return c->host->fail(err, RN_EDEVICE, RN_NOWHERE, "no GPU to compute on: %s", why);
    }
    snprintf(c->model, sizeof c->model, "%s", prop.name);
    c->bytes_all = prop.totalGlobalMem;
    c->fp8 = prop.major * 10 + prop.minor >= 89; /* Ada and later */
    if (prop.major < 8)
        return c->host->fail(err, RN_EDEVICE, RN_NOWHERE,
                             "the GPU %s has compute capability %d.%d, and 8.0 is the least that "
                             "this program runs on",
                             c->model, prop.major, prop.minor);
    return RN_OK;
}

static void cuda_close(void *dev)
{
    struct rn_cuda *c = dev;
    rn_sdpa_close(c->sdpa);
    rn_matmuls_free(c->matmuls);
    rn_staging_release(&c->staging);
    if (c->mark)
        cudaEventDestroy(c->mark);
    if (c->stream)
        cudaStreamDestroy(c->stream);
    free(c->blocks);
    free(c);
}

static int open_stream(struct rn_cuda *c, struct rn_err *err)
{
    cudaError_t e = cudaSetDevice(c->card);
    if (e == cudaSuccess)
        e = cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking);
    if (e == cudaSuccess)
        e = cudaEventCreateWithFlags(&c->mark, cudaEventDisableTiming);
    if (e == cudaSuccess)
        e = rn_staging_init(&c->staging);
    if (rn_cuda_ok(c, e, "opening it"))
        c->matmuls = rn_matmuls_new(c);
    if (c->matmuls)
        c->sdpa = rn_sdpa_open(c);
    return told(c, err);
}

static int cuda_open(void **dev, const struct rn_host *host, int card, int threads,
                     struct rn_err *err)
{
    (void)threads;
    struct rn_cuda *c = rn_new(struct rn_cuda);
    const char *graphs = getenv("RUNNEL_CUDA_GRAPHS");
    *c = (struct rn_cuda){.host = host, .graphs = !graphs || strcmp(graphs, "0") != 0};
    c->card = card < 0 ? 0 : card;
    int rc = find_gpu(c, err);
    if (rc == RN_OK)
        rc = open_stream(c, err);
    if (rc != RN_OK) {
        cuda_close(c);
        return rc;
    }
    rn_log(host->log, RN_DEBUG, "cuda: %s", c->model);
    *dev = c;
    return RN_OK;
}

/* --- memory --- */

static void remember(struct rn_cuda *c, void *start, size_t size_bytes)
{
    struct rn_cuda_block block = {start, size_bytes};
    RN_PUSH(c->blocks, c->n_blocks, c->cap_blocks, block);
    c->bytes_now += size_bytes;
    c->bytes_max = c->bytes_now > c->bytes_max ? c->bytes_now : c->bytes_max;
}

static void forget(struct rn_cuda *c, const void *start)
{
    size_t i = 0;
    while (i < c->n_blocks && c->blocks[i].start != start)
        i++;
    RN_ASSERT(i < c->n_blocks);
    c->bytes_now -= c->blocks[i].size_bytes;
    c->blocks[i] = c->blocks[--c->n_blocks];
}

static int no_memory(struct rn_cuda *c, size_t size_bytes, struct rn_err *err)
{
    size_t free_bytes = 0, all_bytes = 0;
    cudaGetLastError(); /* told here, and over */
    cudaMemGetInfo(&free_bytes, &all_bytes);
    return c->host->fail(err, RN_ENOMEM, RN_NOWHERE,
                         "cannot allocate %zu bytes on the GPU: %zu of its %zu are free",
                         size_bytes, free_bytes, all_bytes);
}

static int cuda_alloc(void *dev, void **mem, size_t size_bytes, struct rn_err *err)
{
    struct rn_cuda *c = dev;
    *mem = NULL;
    size_t n = size_bytes ? size_bytes : 1;
    cudaError_t e = cudaMalloc(mem, n);
    if (e == cudaErrorMemoryAllocation)
        return no_memory(c, n, err);
    if (rn_cuda_ok(c, e, "cudaMalloc")) {
        remember(c, *mem, n);
        rn_cuda_ok(c, cudaMemsetAsync(*mem, 0, n, c->stream), "clearing memory");
    }
    return told(c, err);
}

static void cuda_free(void *dev, void *mem)
{
    struct rn_cuda *c = dev;
    if (!mem)
        return;
    forget(c, mem);
    rn_cuda_ok(c, cudaFree(mem), "cudaFree");
}

static int cuda_put(void *dev, void *mem, const void *host, size_t size_bytes, struct rn_err *err)
{
    struct rn_cuda *c = dev;
    rn_cuda_ok(c, rn_staging_put(&c->staging, c->stream, mem, host, size_bytes),
               "copying to the GPU");
    return told(c, err);
}

static int cuda_sync(void *dev, struct rn_err *err)
{
    struct rn_cuda *c = dev;
    if (rn_cuda_ok(c, cudaStreamSynchronize(c->stream), "waiting for it"))
        rn_staging_deliver(&c->staging);
    return told(c, err);
}

static int cuda_mark(void *dev, void **mark, struct rn_err *err)
{
    struct rn_cuda *c = dev;
    rn_cuda_ok(c, cudaEventRecord(c->mark, c->stream), "marking what it was asked for");
    *mark = c->mark;
    return told(c, err);
}

static int cuda_get(void *dev, void *host, const void *mem, size_t size_bytes, struct rn_err *err)
{
    struct rn_cuda *c = dev;
    rn_cuda_ok(c, cudaMemcpyAsync(host, mem, size_bytes, cudaMemcpyDeviceToHost, c->stream),
               "copying from the GPU");
    return cuda_sync(dev, err);
}

static int cuda_get_later(void *dev, void *host, const void *mem, size_t size_bytes,
                          struct rn_err *err)
{
    struct rn_cuda *c = dev;
    if (!rn_staging_has_room(&c->staging, size_bytes))
        return cuda_get(dev, host, mem, size_bytes, err);
    rn_cuda_ok(c, rn_staging_get(&c->staging, c->stream, host, mem, size_bytes),
               "copying from the GPU");
    return told(c, err);
}

static int cuda_clear(void *dev, void *mem, size_t size_bytes, struct rn_err *err)
{
    struct rn_cuda *c = dev;
    rn_cuda_ok(c, cudaMemsetAsync(mem, 0, size_bytes, c->stream), "clearing memory");
    return told(c, err);
}

/* --- plans --- */

static size_t cuda_scratch_bytes(void *dev, const struct rn_args *a)
{
    const struct rn_cuda *c = dev;
    const struct rn_cuda_kernel *k = rn_cuda_table[a->kind];
    size_t own = k->scratch_bytes ? k->scratch_bytes(dev, a) : 0;
    size_t library = rn_sdpa_scratch_bytes(c->sdpa, a);
    return own > library ? own : library;
}

static void call(struct rn_cuda *c, const struct rn_args *a)
{
    const struct rn_cuda_kernel *k = rn_cuda_table[a->kind];
    if (!rn_sdpa_run(c, c->sdpa, a))
        (a->bwd ? k->bwd : k->fwd)(c, a);
}

static int cuda_plan(void *dev, void **out, const struct rn_args *calls, size_t n,
                     struct rn_err *err)
{
    struct rn_cuda *c = dev;
    for (size_t i = 0; i < n; i++) {
        const struct rn_cuda_kernel *k = rn_cuda_table[calls[i].kind];
        if (!(calls[i].bwd ? k->bwd : k->fwd))
            return c->host->fail(err, RN_EDEVICE, RN_NOWHERE, "the GPU has no kernel for %s%s",
                                 op_names[calls[i].kind], calls[i].bwd ? " backward" : "");
    }
    struct plan *p = rn_new(struct plan);
    *p = (struct plan){.calls = calls, .n = n};
    *out = p;
    return RN_OK;
}

static void cuda_unplan(void *dev, void *plan)
{
    struct plan *p = plan;
    (void)dev;
    if (!p)
        return;
    for (size_t i = 0; i < p->n_stretches; i++)
        if (p->stretches[i].graph)
            cudaGraphExecDestroy(p->stretches[i].graph);
    for (size_t i = 0; p->ticks && i <= p->n; i++)
        if (p->ticks[i])
            cudaEventDestroy(p->ticks[i]);
    free(p->stretches);
    free(p->ticks);
    free(p);
}

static void run_calls(struct rn_cuda *c, const struct plan *p, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        call(c, &p->calls[i]);
}

/* Records what the calls would enqueue. A failure in between makes the graph invalid, and ends the
 * recording all the same. */
static void capture(struct rn_cuda *c, const struct plan *p, struct stretch *s)
{
    cudaGraph_t graph = NULL;
    if (!rn_cuda_ok(c, cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal),
                    "recording a graph"))
        return;
    run_calls(c, p, s->first, s->n);
    if (rn_cuda_ok(c, cudaStreamEndCapture(c->stream, &graph), "recording a graph"))
        rn_cuda_ok(c, cudaGraphInstantiate(&s->graph, graph, 0), "making a graph");
    if (graph)
        cudaGraphDestroy(graph);
}

/* NULL: it was not run before. */
static struct stretch *find_stretch(const struct plan *p, size_t first, size_t n)
{
    for (size_t i = 0; i < p->n_stretches; i++)
        if (p->stretches[i].first == first && p->stretches[i].n == n)
            return &p->stretches[i];
    return NULL;
}

/* The first time goes call by call: a kernel that was never used is loaded then, which a recording
 * forbids. */
static void run_stretch(struct rn_cuda *c, struct plan *p, size_t first, size_t n)
{
    struct stretch *s = find_stretch(p, first, n);
    if (!s) {
        struct stretch fresh = {.first = first, .n = n};
        RN_PUSH(p->stretches, p->n_stretches, p->cap_stretches, fresh);
        run_calls(c, p, first, n);
        return;
    }
    if (!s->graph)
        capture(c, p, s);
    if (s->graph)
        rn_cuda_ok(c, cudaGraphLaunch(s->graph, c->stream), "a graph");
}

static int cuda_run(void *dev, void *plan, size_t first, size_t n, struct rn_err *err)
{
    struct rn_cuda *c = dev;
    struct plan *p = plan;
    RN_ASSERT(first + n <= p->n);
    if (c->graphs && n > 1) /* a graph of one call saves nothing */
        run_stretch(c, p, first, n);
    else
        run_calls(c, p, first, n);
    return told(c, err);
}

static void tick(struct rn_cuda *c, struct plan *p, size_t i)
{
    if (p->ticks[i] || rn_cuda_ok(c, cudaEventCreate(&p->ticks[i]), "a clock"))
        rn_cuda_ok(c, cudaEventRecord(p->ticks[i], c->stream), "a clock");
}

static int cuda_run_timed(void *dev, void *plan, size_t first, size_t n, double *took_s,
                          struct rn_err *err)
{
    struct rn_cuda *c = dev;
    struct plan *p = plan;
    RN_ASSERT(first + n <= p->n);
    if (!p->ticks)
        p->ticks = rn_xalloc((p->n + 1) * sizeof *p->ticks);
    tick(c, p, first);
    for (size_t i = first; i < first + n; i++) {
        call(c, &p->calls[i]);
        tick(c, p, i + 1);
    }
    RN_TRY(cuda_sync(c, err));
    for (size_t i = 0; i < n; i++) {
        float ms = 0;
        cudaEvent_t *of = &p->ticks[first + i];
        rn_cuda_ok(c, cudaEventElapsedTime(&ms, of[0], of[1]), "a clock");
        took_s[i] = (double)ms * 1e-3;
    }
    return told(c, err);
}

/* Dense bf16 products with fp32 sums. A card that is not listed is not guessed at; the first name
 * that is part of the card's counts. */
static double data_sheet_flops(const char *model)
{
    static const struct {
        const char *name;
        double flops;
    } cards[] = {
        {"H100 PCIe", 756e12}, {"H100 NVL", 835e12}, {"H100", 989e12},       {"H200 NVL", 835e12},
        {"H200", 989e12},      {"A100", 312e12},     {"RTX 4090", 165.2e12}, {"RTX 5090", 209.5e12},
    };
    for (size_t i = 0; i < RN_COUNT(cards); i++)
        if (strstr(model, cards[i].name))
            return cards[i].flops;
    return 0;
}

static void cuda_stats(void *dev, struct rn_device_stats *out)
{
    const struct rn_cuda *c = dev;
    *out = (struct rn_device_stats){.bytes_now = c->bytes_now,
                                    .bytes_max = c->bytes_max,
                                    .bytes_all = c->bytes_all,
                                    .multiplies_fp8 = c->fp8};
    out->cards = c->cards;
    memcpy(out->model, c->model, sizeof out->model);
    out->bf16_flops = data_sheet_flops(c->model);
}

static const struct rn_backend backend = {
    .abi = RN_ABI,
    .size_bytes = sizeof(struct rn_backend),
    .ops_digest = RN_BORDERS_DIGEST,
    .name = "cuda",
    .open = cuda_open,
    .close = cuda_close,
    .alloc = cuda_alloc,
    .free = cuda_free,
    .put = cuda_put,
    .get = cuda_get,
    .get_later = cuda_get_later,
    .clear = cuda_clear,
    .sync = cuda_sync,
    .mark = cuda_mark,
    .scratch_bytes = cuda_scratch_bytes,
    .plan = cuda_plan,
    .unplan = cuda_unplan,
    .run = cuda_run,
    .run_timed = cuda_run_timed,
    .stats = cuda_stats,
};

rn_plugin_open_fn rn_plugin_open;

const struct rn_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    return rn_host_fits(host, err) ? &backend : NULL;
}
