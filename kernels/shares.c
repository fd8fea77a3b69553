#include "shares.h"

#include "mem.h"
#include "prog_impl.h"

#include <stdlib.h>

/* Elements [first, first + n) of `each` bytes behind `offset`; a last half float is taken whole:
 * every tensor ends with room for it. */
static struct rn_comm_part part_of(size_t offset, size_t each, int64_t first, int64_t n, int owner)
{
    size_t at = offset + (size_t)first * each, floats = ((size_t)n * each + 3) / sizeof(float);
    return (struct rn_comm_part){.at = at / sizeof(float), .n = floats, .owner = owner};
}

struct rn_comm_part rn_params_part(const struct rn_params *ps, size_t i, int64_t first, int64_t n,
                                   int owner)
{
    const struct rn_param_spec *s = rn_params_spec(ps, i);
    RN_ASSERT(first >= 0 && n >= 0 && first + n <= rn_elems(s->shape));
    return part_of(ps->offsets[i], rn_dtype_bytes(s->dtype), first, n, owner);
}

struct rn_comm_part rn_params_grad_part(const struct rn_params *ps, size_t i, int64_t first,
                                        int64_t n, int owner)
{
    RN_ASSERT(first >= 0 && n >= 0 && first + n <= rn_elems(rn_params_spec(ps, i)->shape));
    return part_of(ps->grad_offsets[i], sizeof(float), first, n, owner);
}

/* --- where a slab lies --- */

typedef int collective(struct rn_comm *, float *slab, const struct rn_comm_part *, size_t n,
                       void *after, struct rn_err *);

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
    RN_CHECK(rc = call(comm, host, parts, n, NULL, err));
    rc = dev->be->put(dev->ctx, slab, host, size_bytes, err);
done:
    free(host);
    return rc;
}

static int together(struct rn_device *dev, struct rn_comm *comm, collective *call, void *slab,
                    const struct rn_comm_part *parts, size_t n, struct rn_err *err)
{
    struct rn_device_stats stats;
    void *mark = NULL;
    if (!comm)
        return RN_OK;
    rn_device_stats(dev, &stats);
    if (stats.cards > 0 && !rn_comm_on_device(comm))
        return through_host(dev, comm, call, slab, parts, n, err);
    if (dev->be->mark)
        RN_TRY(dev->be->mark(dev->ctx, &mark, err));
    return call(comm, slab, parts, n, mark, err);
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
    RN_CHECK(rc = rn_comm_finish(comm, err));
    RN_CHECK(rc = be->get(dev, host, room, size_bytes, err));
done:
    be->free(dev, room);
    return rc;
}
