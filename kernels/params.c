#include "floats.h"
#include "prog_impl.h"

#include <stdlib.h>
#include <string.h>

static void copy_specs(struct rn_params *ps, const struct rn_param_spec *specs, size_t n)
{
    ps->specs = rn_arena_alloc(&ps->arena, n * sizeof *specs);
    ps->offsets = rn_arena_alloc(&ps->arena, n * sizeof *ps->offsets);
    ps->grad_offsets = rn_arena_alloc(&ps->arena, n * sizeof *ps->grad_offsets);
    for (size_t i = 0; i < n; i++) {
        ps->specs[i] = specs[i];
        ps->specs[i].name = rn_arena_dup(&ps->arena, specs[i].name);
        ps->offsets[i] = ps->size_bytes;
        ps->grad_offsets[i] = ps->grads_bytes;
        size_t elems = (size_t)rn_elems(specs[i].shape);
        ps->size_bytes += rn_align_up(elems * rn_dtype_bytes(specs[i].dtype));
        ps->grads_bytes += rn_align_up(elems * sizeof(float));
    }
    ps->n = n;
}

struct rn_params *rn_params_sketch(struct rn_device *dev, const struct rn_param_spec *specs,
                                   size_t n, bool with_grads)
{
    struct rn_params *ps = rn_new(struct rn_params);
    ps->dev = dev;
    ps->with_grads = with_grads;
    copy_specs(ps, specs, n);
    return ps;
}

int rn_params_new(struct rn_params **out, struct rn_device *dev, const struct rn_param_spec *specs,
                  size_t n, bool with_grads, struct rn_err *err)
{
    *out = NULL;
    struct rn_params *ps = rn_params_sketch(dev, specs, n, with_grads);
    int rc;
    RN_CHECK(rc = dev->be->alloc(dev->ctx, (void **)&ps->weights, ps->size_bytes, err));
    if (with_grads)
        RN_CHECK(rc = dev->be->alloc(dev->ctx, (void **)&ps->grads, ps->grads_bytes, err));
    *out = ps;
done:
    if (rc != RN_OK) {
        rn_while(err, "%zu weights%s", n, with_grads ? " with gradients" : "");
        rn_params_free(ps);
    }
    return rc;
}

void rn_params_free(struct rn_params *ps)
{
    if (!ps)
        return;
    ps->dev->be->free(ps->dev->ctx, ps->weights);
    ps->dev->be->free(ps->dev->ctx, ps->grads);
    rn_arena_release(&ps->arena);
    free(ps);
}

size_t rn_params_count(const struct rn_params *ps)
{
    return ps->n;
}

const struct rn_param_spec *rn_params_spec(const struct rn_params *ps, size_t i)
{
    RN_ASSERT(i < ps->n);
    return &ps->specs[i];
}

int rn_params_find(const struct rn_params *ps, const char *name)
{
    for (size_t i = 0; i < ps->n; i++)
        if (strcmp(ps->specs[i].name, name) == 0)
            return (int)i;
    return -1;
}

int rn_params_put_part(struct rn_params *ps, size_t i, int64_t first, int64_t n, const float *host,
                       struct rn_err *err)
{
    const struct rn_param_spec *spec = rn_params_spec(ps, i);
    RN_ASSERT(first >= 0 && n >= 0 && first + n <= rn_elems(spec->shape));
    char *to = ps->weights + ps->offsets[i] + (size_t)first * rn_dtype_bytes(spec->dtype);
    return rn_floats_put(ps->dev, to, spec->dtype, host, n, err);
}

int rn_params_put(struct rn_params *ps, size_t i, const float *host, struct rn_err *err)
{
    return rn_params_put_part(ps, i, 0, rn_elems(rn_params_spec(ps, i)->shape), host, err);
}

int rn_params_get(const struct rn_params *ps, size_t i, float *host, struct rn_err *err)
{
    const struct rn_param_spec *spec = rn_params_spec(ps, i);
    return rn_floats_get(ps->dev, host, ps->weights + ps->offsets[i], spec->dtype,
                         rn_elems(spec->shape), err);
}

int rn_params_get_grad(const struct rn_params *ps, size_t i, float *host, struct rn_err *err)
{
    RN_ASSERT(ps->grads);
    return rn_floats_get(ps->dev, host, ps->grads + ps->grad_offsets[i], RN_F32,
                         rn_elems(rn_params_spec(ps, i)->shape), err);
}

int rn_params_zero_grads(struct rn_params *ps, struct rn_err *err)
{
    RN_ASSERT(ps->grads);
    return ps->dev->be->clear(ps->dev->ctx, ps->grads, ps->grads_bytes, err);
}
