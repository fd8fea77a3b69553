#include "comm_backend.h"
#include "mem.h"
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

struct rn_comm {
    const struct rn_comm_backend *be;
    struct rn_host host;
    struct rn_comm_seat seat;
    void *ctx; /* NULL: not open yet */
};

static const struct {
    const char *device, *comm, *remedy;
} table[] = {
    {"cpu", "mpi", "install Open MPI and build again"},
};

const char *rn_comm_for(const char *device)
{
    for (size_t i = 0; i < RN_COUNT(table); i++)
        if (strcmp(table[i].device, device) == 0)
            return table[i].comm;
    return NULL;
}

int rn_comm_find(const char *device, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(table); i++) {
        if (strcmp(table[i].device, device) != 0)
            continue;
        char *path = rn_plugin_path(table[i].comm);
        bool there = path != NULL;
        free(path);
        if (there)
            return RN_OK;
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "several processes cannot train together on '%s': librunnel-%s.so is "
                       "missing (%s)",
                       device, table[i].comm, table[i].remedy);
    }
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                   "several processes cannot train together on '%s': nothing lets them talk",
                   device);
}

static int open_backend(struct rn_comm *c, const char *name, struct rn_err *err)
{
    void *symbol;
    rn_comm_plugin_open_fn *entry;
    char *path = rn_plugin_path(name);
    if (!path)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "there is no librunnel-%s.so", name);
    int rc = rn_plugin_load(name, path, "rn_comm_plugin_open", &symbol, err);
    free(path);
    RN_TRY(rc);
    *(void **)&entry = symbol;
    c->be = entry(&c->host, err);
    if (!c->be)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "librunnel-%s.so cannot be used", name);
    RN_TRY(rn_plugin_check(name, c->be->abi, c->be->size_bytes, sizeof *c->be, c->be->ops_digest,
                           err));
    return c->be->open(&c->ctx, &c->host, &c->seat, err);
}

int rn_comm_open(struct rn_comm **out, const char *name, const struct rn_comm_seat *seat,
                 const struct rn_log *log, struct rn_err *err)
{
    RN_ASSERT(seat->rank >= 0 && seat->rank < seat->world && seat->world <= RN_RANKS_MAX);
    struct rn_comm *c = rn_new(struct rn_comm);
    c->seat = *seat;
    c->host = (struct rn_host){RN_ABI, sizeof c->host, RUNNEL_OPS_DIGEST, log, rn_fail};
    int rc = open_backend(c, name, err);
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
    free(c);
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

int rn_comm_reduce(struct rn_comm *c, float *slab, const struct rn_comm_part *parts, size_t n,
                   struct rn_err *err)
{
    return c ? c->be->reduce(c->ctx, slab, parts, n, err) : RN_OK;
}

int rn_comm_gather(struct rn_comm *c, float *slab, const struct rn_comm_part *parts, size_t n,
                   struct rn_err *err)
{
    return c ? c->be->gather(c->ctx, slab, parts, n, err) : RN_OK;
}

int rn_comm_sum(struct rn_comm *c, double *values, size_t n, struct rn_err *err)
{
    return c ? c->be->sum(c->ctx, values, n, err) : RN_OK;
}

int rn_comm_tell(struct rn_comm *c, void *bytes, size_t size_bytes, struct rn_err *err)
{
    return c ? c->be->tell(c->ctx, bytes, size_bytes, err) : RN_OK;
}
