#include "shares.h"

#include "mem.h"
#include "prog_impl.h"

#include <stdlib.h>

struct rn_comm_part rn_params_part(const struct rn_params *ps, size_t i, int64_t first, int64_t n,
                                   int owner)
{
    RN_ASSERT(i < ps->n && first >= 0 && n >= 0 && first + n <= rn_elems(ps->specs[i].shape));
    size_t at = ps->offsets[i] / sizeof(float) + (size_t)first;
    return (struct rn_comm_part){.at = at, .n = (size_t)n, .owner = owner};
}

/* --- where a slab lies --- */

typedef int collective(struct rn_comm *, float *slab, const struct rn_comm_part *, size_t n,
                       struct rn_err *);

static size_t end_of(const struct rn_comm_part *parts, size_t n)
{
    size_t end = 0;
    for (size_t i = 0; i < n; i++)
        end = parts[i].at + parts[i].n > end ? parts[i].at + parts[i].n : end;
    return end * sizeof(float);
}

/* There and back, for a comm that sees the host's memory alone. */
static int through_host(const struct rn_device *dev, struct rn_comm *comm, collective *call,
                        void *slab, const struct rn_comm_part *parts, size_t n, struct rn_err *err)
{
    void *host = NULL;
    size_t size_bytes = end_of(parts, n);
    int rc;
    RN_TRY(rn_try_alloc(&host, size_bytes, 1, "room for what ranks share", err));
    RN_CHECK(rc = dev->be->get(dev->ctx, host, slab, size_bytes, err));
    RN_CHECK(rc = call(comm, host, parts, n, err));
    rc = dev->be->put(dev->ctx, slab, host, size_bytes, err);
done:
    free(host);
    return rc;
}

static int together(struct rn_device *dev, struct rn_comm *comm, collective *call, void *slab,
                    const struct rn_comm_part *parts, size_t n, struct rn_err *err)
{
    struct rn_device_stats stats;
    if (!comm)
        return RN_OK;
    rn_device_stats(dev, &stats);
    if (stats.cards > 0 && !rn_comm_on_device(comm))
        return through_host(dev, comm, call, slab, parts, n, err);
    RN_TRY(rn_device_sync(dev, err));
    return call(comm, slab, parts, n, err);
}

/* --- weights --- */

int rn_params_reduce_grads(struct rn_params *ps, struct rn_comm *comm,
                           const struct rn_comm_part *parts, size_t n, struct rn_err *err)
{
    return together(ps->dev, comm, rn_comm_reduce, ps->grads, parts, n, err);
}

int rn_params_gather(struct rn_params *ps, struct rn_comm *comm, const struct rn_comm_part *parts,
                     size_t n, struct rn_err *err)
{
    return together(ps->dev, comm, rn_comm_gather, ps->weights, parts, n, err);
}

int rn_params_collect(const struct rn_params *ps, struct rn_comm *comm, float *host,
                      size_t n_floats, const struct rn_comm_part *parts, size_t n,
                      struct rn_err *err)
{
    const struct rn_backend *be = ps->dev->be;
    void *dev = ps->dev->ctx, *room = NULL;
    size_t size_bytes = n_floats * sizeof(float);
    int rc;
    if (!comm)
        return RN_OK;
    RN_CHECK(rc = be->alloc(dev, &room, size_bytes, err));
    RN_CHECK(rc = be->put(dev, room, host, size_bytes, err));
    RN_CHECK(rc = together(ps->dev, comm, rn_comm_gather, room, parts, n, err));
    RN_CHECK(rc = be->get(dev, host, room, size_bytes, err));
done:
    be->free(dev, room);
    return rc;
}
