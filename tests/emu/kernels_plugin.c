/* Device "emu-kernels": the CPU backend, but for ops that have a kernel of the CUDA backend's own,
 * which runs in the emulator, under guard:
 *
 *     an operand lies in memory of just its size; what lies around it must stay as it is
 *     what is only written, and scratch memory, holds rubbish before, other rubbish each time
 *     what is only read must stay as it is
 *     each call is made twice, in other orders of blocks and threads: the bits must be the same
 *
 * What a kernel breaks of this is the error of the run. Results are left to the tests. */
#include "borders.h"
#include "cuda.h"
#include "prog_impl.h"

#include <stdlib.h>
#include <string.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

void emu_seed(uint64_t seed);

/* --- what kernels are given --- */

struct rn_cuda {
    cudaError_t error;
};

cudaStream_t rn_cuda_stream(struct rn_cuda *c)
{
    (void)c;
    return NULL;
}

bool rn_cuda_ok(struct rn_cuda *c, cudaError_t error, const char *what)
{
    (void)what;
    c->error = c->error ? c->error : error;
    return error == cudaSuccess;
}

/* Those that the backend makes of libraries are not linked here. */
#define OP(id, name) extern const struct rn_cuda_kernel rn_cuda_##name __attribute__((weak));
#include "ops.def"
#undef OP

static const struct rn_cuda_kernel *const kernels[RN_OP_COUNT] = {
#define OP(id, name) &rn_cuda_##name,
#include "ops.def"
#undef OP
};

/* The emulated kernel of a call; NULL: the CPU does it. */
static void (*kernel_of(const struct rn_args *a))(struct rn_cuda *, const struct rn_args *)
{
    const struct rn_cuda_kernel *k = kernels[a->kind];
    return !k ? NULL : a->bwd ? k->bwd : k->fwd;
}

/* --- guarded memory --- */

enum { FENCE = RN_ALIGN, OPERANDS_MAX = 2 * (RN_MAX_IN + RN_MAX_OUT) + 1, FENCE_BYTE = 0xee };

struct guarded {
    void **slot;         /* in the call's struct rn_args */
    void *real;          /* where the operand lies; the call itself: scratch */
    unsigned char *copy; /* of it, between fences */
    unsigned char *first_result;
    size_t size_bytes;
    bool read, written;
    int same_as; /* an earlier one of the same memory; -1: none */
};

struct call {
    struct rn_args args;
    struct guarded of[OPERANDS_MAX];
    int n;
};

static void add(struct call *c, void **slot, size_t size_bytes, bool read, bool written)
{
    if (!*slot)
        return;
    struct guarded g = {
        .slot = slot, .real = *slot, .size_bytes = size_bytes, .read = read, .written = written};
    g.same_as = -1;
    for (int i = 0; i < c->n && g.same_as < 0; i++)
        if (c->of[i].real == g.real) {
            g.same_as = i;
            c->of[i].read |= read;
            c->of[i].written |= written;
        }
    c->of[c->n++] = g;
}

static size_t bytes_of(struct rn_shape s, uint8_t type)
{
    return (size_t)rn_elems(s) * rn_dtype_bytes(type);
}

static void collect(struct call *c, const struct rn_args *real, size_t scratch_bytes)
{
    const struct rn_opdef *def = rn_opdefs[real->kind];
    struct rn_args *a = &c->args;
    *c = (struct call){.args = *real};
    a->behind = 0; /* there is one call here, and it may be computed by itself */
    for (int i = 0; i < RN_MAX_IN; i++)
        add(c, &a->x[i], bytes_of(a->xs[i], a->x_type[i]), true, !a->bwd && def->writes >> i & 1);
    for (int i = 0; i < RN_MAX_OUT; i++)
        add(c, &a->dy[i], bytes_of(a->ys[i], a->dy_type[i]), true, false);
    for (int i = 0; i < RN_MAX_OUT; i++)
        add(c, &a->y[i], bytes_of(a->ys[i], a->y_type[i]), a->bwd, !a->bwd);
    for (int i = 0; i < RN_MAX_IN; i++)
        add(c, &a->dx[i], bytes_of(a->xs[i], a->dx_type[i]), a->acc >> i & 1, true);
    a->scratch = scratch_bytes ? c : NULL; /* any address that no operand has */
    add(c, &a->scratch, scratch_bytes, false, true);
}

static void guard_init(struct guarded *g)
{
    void *p = NULL;
    RN_ASSERT(posix_memalign(&p, RN_ALIGN, FENCE + g->size_bytes + FENCE) == 0);
    memset(p, FENCE_BYTE, FENCE + g->size_bytes + FENCE);
    g->copy = (unsigned char *)p + FENCE;
    ASAN_POISON_MEMORY_REGION(g->copy - FENCE, FENCE);
    ASAN_POISON_MEMORY_REGION(g->copy + g->size_bytes, FENCE);
}

static void guard_release(struct guarded *g)
{
    ASAN_UNPOISON_MEMORY_REGION(g->copy - FENCE, FENCE);
    ASAN_UNPOISON_MEMORY_REGION(g->copy + g->size_bytes, FENCE);
    free(g->copy - FENCE);
    free(g->first_result);
}

static bool fences_stand(struct guarded *g)
{
    ASAN_UNPOISON_MEMORY_REGION(g->copy - FENCE, FENCE);
    ASAN_UNPOISON_MEMORY_REGION(g->copy + g->size_bytes, FENCE);
    for (size_t i = 0; i < FENCE; i++)
        if (g->copy[i - FENCE] != FENCE_BYTE || g->copy[g->size_bytes + i] != FENCE_BYTE)
            return false;
    return true;
}

/* --- a call, twice --- */

static void take_copies(struct call *c, int rubbish)
{
    for (int i = 0; i < c->n; i++) {
        struct guarded *g = &c->of[i];
        if (g->same_as >= 0) {
            *g->slot = c->of[g->same_as].copy;
            continue;
        }
        if (!g->copy)
            guard_init(g);
        *g->slot = g->copy;
        if (g->read)
            memcpy(g->copy, g->real, g->size_bytes);
        else
            memset(g->copy, rubbish, g->size_bytes);
    }
}

/* NULL if all is well; g is an operand's one entry. */
static const char *complaint(struct guarded *g, bool is_scratch, bool second)
{
    if (!fences_stand(g))
        return "writes outside of an operand";
    if (!g->written && memcmp(g->copy, g->real, g->size_bytes) != 0)
        return "changes an operand that it should read";
    if (is_scratch || !g->written)
        return NULL;
    if (second && memcmp(g->copy, g->first_result, g->size_bytes) != 0)
        return "gives other bits in another order of threads, or leaves some unwritten";
    if (!second) {
        g->first_result = rn_xalloc(g->size_bytes + 1);
        memcpy(g->first_result, g->copy, g->size_bytes);
    }
    return NULL;
}

static const char *run_once(struct call *c, bool second)
{
    struct rn_cuda cuda = {cudaSuccess};
    emu_seed(second ? 2 : 1);
    take_copies(c, second ? 0x55 : 0xff);
    kernel_of (&c->args)(&cuda, &c->args);
    const char *wrong = cuda.error ? "fails" : NULL;
    for (int i = 0; i < c->n && !wrong; i++)
        if (c->of[i].same_as < 0)
            wrong = complaint(&c->of[i], c->of[i].real == c, second);
    return wrong;
}

static void give_results(struct call *c)
{
    for (int i = 0; i < c->n; i++) {
        struct guarded *g = &c->of[i];
        if (g->same_as < 0 && g->written && g->real != c)
            memcpy(g->real, g->copy, g->size_bytes);
    }
}

/* --- the backend --- */

struct emu {
    const struct rn_host *host;
    struct rn_device *cpu;
};
struct plan {
    const struct rn_args *calls;
    void *cpu;
};

static size_t own_scratch_bytes(const struct rn_args *a)
{
    struct rn_cuda cuda = {cudaSuccess};
    const struct rn_cuda_kernel *k = kernels[a->kind];
    return k->scratch_bytes ? k->scratch_bytes(&cuda, a) : 0;
}

static int run_guarded(struct emu *e, const struct rn_args *a, struct rn_err *err)
{
    struct call c;
    collect(&c, a, own_scratch_bytes(a));
    const char *wrong = run_once(&c, false);
    wrong = wrong ? wrong : run_once(&c, true);
    if (!wrong)
        give_results(&c);
    for (int i = 0; i < c.n; i++)
        if (c.of[i].copy)
            guard_release(&c.of[i]);
    if (wrong)
        return e->host->fail(err, RN_EDEVICE, RN_NOWHERE, "%s%s %s", rn_op_names[a->kind],
                             a->bwd ? " backward" : "", wrong);
    return RN_OK;
}

static int emu_open(void **dev, const struct rn_host *host, int card, int threads,
                    struct rn_err *err)
{
    (void)card;
    struct rn_device *cpu;
    RN_TRY(rn_device_open(&cpu, "cpu", threads, host->log, err));
    struct emu *e = rn_new(struct emu);
    *e = (struct emu){host, cpu};
    *dev = e;
    return RN_OK;
}

static void emu_close(void *dev)
{
    struct emu *e = dev;
    rn_device_close(e->cpu);
    free(e);
}

static int emu_alloc(void *dev, void **mem, size_t size_bytes, struct rn_err *err)
{
    struct emu *e = dev;
    return e->cpu->be->alloc(e->cpu->ctx, mem, size_bytes, err);
}

static void emu_free(void *dev, void *mem)
{
    struct emu *e = dev;
    e->cpu->be->free(e->cpu->ctx, mem);
}

static int emu_put(void *dev, void *mem, const void *host, size_t size_bytes, struct rn_err *err)
{
    struct emu *e = dev;
    return e->cpu->be->put(e->cpu->ctx, mem, host, size_bytes, err);
}

static int emu_get(void *dev, void *host, const void *mem, size_t size_bytes, struct rn_err *err)
{
    struct emu *e = dev;
    return e->cpu->be->get(e->cpu->ctx, host, mem, size_bytes, err);
}

static int emu_clear(void *dev, void *mem, size_t size_bytes, struct rn_err *err)
{
    struct emu *e = dev;
    return e->cpu->be->clear(e->cpu->ctx, mem, size_bytes, err);
}

static int emu_sync(void *dev, struct rn_err *err)
{
    struct emu *e = dev;
    return e->cpu->be->sync(e->cpu->ctx, err);
}

static size_t emu_scratch_bytes(void *dev, const struct rn_args *a)
{
    struct emu *e = dev;
    return e->cpu->be->scratch_bytes(e->cpu->ctx, a);
}

static int emu_plan(void *dev, void **out, const struct rn_args *calls, size_t n,
                    struct rn_err *err)
{
    struct emu *e = dev;
    struct plan p = {.calls = calls};
    RN_TRY(e->cpu->be->plan(e->cpu->ctx, &p.cpu, calls, n, err));
    struct plan *kept = rn_new(struct plan);
    *kept = p;
    *out = kept;
    return RN_OK;
}

static void emu_unplan(void *dev, void *plan)
{
    struct emu *e = dev;
    struct plan *p = plan;
    if (p)
        e->cpu->be->unplan(e->cpu->ctx, p->cpu);
    free(p);
}

static int emu_run(void *dev, void *plan, size_t first, size_t n, struct rn_err *err)
{
    struct emu *e = dev;
    const struct plan *p = plan;
    for (size_t i = first; i < first + n; i++)
        if (kernel_of(&p->calls[i]))
            RN_TRY(run_guarded(e, &p->calls[i], err));
        else
            RN_TRY(e->cpu->be->run(e->cpu->ctx, p->cpu, i, 1, err));
    return RN_OK;
}

static void emu_stats(void *dev, struct rn_device_stats *out)
{
    struct emu *e = dev;
    e->cpu->be->stats(e->cpu->ctx, out);
}

static const struct rn_backend backend = {
    .abi = RN_ABI,
    .size_bytes = sizeof(struct rn_backend),
    .ops_digest = RN_BORDERS_DIGEST,
    .name = "emu-kernels",
    .open = emu_open,
    .close = emu_close,
    .alloc = emu_alloc,
    .free = emu_free,
    .put = emu_put,
    .get = emu_get,
    .get_later = emu_get,
    .clear = emu_clear,
    .sync = emu_sync,
    .scratch_bytes = emu_scratch_bytes,
    .plan = emu_plan,
    .unplan = emu_unplan,
    .run = emu_run,
    .stats = emu_stats,
};

rn_plugin_open_fn rn_plugin_open;

const struct rn_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    return rn_host_fits(host, err) ? &backend : NULL;
}
