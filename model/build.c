#include "build.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME = 64 }; /* bytes of an op's name */

/* A name that was cut would be another's. */
static void print_name(char *to, size_t cap, const char *format, va_list ap)
{
    int n = vsnprintf(to, cap, format, ap);
    RN_ASSERT(n > 0 && (size_t)n < cap);
}

struct rn_weight *rn_weights_add(struct rn_weights *w, const char *group, struct rn_shape shape,
                                 const char *name, ...)
{
    struct rn_weight row = {.group = group, .shape = shape};
    va_list ap;
    va_start(ap, name);
    print_name(row.name, sizeof row.name, name, ap);
    va_end(ap);
    RN_PUSH(w->items, w->n, w->cap, row);
    return &w->items[w->n - 1];
}

/* --- building --- */

rn_val rn_build_op(struct rn_build *b, int kind, struct rn_attrs attrs, const rn_val *in, int n_in,
                   const char *name, ...)
{
    char text[NAME];
    va_list ap;
    va_start(ap, name);
    print_name(text, sizeof text, name, ap);
    va_end(ap);
    return rn_prog_op(b->p, kind, text, in, n_in, attrs);
}

rn_val rn_build_weight(struct rn_build *b, const char *name, ...)
{
    char text[NAME];
    va_list ap;
    va_start(ap, name);
    print_name(text, sizeof text, name, ap);
    va_end(ap);
    return rn_prog_weight(b->p, text);
}

rn_val rn_build_view(struct rn_build *b, rn_val x, struct rn_shape s, const char *name)
{
    struct rn_attrs attrs = {.i = {s.d[0], s.d[1], s.d[2], s.d[3]}};
    return rn_prog_op(b->p, RN_OP_VIEW, name, &x, 1, attrs);
}

rn_val rn_build_add(struct rn_build *b, rn_val x, rn_val y, const char *name)
{
    return rn_build_op(b, RN_OP_LINCOMB, RN_ATTRS(.f = {1, 1}), RN_IN(x, y), "%s", name);
}

/* --- linear layers --- */

enum { ROW_X, ROW_W, ROW_DY, ROWS }; /* of a layer in amax */

/* Scaled by their history, or, always, by themselves: weights move with every step, fast at first,
 * and to look at them twice costs little. */
static rn_val quantized(struct rn_build *b, rn_val x, int64_t row, bool current, const char *name)
{
    const struct rn_fp8 *f = b->fp8.how;
    char text[NAME];
    snprintf(text, sizeof text, "%s.%s", name, row % ROWS == ROW_X ? "x8" : "w8");
    return rn_prog_op(
        b->p, RN_OP_QUANTIZE, text, (const rn_val[]){x, b->fp8.amax}, 2,
        RN_ATTRS(.f = {rn_fp8_headroom(f)}, .i = {[RN_FP8_I_CODE] = rn_fp8_forward_code(f),
                                                  [RN_FP8_I_ROW] = row,
                                                  [RN_FP8_I_CURRENT] = current}));
}

/* Once for all layers that read x one after the other. */
static void quantize_x(struct rn_build *b, rn_val x, int64_t row, const char *name)
{
    if (b->fp8.x == x && b->fp8.layers > 0)
        return;
    b->fp8.x = x;
    b->fp8.x_row = row;
    b->fp8.codes = quantized(b, x, row, b->fp8.how->recipe == RN_FP8_CURRENT, name);
}

static rn_val linear_fp8(struct rn_build *b, rn_val x, rn_val w, rn_val bias, bool kn,
                         const char *name)
{
    const struct rn_fp8 *f = b->fp8.how;
    int64_t row = b->fp8.layers * ROWS;
    quantize_x(b, x, row + ROW_X, name);
    b->fp8.layers++;
    rn_val w8 = quantized(b, w, row + ROW_W, true, name), xt = rn_prog_out(b->p, b->fp8.codes, 1);
    rn_val wt = rn_prog_out(b->p, w8, 1);
    rn_val in[] = {[RN_FP8_X] = x,
                   [RN_FP8_W] = w,
                   [RN_FP8_BIAS] = bias,
                   [RN_FP8_X_CODES] = b->fp8.codes,
                   [RN_FP8_X_TURNED] = xt,
                   [RN_FP8_W_CODES] = kn ? wt : w8,
                   [RN_FP8_W_TURNED] = kn ? w8 : wt,
                   [RN_FP8_AMAX] = b->fp8.amax};
    struct rn_attrs attrs = {.f = {rn_fp8_headroom(f)},
                             .i = {[RN_FP8_I_CODE] = rn_fp8_backward_code(f),
                                   [RN_FP8_I_ROW] = row + ROW_DY,
                                   [RN_FP8_I_CURRENT] = f->recipe == RN_FP8_CURRENT,
                                   [RN_FP8_I_KN] = kn,
                                   [RN_FP8_I_X_ROW] = b->fp8.x_row,
                                   [RN_FP8_I_W_ROW] = row + ROW_W}};
    return rn_prog_op(b->p, RN_OP_LINEAR_FP8, name, in, (int)RN_COUNT(in), attrs);
}

static bool is_fp8(const struct rn_build *b, rn_val w)
{
    if (!b->fp8.how || w == RN_NONE)
        return false;
    struct rn_shape s = rn_prog_shape(b->p, w);
    return rn_fp8_takes(b->fp8.how, b->T, s.d[0], s.d[1]);
}

rn_val rn_build_linear(struct rn_build *b, rn_val x, rn_val w, rn_val bias, bool kn,
                       const char *name, ...)
{
    char text[NAME];
    va_list ap;
    va_start(ap, name);
    print_name(text, sizeof text, name, ap);
    va_end(ap);
    if (is_fp8(b, w))
        return linear_fp8(b, x, w, bias, kn, text);
    return rn_prog_op(b->p, RN_OP_LINEAR, text, (const rn_val[]){x, w, bias}, 3,
                      RN_ATTRS(.i = {kn}));
}

rn_val rn_build_attention(struct rn_build *b, int64_t layer, rn_val q, rn_val k, rn_val v,
                          double scale, int64_t window)
{
    const struct rn_model_cfg *c = b->cfg;
    struct rn_attrs attrs = {.f = {(float)scale}, .i = {window, b->deterministic}};
    if (!b->slots)
        return rn_build_op(b, RN_OP_ATTENTION, attrs, RN_IN(q, k, v), "h.%d.attn.y", (int)layer);
    struct rn_shape cache = RN_SHAPE(b->slots, b->Tmax, c->n_kv_head, c->head_dim);
    char name[NAME];
    snprintf(name, sizeof name, "h.%d.attn.kcache", (int)layer);
    rn_val kcache = rn_prog_state(b->p, name, RN_F32, cache);
    snprintf(name, sizeof name, "h.%d.attn.vcache", (int)layer);
    rn_val vcache = rn_prog_state(b->p, name, RN_F32, cache);
    return rn_build_op(b, RN_OP_ATTENTION_DECODE, attrs, RN_IN(q, k, v, kcache, vcache, b->span),
                       "h.%d.attn.y", (int)layer);
}

rn_val rn_build_block_end(struct rn_build *b, rn_val x)
{
    if (b->recompute)
        rn_prog_forget(b->p, x);
    return x;
}
