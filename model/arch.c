#include "arch.h"

#include "mem.h"

#include <stdarg.h>
#include <string.h>

static const struct rn_arch *const archs[] = {
#define ARCH(id, name) &rn_arch_##id,
#include "archs.def"
#undef ARCH
};

const struct rn_arch *rn_arch_find(const char *name)
{
    for (size_t i = 0; i < RN_COUNT(archs); i++)
        if (strcmp(archs[i]->name, name) == 0)
            return archs[i];
    return NULL;
}

const struct rn_arch *rn_arch_of(const struct rn_model_cfg *cfg)
{
    const struct rn_arch *arch = rn_arch_find(cfg->arch);
    RN_ASSERT(arch);
    return arch;
}

struct rn_weight *rn_weights_add(struct rn_weights *w, const char *group, struct rn_shape shape,
                                 const char *name, ...)
{
    struct rn_weight row = {.group = group, .shape = shape};
    va_list ap;
    va_start(ap, name);
    int n = vsnprintf(row.name, sizeof row.name, name, ap);
    va_end(ap);
    RN_ASSERT(n > 0 && (size_t)n < sizeof row.name);
    RN_PUSH(w->items, w->n, w->cap, row);
    return &w->items[w->n - 1];
}

/* --- building --- */

rn_val rn_build_op(struct rn_build *b, int kind, struct rn_attrs attrs, const rn_val *in, int n_in,
                   const char *name, ...)
{
    char text[64];
    va_list ap;
    va_start(ap, name);
    vsnprintf(text, sizeof text, name, ap);
    va_end(ap);
    return rn_prog_op(b->p, kind, text, in, n_in, attrs);
}

rn_val rn_build_weight(struct rn_build *b, const char *name, ...)
{
    char text[64];
    va_list ap;
    va_start(ap, name);
    vsnprintf(text, sizeof text, name, ap);
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

rn_val rn_build_attention(struct rn_build *b, int64_t layer, rn_val q, rn_val k, rn_val v,
                          double scale, int64_t window)
{
    const struct rn_model_cfg *c = b->cfg;
    struct rn_attrs attrs = {.f = {(float)scale}, .i = {window, b->deterministic}};
    if (!b->slots)
        return rn_build_op(b, RN_OP_ATTENTION, attrs, RN_IN(q, k, v), "h.%d.attn.y", (int)layer);
    struct rn_shape cache = RN_SHAPE(b->slots, b->Tmax, c->n_kv_head, c->head_dim);
    char name[64];
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
