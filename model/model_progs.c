/* model_progs.c - an architecture's forward pass becomes a program, one for each use. */
#include "arch.h"
#include "mem.h"
#include "model_impl.h"
#include "str.h"

#include <inttypes.h>
#include <stdlib.h>

int64_t rn_model_fp8_layers(const struct rn_model_cfg *cfg, const struct rn_fp8 *how, int64_t T)
{
    struct rn_weight *w;
    size_t all = rn_model_weights(cfg, &w);
    int64_t n = 0;
    for (size_t i = 0; i < all; i++)
        n += rn_starts_with(w[i].name, "transformer.h.") && w[i].shape.n == 2 &&
             rn_fp8_takes(how, T, w[i].shape.d[0], w[i].shape.d[1]);
    free(w);
    return n;
}

/* Room for three rows a layer; what tells of the layers is in the order of their making. */
static struct rn_build_fp8 start_fp8(const struct rn_model *m, struct rn_prog *p, int64_t T)
{
    int64_t layers = rn_model_fp8_layers(&m->cfg, &m->fp8, T);
    if (layers == 0)
        return (struct rn_build_fp8){.amax = RN_NONE};
    struct rn_shape shape = RN_SHAPE(layers * 3, RN_AMAX_HISTORY + m->fp8.amax_history);
    return (struct rn_build_fp8){.how = &m->fp8,
                                 .amax = rn_prog_state(p, "fp8.amax", RN_F32, shape)};
}

/* Inputs ids and pos (B,T), then the architecture's forward pass up to its head. */
static rn_val forward(struct rn_model *m, struct rn_build *b)
{
    b->p = rn_prog_new(m->params);
    rn_prog_compute_in(b->p, b->exact ? RN_F32 : m->compute);
    b->cfg = &m->cfg;
    b->recompute = m->recompute;
    b->deterministic = m->deterministic;
    b->rope = RN_NONE;
    if (b->trains)
        b->fp8 = start_fp8(m, b->p, b->T);
    b->ids = rn_prog_input(b->p, "x", RN_I32, RN_SHAPE(b->B, b->T));
    b->pos = rn_prog_input(b->p, "pos", RN_I32, RN_SHAPE(b->B, b->T));
    if (b->slots)
        b->span = rn_prog_input(b->p, "span", RN_I32, RN_SHAPE(b->B, 2));
    return rn_arch_of(&m->cfg)->forward(b);
}

static int check_length(const struct rn_model *m, int64_t B, int64_t T, struct rn_err *err)
{
    if (B < 1 || T < 1 || B > (1 << 20) || T > (1 << 20))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "a batch of %" PRId64 " rows of %" PRId64, B,
                       T);
    if (rn_model_max_len(m) && T > rn_model_max_len(m))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "%" PRId64 " positions, this %s has learned %" PRId64, T, m->cfg.arch,
                       m->cfg.sequence_len);
    return RN_OK;
}

/* How many logits may stand in memory at once; 0: it is a processor, which takes few. A chunk reads
 * w twice, and reads and writes its gradient: in chunks of 512 rows a tenth of a GPU's step goes
 * into that, and the product that gives dx keeps a fifth of it busy. 4096 rows of 32768 are 512
 * MiB. */
static int64_t logits_at_once(const struct rn_prog *p)
{
    enum { OF_GPU = 1 << 27 };
    struct rn_device_stats s;
    rn_device_stats(rn_prog_device(p), &s);
    return s.bytes_all > 0 ? OF_GPU : 0;
}

/* x (B,T,C) against targets y: loss, losses, argmax. Whole logits never exist. */
static rn_val head_loss(struct rn_build *b, rn_val x, rn_val y, rn_val scale)
{
    const struct rn_model_cfg *c = b->cfg;
    rn_val w = rn_build_weight(b, "%s", rn_arch_of(c)->head);
    struct rn_attrs attrs = {.f = {(float)c->sw.softcap},
                             .i = {c->vocab_size, logits_at_once(b->p)}};
    return rn_build_op(b, RN_OP_HEAD_LOSS, attrs, RN_IN(x, w, y, scale), "loss");
}

static rn_val logits(struct rn_build *b, rn_val x)
{
    const struct rn_model_cfg *c = b->cfg;
    rn_val w = rn_build_weight(b, "%s", rn_arch_of(c)->head);
    x = rn_build_op(b, RN_OP_LINEAR, RN_NO_ATTRS, RN_IN(x, w, RN_NONE), "head");
    if (c->sw.softcap > 0)
        x = rn_build_op(b, RN_OP_SOFTCAP, RN_ATTRS(.f = {(float)c->sw.softcap}), RN_IN(x),
                        "logits");
    return x;
}

/* Losses and likeliest tokens of every row of x, pinned. */
static void judge(struct rn_build *b, rn_val x, rn_val y, rn_val *losses, rn_val *argmax)
{
    const float one = 1;
    rn_val scale = rn_prog_const(b->p, "scale", RN_F32, RN_SHAPE(1), &one);
    rn_val loss = head_loss(b, x, y, scale);
    *losses = rn_prog_out(b->p, loss, 1);
    *argmax = rn_prog_out(b->p, loss, 2);
    rn_prog_pin(b->p, *losses);
    rn_prog_pin(b->p, *argmax);
}

/* Plans; a program that cannot be planned is freed. */
static int finish(struct rn_prog *p, struct rn_prog **out, struct rn_err *err)
{
    int rc = rn_prog_plan(p, err);
    if (rc == RN_OK)
        *out = p;
    else
        rn_prog_free(p);
    return rc;
}

int rn_model_train_prog(struct rn_model *m, int64_t B, int64_t T, struct rn_train_prog *out,
                        struct rn_err *err)
{
    RN_TRY(check_length(m, B, T, err));
    struct rn_build b = {.B = B, .T = T, .Tmax = T, .trains = true};
    rn_val x = forward(m, &b);
    out->x = b.ids;
    out->pos = b.pos;
    out->amax = b.fp8.how ? b.fp8.amax : RN_NONE;
    out->fp8_layers = b.fp8.layers;
    out->y = rn_prog_input(b.p, "y", RN_I32, RN_SHAPE(B, T));
    out->scale = rn_prog_input(b.p, "scale", RN_F32, RN_SHAPE(1));
    out->loss = head_loss(&b, x, out->y, out->scale);
    out->losses = rn_prog_out(b.p, out->loss, 1);
    rn_prog_pin(b.p, out->loss);
    rn_prog_pin(b.p, out->losses);
    rn_prog_backward(b.p, out->loss);
    if (b.fp8.how)
        rn_prog_op(b.p, RN_OP_AMAX_ROLL, "fp8.roll", &b.fp8.amax, 1, RN_NO_ATTRS);
    return finish(b.p, &out->prog, err);
}

int rn_model_score_prog(struct rn_model *m, int64_t B, int64_t T, struct rn_score_prog *out,
                        struct rn_err *err)
{
    RN_TRY(check_length(m, B, T, err));
    struct rn_build b = {.B = B, .T = T, .Tmax = T};
    rn_val x = forward(m, &b);
    out->x = b.ids;
    out->pos = b.pos;
    out->y = rn_prog_input(b.p, "y", RN_I32, RN_SHAPE(B, T));
    judge(&b, x, out->y, &out->losses, &out->argmax);
    return finish(b.p, &out->prog, err);
}

int rn_model_logits_prog(struct rn_model *m, int64_t B, int64_t T, struct rn_logits_prog *out,
                         struct rn_err *err)
{
    RN_TRY(check_length(m, B, T, err));
    struct rn_build b = {.B = B, .T = T, .Tmax = T};
    out->logits = logits(&b, forward(m, &b));
    out->x = b.ids;
    out->pos = b.pos;
    rn_prog_pin(b.p, out->logits);
    return finish(b.p, &out->prog, err);
}

/* What a cached program gives of its last activations x (B,T,C). */
static void put_wanted(struct rn_build *b, enum rn_cached_want want, rn_val x,
                       struct rn_cached_prog *out)
{
    if (want == RN_WANT_LOGITS) {
        out->rows = rn_prog_input(b->p, "rows", RN_I32, RN_SHAPE(b->B));
        x = rn_build_op(b, RN_OP_GATHER_ROWS, RN_NO_ATTRS, RN_IN(x, out->rows), "x_last");
        out->logits = logits(b, x);
        rn_prog_pin(b->p, out->logits);
    } else if (want == RN_WANT_LOSSES) {
        out->y = rn_prog_input(b->p, "y", RN_I32, RN_SHAPE(b->B, b->T));
        judge(b, x, out->y, &out->losses, &out->argmax);
    }
}

int rn_model_cached_prog(struct rn_model *m, const struct rn_cached_shape *s,
                         struct rn_cached_prog *out, struct rn_err *err)
{
    RN_ASSERT(s->slots > 0 && s->B % s->slots == 0);
    RN_TRY(check_length(m, s->B, s->Tmax, err));
    struct rn_build b = {.B = s->B,
                         .T = s->T,
                         .Tmax = s->Tmax,
                         .slots = s->slots,
                         .exact = s->want == RN_WANT_LOGITS};
    *out = (struct rn_cached_prog){.last_pos = (int32_t)s->Tmax - 1,
                                   .rows = RN_NONE,
                                   .y = RN_NONE,
                                   .logits = RN_NONE,
                                   .losses = RN_NONE,
                                   .argmax = RN_NONE};
    rn_val x = forward(m, &b);
    out->x = b.ids;
    out->pos = b.pos;
    out->span = b.span;
    put_wanted(&b, s->want, x, out);
    if (s->cache_of)
        rn_prog_borrow_states(b.p, s->cache_of);
    return finish(b.p, &out->prog, err);
}

/* Positions from starts[2 b] on in row b (NULL: from 0 on). */
static int put_positions(struct rn_prog *p, rn_val pos, const int32_t *starts, int32_t last,
                         struct rn_err *err)
{
    struct rn_shape s = rn_prog_shape(p, pos);
    int64_t T = rn_cols(s);
    int32_t *ids;
    RN_TRY(rn_try_alloc((void **)&ids, (size_t)rn_elems(s), sizeof *ids, "positions", err));
    for (int64_t i = 0; i < rn_elems(s); i++) {
        int32_t at = (starts ? starts[2 * (i / T)] : 0) + (int32_t)(i % T);
        ids[i] = at < last ? at : last;
    }
    int rc = rn_prog_put(p, pos, ids, err);
    free(ids);
    return rc;
}

int rn_prog_put_positions(struct rn_prog *p, rn_val pos, struct rn_err *err)
{
    return put_positions(p, pos, NULL, INT32_MAX, err);
}

int rn_cached_put(const struct rn_cached_prog *c, const int32_t *x, const int32_t *span,
                  struct rn_err *err)
{
    RN_TRY(rn_prog_put(c->prog, c->x, x, err));
    RN_TRY(rn_prog_put(c->prog, c->span, span, err));
    return put_positions(c->prog, c->pos, span, c->last_pos, err);
}
