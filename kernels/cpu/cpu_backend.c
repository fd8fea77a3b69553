/* The CPU as a device: memory is memory, a plan is the list of calls itself. */
#include "borders.h"
#include "cpu.h"
#include "cpu_isa.h"
#include "mem.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

struct cpu {
    const struct rn_host *host;
    const struct rn_cpu_isa *isa;
    int threads;
    size_t bytes_now, bytes_max;
};

struct plan {
    const struct rn_args *calls;
    size_t n;
};

#define ISA(name, bf16) extern const struct rn_kernel *const rn_cpu_table_##name[];
#include "cpu_isa.def"
#undef ISA

/* By instruction set; then by enum rn_op_kind. */
static const struct rn_kernel *const *const tables[] = {
#define ISA(name, bf16) rn_cpu_table_##name,
#include "cpu_isa.def"
#undef ISA
};

static int cpu_open(void **dev, const struct rn_host *host, int card, int threads,
                    struct rn_err *err)
{
    if (card >= 0)
        return host->fail(err, RN_EDEVICE, RN_NOWHERE, "the processor has no card %d: say cpu",
                          card);
    const struct rn_cpu_isa *isa = rn_cpu_isa_choose();
    if (!isa)
        return host->fail(err, RN_EDEVICE, RN_NOWHERE,
                          "RUNNEL_CPU_ISA names no instruction set of this processor");
    struct cpu *c = rn_new(struct cpu);
    *c = (struct cpu){.host = host, .isa = isa};
    c->threads = threads > 0 ? threads : omp_get_num_procs();
    openblas_set_num_threads(1);
    rn_log(host->log, RN_DEBUG, "cpu: %d threads, instruction set %s, %s", c->threads, isa->name,
           openblas_get_config());
    *dev = c;
    return RN_OK;
}

static void cpu_close(void *dev)
{
    free(dev);
}

/* In front of what the caller sees. Zeroed pages come from the system untouched: each thread's
 * first write places them. */
struct block {
    void *start;
    size_t size_bytes;
};

static int cpu_alloc(void *dev, void **mem, size_t size_bytes, struct rn_err *err)
{
    struct cpu *c = dev;
    *mem = NULL;
    struct block b = {.size_bytes = size_bytes + 2 * RN_ALIGN};
    b.start = b.size_bytes > size_bytes ? calloc(1, b.size_bytes) : NULL;
    if (!b.start)
        return c->host->fail(err, RN_ENOMEM, RN_NOWHERE, "cannot allocate %zu bytes on the cpu",
                             size_bytes);
    uintptr_t at = ((uintptr_t)b.start + sizeof b + RN_ALIGN - 1) / RN_ALIGN * RN_ALIGN;
    *mem = (char *)b.start + (at - (uintptr_t)b.start);
    memcpy((char *)*mem - sizeof b, &b, sizeof b);
    c->bytes_now += b.size_bytes;
    c->bytes_max = c->bytes_now > c->bytes_max ? c->bytes_now : c->bytes_max;
    return RN_OK;
}

static void cpu_free(void *dev, void *mem)
{
    if (!mem)
        return;
    struct cpu *c = dev;
    struct block b;
    memcpy(&b, (char *)mem - sizeof b, sizeof b);
    c->bytes_now -= b.size_bytes;
    free(b.start);
}

/* What is written for the first time costs more by its pages than by its bytes. */
static void copy(const struct cpu *c, char *to, const char *from, size_t size_bytes)
{
    const size_t share = 1 << 18;
    /* No "if": behind one that is false, LLVM 14 gives its num_threads to the next region. */
    const int threads = size_bytes > share ? c->threads : 1;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t at = 0; at < size_bytes; at += share)
        memcpy(to + at, from + at, size_bytes - at < share ? size_bytes - at : share);
}

static int cpu_put(void *dev, void *mem, const void *host, size_t size_bytes, struct rn_err *err)
{
    (void)err;
    copy(dev, mem, host, size_bytes);
    return RN_OK;
}

static int cpu_get(void *dev, void *host, const void *mem, size_t size_bytes, struct rn_err *err)
{
    (void)err;
    copy(dev, host, mem, size_bytes);
    return RN_OK;
}

static int cpu_clear(void *dev, void *mem, size_t size_bytes, struct rn_err *err)
{
    (void)dev, (void)err;
    memset(mem, 0, size_bytes);
    return RN_OK;
}

static int cpu_sync(void *dev, struct rn_err *err)
{
    (void)dev, (void)err;
    return RN_OK;
}

static const struct rn_kernel *kernel_of(const struct cpu *c, const struct rn_args *a)
{
    return tables[c->isa->id][a->kind];
}

static size_t cpu_scratch_bytes(void *dev, const struct rn_args *a)
{
    const struct cpu *c = dev;
    const struct rn_kernel *k = kernel_of(c, a);
    return k->scratch_bytes ? k->scratch_bytes(a, c->threads) : 0;
}

static int cpu_plan(void *dev, void **out, const struct rn_args *calls, size_t n,
                    struct rn_err *err)
{
    const struct cpu *c = dev;
    for (size_t i = 0; i < n; i++) {
        const struct rn_kernel *k = kernel_of(c, &calls[i]);
        if (!(calls[i].bwd ? k->bwd : k->fwd))
            return c->host->fail(err, RN_EDEVICE, RN_NOWHERE, "the cpu has no kernel for op %d%s",
                                 calls[i].kind, calls[i].bwd ? " backward" : "");
    }
    struct plan *p = rn_new(struct plan);
    *p = (struct plan){calls, n};
    *out = p;
    return RN_OK;
}

static void cpu_unplan(void *dev, void *plan)
{
    (void)dev;
    free(plan);
}

static int cpu_run(void *dev, void *plan, size_t first, size_t n, struct rn_err *err)
{
    const struct cpu *c = dev;
    const struct plan *p = plan;
    (void)err;
    RN_ASSERT(first + n <= p->n);
    int before = omp_get_max_threads(); /* the host's own loops keep their setting */
    omp_set_num_threads(c->threads);
    for (size_t i = first; i < first + n; i++) {
        const struct rn_kernel *k = kernel_of(c, &p->calls[i]);
        (p->calls[i].bwd ? k->bwd : k->fwd)(&p->calls[i]);
    }
    omp_set_num_threads(before);
    return RN_OK;
}

static void cpu_stats(void *dev, struct rn_device_stats *out)
{
    const struct cpu *c = dev;
    *out = (struct rn_device_stats){
        .bytes_now = c->bytes_now, .bytes_max = c->bytes_max, .threads = c->threads};
    memcpy(out->model, c->isa->name, strlen(c->isa->name) + 1);
}

static const struct rn_backend backend = {
    .abi = RN_ABI,
    .size_bytes = sizeof(struct rn_backend),
    .ops_digest = RN_BORDERS_DIGEST,
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .put = cpu_put,
    .get = cpu_get,
    .get_later = cpu_get, /* now is as late as any */
    .clear = cpu_clear,
    .sync = cpu_sync,
    .scratch_bytes = cpu_scratch_bytes,
    .plan = cpu_plan,
    .unplan = cpu_unplan,
    .run = cpu_run,
    .stats = cpu_stats,
};

rn_plugin_open_fn rn_plugin_open;

const struct rn_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    return rn_host_fits(host, err) ? &backend : NULL;
}
