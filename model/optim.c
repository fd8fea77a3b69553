#include "optim_impl.h"

#include "arch.h"
#include "mem.h"
#include "str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Slots of the hyper vector (kernels/ops.def): the largest norm, then a run for each weight. */
enum { CLIP_AT, SLOTS_AT, SLOTS_ADAMW = 7, SLOTS_MUON = 4 };

/* --- groups --- */

static size_t group_count(const struct rn_group *groups)
{
    size_t n = 0;
    while (groups[n].name)
        n++;
    return n;
}

static const struct rn_group *group_named(const struct rn_group *groups, const char *name)
{
    for (; groups->name; groups++)
        if (strcmp(groups->name, name) == 0)
            return groups;
    return NULL;
}

static const struct rn_group *find_group(const struct rn_optim *o, const char *name)
{
    return group_named(o->groups, name);
}

int rn_optim_check_group(const char *arch, const char *name, struct rn_err *err)
{
    const struct rn_group *groups = rn_arch_find(arch)->groups;
    if (group_named(groups, name))
        return RN_OK;
    struct rn_str known = {0};
    for (size_t i = 0; groups[i].name; i++)
        rn_str_printf(&known, "%s%s", i ? ", " : "", groups[i].name);
    rn_fail(err, RN_ECONFIG, RN_NOWHERE, "no optimizer group '%s' in %s", name, arch);
    rn_hint(err, "groups: %s", known.p);
    rn_str_release(&known);
    return RN_ECONFIG;
}

static void change(double *field, double value)
{
    if (!isnan(value))
        *field = value;
}

static void apply_override(struct rn_group *g, const struct rn_group_override *c)
{
    change(&g->lr, c->lr);
    change(&g->beta1, c->beta1);
    change(&g->beta2, c->beta2);
    change(&g->eps, c->eps);
    change(&g->decay, c->decay);
}

static int init_groups(struct rn_optim *o, const struct rn_optim_cfg *cfg, struct rn_err *err)
{
    const struct rn_group *table = rn_arch_of(rn_model_config(o->model))->groups;
    o->n_groups = group_count(table);
    o->groups = rn_xalloc((o->n_groups + 1) * sizeof *o->groups);
    memcpy(o->groups, table, (o->n_groups + 1) * sizeof *o->groups);
    for (size_t i = 0; i < cfg->n_overrides; i++) {
        const struct rn_group_override *c = &cfg->overrides[i];
        if (c->group)
            RN_TRY(rn_optim_check_group(rn_model_config(o->model)->arch, c->group, err));
        for (size_t g = 0; g < o->n_groups; g++)
            if (!c->group || strcmp(c->group, o->groups[g].name) == 0)
                apply_override(&o->groups[g], c);
    }
    return RN_OK;
}

static double group_lr(const struct rn_optim *o, const struct rn_group *g)
{
    double lr = g->lr * o->lr_frac;
    if (g->lr_rule & RN_LR_WIDTH)
        lr *= pow((double)rn_model_config(o->model)->n_embd / 768, -0.5);
    if (g->lr_rule & RN_LR_BATCH)
        lr *= o->lr_scale;
    return lr;
}

/* --- the programs --- */

/* `whole` is the moment's shape, n what of it lies here. */
static rn_val moment(struct rn_optim *o, const char *prefix, const struct rn_weight *w, size_t i,
                     struct rn_shape whole, int64_t n)
{
    struct rn_moment m = {.weight = i, .shape = whole, .dtype = w->dtype, .here = RN_NONE};
    snprintf(m.name, sizeof m.name, "%s.%s", prefix, w->name);
    if (n > 0)
        m.here =
            rn_prog_state(o->prog, m.name, w->dtype, n == rn_elems(whole) ? whole : RN_SHAPE(n));
    RN_PUSH(o->moments, o->n_moments, o->cap_moments, m);
    return m.here;
}

/* How many ops that makes. */
static int emit_adamw(struct rn_optim *o, const struct rn_weight *w, size_t i)
{
    const struct rn_slot *s = &o->slots[i];
    rn_val m = moment(o, "m", w, i, w->shape, s->n), v = moment(o, "v", w, i, w->shape, s->n);
    if (s->n == 0)
        return 0;
    rn_val x[] = {rn_prog_weight_part(o->prog, w->name, s->first, s->n),
                  rn_prog_weight_grad_part(o->prog, w->name, s->first, s->n),
                  m,
                  v,
                  o->hyper,
                  o->coef};
    rn_prog_op(o->prog, RN_OP_ADAMW, w->name, x, (int)RN_COUNT(x), RN_ATTRS(.i = {s->at}));
    return 1;
}

/* NorMuon's second moment has one entry per row of a tall matrix, per column of a wide one. */
static int64_t second_moment(const struct rn_weight *w)
{
    return w->shape.d[0] >= w->shape.d[1] ? w->shape.d[0] : w->shape.d[1];
}

static bool is_2026(const struct rn_optim *o, size_t i)
{
    return o->slots[i].group->kind == RN_GROUP_MUON_2026;
}

static void make_muon_moments(struct rn_optim *o, const struct rn_weight *w, size_t i)
{
    struct rn_slot *s = &o->slots[i];
    int64_t n2 = second_moment(w);
    s->buf = moment(o, "buf", w, i, w->shape, s->n);
    s->buf2 = is_2026(o, i) ? moment(o, "buf2", w, i, RN_SHAPE(n2), s->n ? n2 : 0) : RN_NONE;
}

static void emit_muon(struct rn_optim *o, const struct rn_weight *w, size_t i)
{
    const struct rn_slot *s = &o->slots[i];
    rn_val x[] = {rn_prog_weight(o->prog, w->name),
                  rn_prog_weight_grad(o->prog, w->name),
                  s->buf,
                  s->buf2,
                  o->hyper,
                  o->coef};
    rn_prog_op(o->prog, RN_OP_MUON, w->name, x, (int)RN_COUNT(x),
               RN_ATTRS(.i = {s->at, is_2026(o, i)}));
}

static bool are_alike(const struct rn_optim *o, const struct rn_weight *w, size_t i, size_t k)
{
    const struct rn_shape *a = &w[i].shape, *b = &w[k].shape;
    return b->n == 2 && a->d[0] == b->d[0] && a->d[1] == b->d[1] && is_2026(o, i) == is_2026(o, k);
}

/* Weight i and the matrices like it that are left, whatever layers they are of. */
static void emit_alike(struct rn_optim *o, const struct rn_weight *w, size_t i, bool *done)
{
    int n = 0;
    for (size_t k = i; k < o->n; k++)
        if (!done[k] && are_alike(o, w, i, k)) {
            emit_muon(o, &w[k], k);
            done[k] = true;
            n++;
        }
    rn_prog_together(o->prog, n);
}

static void emit_muons(struct rn_optim *o, const struct rn_weight *w)
{
    bool *done = rn_xalloc((o->n + 1) * sizeof *done);
    for (size_t i = 0; i < o->n; i++)
        done[i] = o->slots[i].group->kind == RN_GROUP_ADAMW || o->slots[i].n == 0;
    for (size_t i = 0; i < o->n; i++)
        if (!done[i])
            emit_alike(o, w, i, done);
    free(done);
}

/* Over my share of all gradients in table order. */
static int build_sum(struct rn_optim *o, const struct rn_weight *w, struct rn_err *err)
{
    struct rn_prog *p = o->sum_prog = rn_prog_new(rn_model_params(o->model));
    int n = 0;
    o->share = RN_NONE;
    for (size_t i = 0; i < o->n; i++) {
        const struct rn_slot *s = &o->slots[i];
        if (s->n == 0)
            continue;
        rn_val x[] = {rn_prog_weight_grad_part(p, w[i].name, s->first, s->n), o->share};
        o->share = rn_prog_op(p, RN_OP_SUMSQ, w[i].name, x, 2, RN_NO_ATTRS);
        n++;
    }
    rn_prog_together(p, n);
    if (o->share != RN_NONE)
        rn_prog_pin(p, o->share);
    return rn_prog_plan(p, err);
}

/* Gives each weight its slots; returns the length of the hyper vector. */
static int64_t init_slots(struct rn_optim *o, const struct rn_weight *w, double decay_scale)
{
    int64_t at = SLOTS_AT;
    for (size_t i = 0; i < o->n; i++) {
        const struct rn_group *g = find_group(o, w[i].group);
        RN_ASSERT(g);
        bool adamw = g->kind == RN_GROUP_ADAMW;
        o->slots[i] = (struct rn_slot){.group = g,
                                       .at = at,
                                       .lr = group_lr(o, g),
                                       .decay = adamw ? g->decay : g->decay * decay_scale};
        at += adamw ? SLOTS_ADAMW : SLOTS_MUON;
    }
    return at;
}

static int build_step(struct rn_optim *o, const struct rn_weight *w, int64_t n_hyper,
                      struct rn_err *err)
{
    o->hyper_host = rn_xalloc((size_t)n_hyper * sizeof *o->hyper_host);
    o->prog = rn_prog_new(rn_model_params(o->model));
    rn_prog_compute_in(o->prog, rn_model_computes_in(o->model));
    o->hyper = rn_prog_input(o->prog, "hyper", RN_F32, RN_SHAPE(n_hyper));
    o->sum = rn_prog_input(o->prog, "sum", RN_F32, RN_SHAPE(1));
    rn_val x[] = {o->sum, o->hyper};
    o->coef = rn_prog_op(o->prog, RN_OP_CLIP_COEF, "clip", x, 2, RN_ATTRS(.i = {CLIP_AT}));
    int n = 0;
    for (size_t i = 0; i < o->n; i++)
        if (o->slots[i].group->kind == RN_GROUP_ADAMW)
            n += emit_adamw(o, &w[i], i);
        else
            make_muon_moments(o, &w[i], i);
    rn_prog_together(o->prog, n);
    emit_muons(o, w);
    rn_prog_op(o->prog, RN_OP_ZERO_GRADS, "zero_grads", NULL, 0, RN_NO_ATTRS);
    return rn_prog_plan(o->prog, err);
}

static int build(struct rn_optim *o, const struct rn_weight *w, double decay_scale,
                 struct rn_err *err)
{
    o->slots = rn_xalloc(o->n * sizeof *o->slots);
    int64_t n_hyper = init_slots(o, w, decay_scale);
    rn_optim_share_out(o, w);
    RN_TRY(build_sum(o, w, err));
    return build_step(o, w, n_hyper, err);
}

int rn_optim_new(struct rn_optim **out, struct rn_model *m, const struct rn_optim_cfg *cfg,
                 struct rn_err *err)
{
    struct rn_optim *o = rn_new(struct rn_optim);
    o->model = m;
    o->comm = cfg->comm;
    o->lr_scale = cfg->lr_scale;
    o->lr_frac = cfg->lr_frac;
    o->clip = isnan(cfg->clip) ? rn_arch_of(rn_model_config(m))->clip : cfg->clip;
    struct rn_weight *w;
    o->n = rn_model_weights(rn_model_config(m), &w);
    int rc = init_groups(o, cfg, err);
    if (rc == RN_OK)
        rc = build(o, w, cfg->decay_scale, err);
    free(w);
    if (rc != RN_OK) {
        rn_optim_free(o);
        return rc;
    }
    *out = o;
    return RN_OK;
}

void rn_optim_free(struct rn_optim *o)
{
    if (!o)
        return;
    rn_prog_free(o->sum_prog);
    rn_prog_free(o->prog);
    free(o->grad_parts);
    free(o->weight_parts);
    free(o->buckets);
    free(o->bucket_parts);
    free(o->moments);
    free(o->groups);
    free(o->slots);
    free(o->hyper_host);
    free(o);
}

size_t rn_optim_bytes(const struct rn_optim *o)
{
    return rn_prog_bytes(o->prog) + rn_prog_bytes(o->sum_prog);
}

/* --- a step --- */

static void put_adamw(float *h, const struct rn_slot *s, const struct rn_optim_step *now)
{
    const struct rn_group *g = s->group;
    h[0] = (float)(s->lr * now->lr_mult);
    h[1] = (float)g->beta1;
    h[2] = (float)g->beta2;
    h[3] = (float)g->eps;
    h[4] = (float)s->decay;
    h[5] = (float)(1 - pow(g->beta1, (double)now->t));
    h[6] = (float)(1 - pow(g->beta2, (double)now->t));
}

static void put_muon(float *h, const struct rn_slot *s, const struct rn_optim_step *now)
{
    h[0] = (float)(s->lr * now->lr_mult);
    h[1] = (float)now->muon_momentum;
    h[2] = (float)(s->decay * now->decay_mult);
    h[3] = (float)s->group->beta2;
}

/* The sum of squares of all gradients, each rank having added up its share of them. */
static int sum_squares(struct rn_optim *o, float *sum, struct rn_err *err)
{
    RN_ASSERT(!o->comm || o->under_way);
    RN_TRY(rn_comm_finish(o->comm, err));
    o->under_way = false;
    *sum = 0;
    if (o->share != RN_NONE) {
        RN_TRY(rn_prog_run(o->sum_prog, err));
        RN_TRY(rn_prog_get(o->sum_prog, o->share, sum, err));
    }
    double all = (double)*sum;
    RN_TRY(rn_comm_sum(o->comm, &all, 1, err));
    *sum = (float)all;
    return RN_OK;
}

/* Whatever is clipped: it is reported every step, and a step may be refused for it. */
int rn_optim_norm(struct rn_optim *o, float *norm, struct rn_err *err)
{
    if (!o->measured)
        RN_TRY(sum_squares(o, &o->sum_host, err));
    o->measured = true;
    *norm = sqrtf(o->sum_host);
    return RN_OK;
}

static void put_hyper(struct rn_optim *o, const struct rn_optim_step *now)
{
    o->hyper_host[CLIP_AT] = (float)o->clip;
    for (size_t i = 0; i < o->n; i++) {
        const struct rn_slot *s = &o->slots[i];
        if (s->group->kind == RN_GROUP_ADAMW)
            put_adamw(o->hyper_host + s->at, s, now);
        else
            put_muon(o->hyper_host + s->at, s, now);
    }
}

int rn_optim_step(struct rn_optim *o, const struct rn_optim_step *now, float *grad_norm,
                  struct rn_err *err)
{
    float norm;
    RN_ASSERT(now->t >= 1);
    RN_TRY(rn_optim_norm(o, &norm, err));
    if (grad_norm)
        *grad_norm = norm;
    RN_TRY(rn_prog_put(o->prog, o->sum, &o->sum_host, err));
    put_hyper(o, now);
    RN_TRY(rn_prog_put(o->prog, o->hyper, o->hyper_host, err));
    o->measured = false;
    RN_TRY(rn_prog_run(o->prog, err));
    RN_TRY(rn_params_gather(rn_model_params(o->model), o->comm, o->weight_parts, o->n_weight_parts,
                            err));
    return rn_comm_finish(o->comm, err);
}

int rn_optim_drop(struct rn_optim *o, struct rn_err *err)
{
    RN_TRY(rn_comm_finish(o->comm, err));
    o->measured = o->under_way = false;
    return rn_params_zero_grads(rn_model_params(o->model), err);
}

void rn_optim_time_ops(struct rn_optim *o, struct rn_op_times *times)
{
    rn_prog_time_ops(o->sum_prog, times);
    rn_prog_time_ops(o->prog, times);
}

/* --- without an optimizer --- */

static int64_t moments_of(const struct rn_weight *w, enum rn_group_kind kind)
{
    int64_t n = rn_elems(w->shape);
    switch (kind) {
    case RN_GROUP_ADAMW:
        return 2 * n;
    case RN_GROUP_MUON_2025:
        return n;
    case RN_GROUP_MUON_2026:
        break;
    }
    return n + second_moment(w);
}

double rn_optim_moment_bytes(const struct rn_model_cfg *cfg)
{
    struct rn_weight *w;
    size_t n = rn_model_weights(cfg, &w);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)moments_of(&w[i], group_named(rn_arch_of(cfg)->groups, w[i].group)->kind) *
               (double)rn_dtype_bytes(w[i].dtype);
    free(w);
    return sum;
}

/* --- for logs --- */

double rn_optim_lr(const struct rn_optim *o, const char *group)
{
    const struct rn_group *g = find_group(o, group);
    return g ? group_lr(o, g) : NAN;
}
