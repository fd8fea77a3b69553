/* What the ranks of a training share: who updates what, and when gradients travel.
 *
 * A bucket is gradients that travel together. Backward makes them whole from the head to the
 * embeddings; as soon as all of a bucket are, the run is cut, and while its rest goes on they are
 * added up. Buckets follow from the program alone, which is the same on all ranks. */
#include "arch.h"
#include "mem.h"
#include "optim_impl.h"

#include <stdlib.h>

/* --- who updates what --- */

/* Where rank r's run of n elements begins. */
static int64_t cut(int64_t n, int r, int world)
{
    int64_t at = n / world * r + n % world * r / world;
    at = (at + RN_PART_ALIGN - 1) / RN_PART_ALIGN * RN_PART_ALIGN;
    return at < n && r < world ? at : n;
}

static void add_part(struct rn_optim *o, size_t i, int64_t first, int64_t n, int owner)
{
    struct rn_slot *s = &o->slots[i];
    if (n == 0)
        return;
    const struct rn_params *ps = rn_model_params(o->model);
    RN_PUSH(o->grad_parts, o->n_parts, o->cap_grad_parts,
            rn_params_grad_part(ps, i, first, n, owner));
    RN_PUSH(o->weight_parts, o->n_weight_parts, o->cap_weight_parts,
            rn_params_part(ps, i, first, n, owner));
    s->n_parts++;
    if (owner == rn_comm_rank(o->comm)) {
        s->first = first;
        s->n = n;
    }
}

/* AdamW treats elements one by one: each rank has a run of each weight. Muon needs whole matrices:
 * they go round. */
void rn_optim_share_out(struct rn_optim *o, const struct rn_weight *w)
{
    int world = rn_comm_world(o->comm), next = 0;
    for (size_t i = 0; i < o->n; i++) {
        int64_t n = rn_elems(w[i].shape);
        o->slots[i].part = o->n_parts;
        if (o->slots[i].group->kind != RN_GROUP_ADAMW) {
            add_part(o, i, 0, n, next++ % world);
            continue;
        }
        for (int r = 0; r < world; r++)
            add_part(o, i, cut(n, r, world), cut(n, r + 1, world) - cut(n, r, world), r);
    }
}

/* --- when it travels --- */

struct whole { /* a weight whose gradient is whole after so many ops */
    int after;
    size_t i;
};

static int first_whole(const void *a, const void *b)
{
    const struct whole *x = a, *y = b;
    if (x->after != y->after)
        return x->after < y->after ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

static struct whole *in_order(const struct rn_optim *o)
{
    struct whole *all = rn_xalloc(o->n * sizeof *all);
    for (size_t i = 0; i < o->n; i++)
        all[i] = (struct whole){rn_prog_done_with(o->train, RN_DPARAM, i), i};
    qsort(all, o->n, sizeof *all, first_whole);
    return all;
}

static int by_place(const void *a, const void *b)
{
    const struct rn_comm_part *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The parts since the last bucket are one, after so many ops. */
static void end_bucket(struct rn_optim *o, size_t first, int after)
{
    struct rn_bucket b = {.after = after, .first = first, .n = o->n_bucket_parts - first};
    qsort(o->bucket_parts + first, b.n, sizeof *o->bucket_parts, by_place);
    RN_PUSH(o->buckets, o->n_buckets, o->cap_buckets, b);
}

static void fill_buckets(struct rn_optim *o, const struct whole *all, size_t most_bytes)
{
    size_t size_bytes = 0, first = 0;
    for (size_t k = 0; k < o->n; k++) {
        const struct rn_slot *s = &o->slots[all[k].i];
        for (size_t p = s->part; p < s->part + s->n_parts; p++) {
            RN_PUSH(o->bucket_parts, o->n_bucket_parts, o->cap_bucket_parts, o->grad_parts[p]);
            size_bytes += o->grad_parts[p].n * sizeof(float);
        }
        if (size_bytes < most_bytes && k + 1 < o->n)
            continue;
        end_bucket(o, first, all[k].after);
        first = o->n_bucket_parts;
        size_bytes = 0;
    }
}

int rn_optim_watch(struct rn_optim *o, struct rn_prog *train, struct rn_err *err)
{
    size_t bucket_bytes;
    RN_ASSERT(!o->train);
    o->train = train;
    if (!o->comm)
        return RN_OK;
    RN_TRY(rn_comm_bucket_bytes(o->comm, &bucket_bytes, err));
    struct whole *all = in_order(o);
    fill_buckets(o, all, bucket_bytes);
    free(all);
    return RN_OK;
}

int rn_optim_run_last(struct rn_optim *o, struct rn_err *err)
{
    int at = 0;
    for (size_t i = 0; i < o->n_buckets; i++) {
        const struct rn_bucket *b = &o->buckets[i];
        RN_TRY(rn_prog_run_ops(o->train, at, b->after, err));
        RN_TRY(rn_params_reduce_grads(rn_model_params(o->model), o->comm,
                                      o->bucket_parts + b->first, b->n, err));
        at = b->after;
    }
    o->under_way = true;
    return rn_prog_run_ops(o->train, at, rn_prog_length(o->train), err);
}
