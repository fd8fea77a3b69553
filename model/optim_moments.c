/* The moments of an optimizer as tensors of a file, the same whatever the ranks that share them. */
#include "mem.h"
#include "optim_impl.h"
#include "safetensors.h"

#include <inttypes.h>
#include <stdlib.h>

/* The parts of a moment in the coordinates of its own elements. A second moment of Muon lies whole
 * with the owner of its matrix. */
static size_t parts_of(const struct rn_optim *o, const struct rn_moment *m,
                       struct rn_comm_part parts[RN_RANKS_MAX])
{
    const struct rn_slot *s = &o->slots[m->weight];
    const struct rn_comm_part *all = o->grad_parts + s->part;
    if (s->n_parts == 1)
        parts[0] = (struct rn_comm_part){0, (size_t)rn_elems(m->shape), all[0].owner};
    for (size_t i = 0; s->n_parts > 1 && i < s->n_parts; i++)
        parts[i] = (struct rn_comm_part){all[i].at - all[0].at, all[i].n, all[i].owner};
    return s->n_parts;
}

/* Every rank's share of the moment into `out`; each rank calls it. */
static int collect(const struct rn_optim *o, const struct rn_moment *m, float *out,
                   struct rn_err *err)
{
    struct rn_comm_part parts[RN_RANKS_MAX];
    size_t n = parts_of(o, m, parts);
    if (m->here != RN_NONE)
        RN_TRY(rn_prog_get(o->prog, m->here, out + o->slots[m->weight].first, err));
    return rn_params_collect(rn_model_params(o->model), o->comm, out, (size_t)rn_elems(m->shape),
                             parts, n, err);
}

static int fill_moment(void *ctx, size_t i, void *out, struct rn_err *err)
{
    const struct rn_optim *o = ctx;
    int64_t wanted = (int64_t)i;
    RN_TRY(rn_comm_tell(o->comm, &wanted, sizeof wanted, err));
    return collect(o, &o->moments[i], out, err);
}

int rn_optim_lend(const struct rn_optim *o, int64_t i, struct rn_err *err)
{
    float *buf;
    if (i < 0 || i >= (int64_t)o->n_moments)
        return rn_fail(err, RN_EPEER, RN_NOWHERE, "rank 0 asks for moment %" PRId64 " of %zu", i,
                       o->n_moments);
    const struct rn_moment *m = &o->moments[i];
    RN_TRY(rn_try_alloc((void **)&buf, (size_t)rn_elems(m->shape), sizeof *buf,
                        "an optimizer moment", err));
    int rc = collect(o, m, buf, err);
    free(buf);
    return rc;
}

/* --- what is carried beside --- */

void rn_optim_carry(struct rn_optim *o, struct rn_prog *p, rn_val state)
{
    o->carried_of = p;
    o->carried = state;
}

bool rn_optim_found_carried(const struct rn_optim *o)
{
    return o->found_carried;
}

static int fill_carried(void *ctx, size_t i, void *out, struct rn_err *err)
{
    const struct rn_optim *o = ctx;
    (void)i;
    return rn_prog_get(o->carried_of, o->carried, out, err);
}

static int load_carried(struct rn_optim *o, const struct rn_safetensors *st, struct rn_err *err)
{
    if (!o->carried_of)
        return RN_OK;
    const char *name = rn_prog_name(o->carried_of, o->carried);
    struct rn_shape shape = rn_prog_shape(o->carried_of, o->carried);
    const struct rn_tensor_info *t = rn_safetensors_find(st, name);
    o->found_carried = t;
    if (t && (t->type != RN_TENSOR_F32 || !rn_tensor_is(t, shape)))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(rn_safetensors_path(st)),
                       "wrong shape of the state '%s' of this training", name);
    float *buf;
    RN_TRY(rn_try_alloc((void **)&buf, (size_t)rn_elems(shape), sizeof *buf, name, err));
    int rc = t ? rn_safetensors_read_f32(st, t, buf, err) : RN_OK;
    if (rc == RN_OK)
        rc = rn_prog_put(o->carried_of, o->carried, buf, err);
    free(buf);
    return rc;
}

/* --- files --- */

int rn_optim_save(const struct rn_optim *o, const char *path, char hex[RN_HEX], struct rn_err *err)
{
    struct rn_tensor_out *rows = rn_xalloc((o->n_moments + 1) * sizeof *rows);
    for (size_t i = 0; i < o->n_moments; i++)
        rows[i] = (struct rn_tensor_out){.name = o->moments[i].name,
                                         .type = rn_tensor_type_of(o->moments[i].dtype),
                                         .shape = o->moments[i].shape,
                                         .fill = fill_moment,
                                         .ctx = (void *)o,
                                         .i = i};
    size_t n = o->n_moments;
    if (o->carried_of)
        rows[n++] = (struct rn_tensor_out){.name = rn_prog_name(o->carried_of, o->carried),
                                           .shape = rn_prog_shape(o->carried_of, o->carried),
                                           .fill = fill_carried,
                                           .ctx = (void *)o};
    int rc = rn_safetensors_write(path, rows, n, NULL, hex, err);
    free(rows);
    return rc;
}

static int load_moment(struct rn_optim *o, const struct rn_moment *m,
                       const struct rn_safetensors *st, struct rn_err *err)
{
    const struct rn_tensor_info *t = rn_safetensors_find(st, m->name);
    if (!t || t->type != rn_tensor_type_of(m->dtype) || !rn_tensor_is(t, m->shape))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(rn_safetensors_path(st)),
                       "%s moment '%s' of this optimizer",
                       t ? "wrong shape or dtype of" : "lacks the", m->name);
    if (m->here == RN_NONE)
        return RN_OK;
    float *buf;
    RN_TRY(rn_try_alloc((void **)&buf, (size_t)rn_elems(m->shape), sizeof *buf,
                        "an optimizer moment", err));
    int rc = rn_safetensors_read_f32(st, t, buf, err);
    if (rc == RN_OK)
        rc = rn_prog_put(o->prog, m->here, buf + o->slots[m->weight].first, err);
    free(buf);
    return rc;
}

int rn_optim_load(struct rn_optim *o, const char *path, struct rn_err *err)
{
    struct rn_safetensors *st;
    RN_TRY(rn_safetensors_open(&st, path, err));
    int rc = load_carried(o, st, err);
    size_t n = rn_safetensors_count(st) - (rc == RN_OK && o->found_carried);
    if (rc == RN_OK && n != o->n_moments)
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%zu moments, this optimizer has %zu", n,
                     o->n_moments);
    for (size_t i = 0; rc == RN_OK && i < o->n_moments; i++)
        rc = load_moment(o, &o->moments[i], st, err);
    rn_safetensors_close(st);
    return rc;
}
