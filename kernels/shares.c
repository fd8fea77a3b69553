#include "shares.h"

#include "prog_impl.h"

struct rn_comm_part rn_params_part(const struct rn_params *ps, size_t i, int64_t first, int64_t n,
                                   int owner)
{
    RN_ASSERT(i < ps->n && first >= 0 && n >= 0 && first + n <= rn_elems(ps->specs[i].shape));
    size_t at = ps->offsets[i] / sizeof(float) + (size_t)first;
    return (struct rn_comm_part){.at = at, .n = (size_t)n, .owner = owner};
}

int rn_params_reduce_grads(struct rn_params *ps, struct rn_comm *comm,
                           const struct rn_comm_part *parts, size_t n, struct rn_err *err)
{
    return rn_comm_reduce(comm, (float *)(void *)ps->grads, parts, n, err);
}

int rn_params_gather(struct rn_params *ps, struct rn_comm *comm, const struct rn_comm_part *parts,
                     size_t n, struct rn_err *err)
{
    return rn_comm_gather(comm, (float *)(void *)ps->weights, parts, n, err);
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
    RN_CHECK(rc = rn_comm_gather(comm, room, parts, n, err));
    RN_CHECK(rc = be->get(dev, host, room, size_bytes, err));
done:
    be->free(dev, room);
    return rc;
}
