#include "floats.h"
#include "prog_impl.h"

int rn_prog_run_ops(struct rn_prog *p, int first, int end, struct rn_err *err)
{
    RN_ASSERT(p->plan && first >= 0 && first <= end && end <= p->n_ops);
    if (p->times)
        return rn_prog_run_timed(p, first, end, err);
    return p->dev->be->run(p->dev->ctx, p->plan, (size_t)first, (size_t)(end - first), err);
}

int rn_prog_run(struct rn_prog *p, struct rn_err *err)
{
    return rn_prog_run_ops(p, 0, p->n_ops, err);
}

int rn_prog_put(struct rn_prog *p, rn_val v, const void *host, struct rn_err *err)
{
    const struct rn_value *value = rn_value_at(p, v);
    RN_ASSERT(p->planned);
    if (rn_params_is_sketch(p->params))
        return RN_OK;
    if (value->dtype == RN_BF16)
        return rn_floats_put(p->dev, value->data, RN_BF16, host, rn_elems(value->shape), err);
    return p->dev->be->put(p->dev->ctx, value->data, host, rn_value_bytes(value), err);
}

/* After a run only pinned values still hold what their op wrote, unless nothing is reused. */
static const struct rn_value *readable(const struct rn_prog *p, rn_val v)
{
    const struct rn_value *value = rn_value_at(p, v);
    RN_ASSERT(p->plan && value->data);
    RN_ASSERT(!p->reused || (value->role != RN_ACT && value->role != RN_GRAD));
    return value;
}

int rn_prog_get_later(struct rn_prog *p, rn_val v, void *host, struct rn_err *err)
{
    const struct rn_value *value = readable(p, v);
    RN_ASSERT(value->dtype != RN_BF16);
    return p->dev->be->get_later(p->dev->ctx, host, value->data, rn_value_bytes(value), err);
}

int rn_prog_get(struct rn_prog *p, rn_val v, void *host, struct rn_err *err)
{
    const struct rn_value *value = readable(p, v);
    if (value->dtype == RN_BF16)
        return rn_floats_get(p->dev, host, value->data, RN_BF16, rn_elems(value->shape), err);
    return p->dev->be->get(p->dev->ctx, host, value->data, rn_value_bytes(value), err);
}
