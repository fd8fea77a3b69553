#include "sdpa.h"

#include "cuda_device.h"
#include "mem.h"
#include "sdpa_graph.h"

#include <stdlib.h>
#include <string.h>

struct plan { /* of one shape and direction; plan NULL: there is none */
    struct rn_sdpa_shape shape;
    bool backward;
    struct rn_graph_plan plan;
};

struct rn_sdpa {
    const struct rn_cudnn *api;
    cudnnHandle_t handle;
    struct plan *plans;
    size_t n, cap;
};

/* --- open and close --- */

/* Versions whose attention is known to be wrong. */
static bool is_broken(size_t version)
{
    enum { OLDEST = 90000, WRONG_FIRST = 91000, WRONG_LAST = 91001 };
    return version < OLDEST || (version >= WRONG_FIRST && version <= WRONG_LAST);
}

struct rn_sdpa *rn_sdpa_open(struct rn_cuda *c)
{
    const char *missing = "";
    const struct rn_cudnn *api = rn_cudnn_load(&missing);
    if (!api) {
        rn_log(c->host->log, RN_INFO, "cuda: attention by own kernels: %s", missing);
        return NULL;
    }
    if (is_broken(api->cudnnGetVersion())) {
        rn_log(c->host->log, RN_INFO, "cuda: attention by own kernels: cuDNN %zu is not used",
               api->cudnnGetVersion());
        return NULL;
    }
    struct rn_sdpa *s = rn_new(struct rn_sdpa);
    s->api = api;
    if (api->cudnnCreate(&s->handle) == CUDNN_STATUS_SUCCESS &&
        api->cudnnSetStream(s->handle, c->stream) == CUDNN_STATUS_SUCCESS)
        return s;
    rn_log(c->host->log, RN_INFO, "cuda: attention by own kernels: cuDNN cannot be opened");
    rn_sdpa_close(s);
    return NULL;
}

void rn_sdpa_close(struct rn_sdpa *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (s->plans[i].plan.plan)
            s->api->cudnnBackendDestroyDescriptor(s->plans[i].plan.plan);
    if (s->handle)
        s->api->cudnnDestroy(s->handle);
    free(s->plans);
    free(s);
}

/* --- which calls, and what they need --- */

static struct rn_sdpa_shape shape_of(const struct rn_args *a)
{
    const int64_t *q = a->xs[0].d;
    return (struct rn_sdpa_shape){.B = q[0],
                                  .T = q[1],
                                  .H = q[2],
                                  .K = a->xs[1].d[2],
                                  .D = q[3],
                                  .window = a->attrs.i[0] < 0 ? -1 : a->attrs.i[0],
                                  .scale = a->attrs.f[0],
                                  .deterministic = a->bwd && a->attrs.i[1]};
}

static bool is_its_kind(const struct rn_args *a)
{
    enum { D_MOST = 128 };
    int64_t D = a->xs[0].d[3];
    bool narrow = a->x_type[0] == RN_BF16 && a->x_type[1] == RN_BF16 && a->x_type[2] == RN_BF16 &&
                  a->y_type[0] == RN_BF16;
    bool gives = !a->bwd || (a->dy_type[0] == RN_BF16 && a->acc == 0);
    for (int i = 0; i < 3 && a->bwd; i++)
        gives = gives && a->dx_type[i] == RN_BF16;
    return a->kind == RN_OP_ATTENTION && narrow && gives && D % 8 == 0 && D <= D_MOST;
}

struct room { /* offsets into scratch memory */
    size_t sum, dq_sum, workspace, end;
};

static size_t aligned(size_t size_bytes)
{
    return (size_bytes + RN_ALIGN - 1) / RN_ALIGN * RN_ALIGN;
}

/* The engines' own need, with room to spare: forward and the plain backward take some hundred
 * bytes, groups of heads a copy of dk and dv, the deterministic backward two bytes a score. */
static size_t workspace_bytes(const struct rn_sdpa_shape *s, bool backward)
{
    enum { LITTLE = 1 << 20 };
    size_t rows = (size_t)(s->B * s->H * s->T), all = LITTLE;
    if (backward && s->H != s->K)
        all += 2 * rows * (size_t)s->D * sizeof(uint16_t);
    if (backward && s->deterministic)
        all += rows * (size_t)s->T * sizeof(uint16_t);
    return all;
}

static struct room room_of(const struct rn_sdpa_shape *s, bool backward)
{
    struct room r = {0};
    size_t rows = (size_t)(s->B * s->H * s->T);
    r.dq_sum = r.sum + (backward ? aligned(rows * sizeof(float)) : 0);
    r.workspace =
        r.dq_sum +
        (backward && !s->deterministic ? aligned(rows * (size_t)s->D * sizeof(float)) : 0);
    r.end = r.workspace + aligned(workspace_bytes(s, backward));
    return r;
}

size_t rn_sdpa_scratch_bytes(const struct rn_sdpa *s, const struct rn_args *a)
{
    if (!s || !is_its_kind(a))
        return 0;
    struct rn_sdpa_shape shape = shape_of(a);
    return room_of(&shape, a->bwd).end;
}

/* --- plans --- */

static bool same(const struct rn_sdpa_shape *a, const struct rn_sdpa_shape *b)
{
    return a->B == b->B && a->T == b->T && a->H == b->H && a->K == b->K && a->D == b->D &&
           a->window == b->window && a->scale == b->scale && a->deterministic == b->deterministic;
}

static void compile(struct rn_cuda *c, struct rn_sdpa *s, struct plan *p)
{
    struct rn_graph *g = rn_new(struct rn_graph);
    struct rn_graph_where here = {.handle = s->handle};
    g->api = s->api;
    (p->backward ? rn_sdpa_backward : rn_sdpa_forward)(g, &p->shape);
    if (!rn_graph_plan(g, &here, (int64_t)workspace_bytes(&p->shape, p->backward), &p->plan))
        rn_log(c->host->log, RN_INFO,
               "cuda: attention%s of %d x %d heads of %d by own kernels: cuDNN: %s",
               p->backward ? " backward" : "", (int)p->shape.T, (int)p->shape.H, (int)p->shape.D,
               g->failed);
    rn_graph_release(g);
    free(g);
}

static const struct plan *plan_of(struct rn_cuda *c, struct rn_sdpa *s, const struct rn_args *a)
{
    struct plan p = {.shape = shape_of(a), .backward = a->bwd};
    for (size_t i = 0; i < s->n; i++)
        if (s->plans[i].backward == p.backward && same(&s->plans[i].shape, &p.shape))
            return &s->plans[i];
    compile(c, s, &p);
    RN_PUSH(s->plans, s->n, s->cap, p);
    return &s->plans[s->n - 1];
}

/* --- running --- */

struct pack { /* addresses by tensor */
    int64_t ids[RN_SDPA_END];
    void *at[RN_SDPA_END];
    float numbers[RN_SDPA_NUMBERS];
    int64_t n;
};

static void give(struct pack *p, enum rn_sdpa_id id, void *at)
{
    p->ids[p->n] = id;
    p->at[p->n++] = at;
}

static void give_numbers(struct pack *p, const struct rn_sdpa_shape *s, bool backward)
{
    rn_sdpa_numbers(s, p->numbers);
    for (int id = RN_SDPA_SCALE; id < RN_SDPA_END; id++) {
        bool of_window = id == RN_SDPA_LOWEST_2 || id == RN_SDPA_LEFT;
        if ((!of_window || s->window >= 0) && (id != RN_SDPA_ONE || backward))
            give(p, (enum rn_sdpa_id)id, &p->numbers[id - RN_SDPA_SCALE]);
    }
}

static void give_tensors(struct pack *p, const struct rn_args *a, const struct plan *plan)
{
    struct room room = room_of(&plan->shape, a->bwd);
    char *scratch = a->scratch;
    give(p, RN_SDPA_Q, a->x[0]);
    give(p, RN_SDPA_K, a->x[1]);
    give(p, RN_SDPA_V, a->x[2]);
    give(p, RN_SDPA_O, a->y[0]);
    give(p, RN_SDPA_STATS, a->y[1]);
    if (!a->bwd)
        return;
    give(p, RN_SDPA_DO, a->dy[0]);
    give(p, RN_SDPA_DQ, a->dx[0]);
    give(p, RN_SDPA_DK, a->dx[1]);
    give(p, RN_SDPA_DV, a->dx[2]);
    give(p, RN_SDPA_SUM, scratch + room.sum);
    if (!plan->shape.deterministic)
        give(p, RN_SDPA_DQ_SUM, scratch + room.dq_sum);
}

static cudnnStatus_t execute(const struct rn_cudnn *api, cudnnHandle_t handle,
                             const struct plan *plan, const struct pack *p, void *workspace)
{
    cudnnBackendDescriptor_t d = NULL;
    cudnnStatus_t s = api->cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &d);
    if (s == CUDNN_STATUS_SUCCESS)
        s = api->cudnnBackendSetAttribute(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64,
                                          p->n, p->ids);
    if (s == CUDNN_STATUS_SUCCESS)
        s = api->cudnnBackendSetAttribute(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                          CUDNN_TYPE_VOID_PTR, p->n, p->at);
    if (s == CUDNN_STATUS_SUCCESS)
        s = api->cudnnBackendSetAttribute(d, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR,
                                          1, &workspace);
    if (s == CUDNN_STATUS_SUCCESS)
        s = api->cudnnBackendFinalize(d);
    if (s == CUDNN_STATUS_SUCCESS)
        s = api->cudnnBackendExecute(handle, plan->plan.plan, d);
    if (d)
        api->cudnnBackendDestroyDescriptor(d);
    return s;
}

static void clear_dq_sum(struct rn_cuda *c, const struct rn_args *a, const struct plan *plan)
{
    struct room room = room_of(&plan->shape, true);
    rn_cuda_ok(c,
               cudaMemsetAsync((char *)a->scratch + room.dq_sum, 0, room.workspace - room.dq_sum,
                               c->stream),
               "clearing a sum");
}

bool rn_sdpa_run(struct rn_cuda *c, struct rn_sdpa *s, const struct rn_args *a)
{
    if (!s || !is_its_kind(a))
        return false;
    const struct plan *plan = plan_of(c, s, a);
    if (!plan->plan.plan)
        return false;
    struct pack pack = {.n = 0};
    give_tensors(&pack, a, plan);
    give_numbers(&pack, &plan->shape, a->bwd);
    if (a->bwd && !plan->shape.deterministic)
        clear_dq_sum(c, a, plan);
    struct room room = room_of(&plan->shape, a->bwd);
    cudnnStatus_t e = execute(s->api, s->handle, plan, &pack, (char *)a->scratch + room.workspace);
    if (e != CUDNN_STATUS_SUCCESS)
        rn_cuda_failed(c, "cuDNN: attention: %s", s->api->cudnnGetErrorString(e));
    return true;
}
