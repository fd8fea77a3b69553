#include "borders.h"
#include "comm_backend.h"
#include "mem.h"
#include "plugin.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>

struct rn_comm {
    const struct rn_comm_backend *be;
    struct rn_host host;
    struct rn_comm_seat seat;
    void *ctx;     /* NULL: not open yet */
    double *heard; /* RN_COMM_WORDS of each rank */
};

/* What a device's ranks can talk through, the best first. */
static const struct way {
    const char *device, *comm, *remedy;
} ways[] = {
    {"cpu", "mpi", "install Open MPI and build again"},
    {"cuda", "nccl", "build again where nccl.h is"},
    {"cuda", "mpi", "install Open MPI and build again"},
    {"cuda-emu", "nccl-emu", "build again where nccl.h is"},
    {"cuda-emu", "mpi", "install Open MPI and build again"},
};

static bool is_there(const char *comm)
{
    char *path = rn_plugin_path(comm);
    free(path);
    return path != NULL;
}

/* *name NULL: none is there; then the first that would do. */
static const struct way *best_way(const char **name, const char *device, const char *wanted)
{
    const struct way *first = NULL;
    *name = NULL;
    for (size_t i = 0; i < RN_COUNT(ways) && !*name; i++) {
        if (strcmp(ways[i].device, device) != 0 || (wanted && strcmp(ways[i].comm, wanted) != 0))
            continue;
        first = first ? first : &ways[i];
        *name = is_there(ways[i].comm) ? ways[i].comm : NULL;
    }
    return first;
}

int rn_comm_find(const char **name, const char *device, struct rn_err *err)
{
    char plain[RN_PLUGIN_NAME];
    const char *wanted = getenv("RUNNEL_COMM");
    int card;
    RN_TRY(rn_plugin_split(device, plain, &card, err));
    const struct way *way = best_way(name, plain, wanted);
    if (*name)
        return RN_OK;
    if (way)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "several processes cannot train together on '%s': librunnel-%s.so is "
                       "missing (%s)",
                       plain, way->comm, way->remedy);
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                   "several processes cannot train together on '%s': %s%.40s lets them talk", plain,
                   wanted ? "no RUNNEL_COMM=" : "nothing", wanted ? wanted : "");
}

static int load_backend(struct rn_comm *c, const char *name, struct rn_err *err)
{
    void *symbol;
    rn_comm_plugin_open_fn *entry;
    char *path = rn_plugin_path(name);
    int rc = rn_plugin_load(name, path, "rn_comm_plugin_open", &symbol, err);
    free(path);
    RN_TRY(rc);
    *(void **)&entry = symbol;
    c->be = entry(&c->host, err);
    if (!c->be)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "librunnel-%s.so cannot be used", name);
    return rn_plugin_check(name, c->be->abi, c->be->size_bytes, sizeof *c->be, c->be->ops_digest,
                           err);
}

static int open_backend(struct rn_comm *c, const struct rn_comm_setup *setup, struct rn_err *err)
{
    char plain[RN_PLUGIN_NAME];
    int card;
    RN_TRY(rn_plugin_split(setup->device, plain, &card, err));
    return c->be->open(&c->ctx, &c->host, setup, card < 0 ? 0 : card, err);
}

/* With its plugin loaded; not open. */
static int comm_new(struct rn_comm **out, const struct rn_comm_seat *seat, const char *device,
                    const struct rn_log *log, struct rn_err *err)
{
    const char *name;
    *out = NULL;
    RN_ASSERT(seat->rank >= 0 && seat->rank < seat->world && seat->world <= RN_RANKS_MAX);
    RN_TRY(rn_comm_find(&name, device, err));
    struct rn_comm *c = rn_new(struct rn_comm);
    c->seat = *seat;
    c->host = (struct rn_host){RN_ABI, sizeof c->host, RN_BORDERS_DIGEST, log, rn_fail};
    int rc = load_backend(c, name, err);
    if (rc == RN_OK)
        *out = c;
    else
        rn_comm_close(c);
    return rc;
}

int rn_comm_sketch(struct rn_comm **out, const char *device, int world, struct rn_err *err)
{
    struct rn_comm_seat seat = {.world = world, .local_world = world};
    return comm_new(out, &seat, device, NULL, err);
}

int rn_comm_open(struct rn_comm **out, const struct rn_comm_setup *setup, const struct rn_log *log,
                 struct rn_err *err)
{
    RN_TRY(comm_new(out, &setup->seat, setup->device, log, err));
    struct rn_comm *c = *out;
    c->heard = rn_xalloc((size_t)c->seat.world * RN_COMM_WORDS * sizeof *c->heard);
    int rc = open_backend(c, setup, err);
    *out = rc == RN_OK ? c : NULL;
    if (rc != RN_OK)
        rn_comm_close(c);
    return rc;
}

void rn_comm_close(struct rn_comm *c)
{
    if (!c)
        return;
    if (c->ctx)
        c->be->close(c->ctx);
    free(c->heard);
    free(c);
}

size_t rn_comm_bytes(const struct rn_comm *c)
{
    return c ? c->be->room_bytes(c->seat.world) : 0;
}

int rn_comm_rank(const struct rn_comm *c)
{
    return c ? c->seat.rank : 0;
}

int rn_comm_world(const struct rn_comm *c)
{
    return c ? c->seat.world : 1;
}

int rn_comm_local_world(const struct rn_comm *c)
{
    return c && c->seat.local_world > 0 ? c->seat.local_world : 1;
}

const char *rn_comm_name(const struct rn_comm *c)
{
    return c ? c->be->name : "";
}

bool rn_comm_on_device(const struct rn_comm *c)
{
    return c && c->be->on_device;
}

static int bucket_asked(int64_t *bytes, struct rn_err *err)
{
    char why[RN_WHY];
    const char *text = getenv("RUNNEL_BUCKET");
    if (!text || (rn_units_int(text, RN_U_BYTES, bytes, why) && *bytes > 0))
        return RN_OK;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                   "RUNNEL_BUCKET is '%.40s', expected a size as 32 MiB", text);
}

int rn_comm_bucket_bytes(struct rn_comm *c, size_t *bytes, struct rn_err *err)
{
    int64_t n = (int64_t)rn_comm_world(c) << 25;
    *bytes = SIZE_MAX;
    RN_TRY(bucket_asked(&n, err));
    if (!rn_comm_on_device(c))
        return RN_OK;
    RN_TRY(rn_comm_tell(c, &n, sizeof n, err));
    *bytes = (size_t)n;
    return RN_OK;
}

int rn_comm_reduce(struct rn_comm *c, float *slab, const struct rn_comm_part *parts, size_t n,
                   void *after, struct rn_err *err)
{
    return c ? c->be->reduce(c->ctx, slab, parts, n, after, err) : RN_OK;
}

int rn_comm_gather(struct rn_comm *c, float *slab, const struct rn_comm_part *parts, size_t n,
                   void *after, struct rn_err *err)
{
    return c ? c->be->gather(c->ctx, slab, parts, n, after, err) : RN_OK;
}

int rn_comm_finish(struct rn_comm *c, struct rn_err *err)
{
    return c ? c->be->finish(c->ctx, err) : RN_OK;
}

/* Every rank has what every rank says, and takes it together in the order of the ranks. */
static int together(struct rn_comm *c, double *values, size_t n, double of(double, double),
                    struct rn_err *err)
{
    RN_ASSERT(n <= RN_COMM_WORDS);
    if (!c)
        return RN_OK;
    RN_TRY(c->be->hear(c->ctx, values, n, c->heard, err));
    for (size_t i = 0; i < n; i++) {
        values[i] = c->heard[i];
        for (int r = 1; r < c->seat.world; r++)
            values[i] = of(values[i], c->heard[(size_t)r * n + i]);
    }
    return RN_OK;
}

static double sum(double a, double b)
{
    return a + b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

int rn_comm_sum(struct rn_comm *c, double *values, size_t n, struct rn_err *err)
{
    return together(c, values, n, sum, err);
}

int rn_comm_most(struct rn_comm *c, double *values, size_t n, struct rn_err *err)
{
    return together(c, values, n, most, err);
}

int rn_comm_tell(struct rn_comm *c, void *bytes, size_t size_bytes, struct rn_err *err)
{
    return c ? c->be->tell(c->ctx, bytes, size_bytes, err) : RN_OK;
}
