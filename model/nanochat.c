/* nanochat (A. Karpathy), the models of December 2025 and of July 2026, from one set of switches:
 * RoPE, norm of q and k, relu^2, norms without weights, no biases, untied head, capped logits; in
 * 2026 also value embeddings, residual lambdas, smear, backout and windows. Every eps is fp32's. */
#include "arch.h"
#include "bf16_bits.h"
#include "mem.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMEAR_CHANNELS = 24, VE_CHANNELS = 12 }; /* of the embedding that the gates read */

static const struct rn_group groups_2025[] = {
    {"unembedding", RN_GROUP_ADAMW, RN_LR_WIDTH, 0.004, 0.8, 0.95, 1e-10, 0},
    {"embedding", RN_GROUP_ADAMW, RN_LR_WIDTH, 0.2, 0.8, 0.95, 1e-10, 0},
    {"matrix", RN_GROUP_MUON_2025, 0, 0.02, 0, 0, 0, 0},
    {0},
};

static const struct rn_group groups_2026[] = {
    {"unembedding", RN_GROUP_ADAMW, RN_LR_WIDTH | RN_LR_BATCH, 0.008, 0.8, 0.96, 1e-10, 0.01},
    {"embedding", RN_GROUP_ADAMW, RN_LR_WIDTH | RN_LR_BATCH, 0.3, 0.8, 0.995, 1e-10, 0.001},
    {"value_embeds", RN_GROUP_ADAMW, RN_LR_WIDTH | RN_LR_BATCH, 0.15, 0.8, 0.995, 1e-10, 0.01},
    {"resid_lambdas", RN_GROUP_ADAMW, RN_LR_BATCH, 0.005, 0.8, 0.95, 1e-10, 0.05},
    {"x0_lambdas", RN_GROUP_ADAMW, RN_LR_BATCH, 0.5, 0.96, 0.95, 1e-10, 0},
    {"smear", RN_GROUP_ADAMW, 0, 0.2, 0.8, 0.95, 1e-10, 0},
    {"matrix", RN_GROUP_MUON_2026, RN_LR_BATCH, 0.02, 0, 0.9, 0, 0.28},
    {0},
};

static bool has_value_embed(const struct rn_model_cfg *c, int64_t layer)
{
    return c->sw.value_embeds && layer % 2 == (c->n_layer - 1) % 2;
}

/* With one or two layers the middle layer is the last: its subtraction would be undone by the final
 * norm and leave a gradient of pure rounding. */
static bool has_backout(const struct rn_model_cfg *c)
{
    return c->sw.backout && c->n_layer >= 3;
}

static int check(const struct rn_model_cfg *c, struct rn_err *err)
{
    if (c->head_dim % 2 != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "head_dim %" PRId64 " is odd, rotary positions turn pairs", c->head_dim);
    if ((c->sw.smear || c->sw.value_embeds) && c->n_embd < SMEAR_CHANNELS)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "n_embd %" PRId64 " is too narrow for the gates of %s, at least %d",
                       c->n_embd, c->arch, SMEAR_CHANNELS);
    size_t n = strlen(c->window_pattern);
    if (n == 0 || strspn(c->window_pattern, "SL") != n)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "window_pattern '%s' is not made of S (short) and L (long)",
                       c->window_pattern);
    return RN_OK;
}

/* --- weights --- */

static double min(double a, double b)
{
    return a < b ? a : b;
}

/* 2025: N(0, min(1, sqrt(out/in)) / sqrt(in)). 2026: U(-a s, a s), s = sqrt(3 / width). */
static void init_matrix(const struct rn_model_cfg *c, struct rn_weight *w, double a)
{
    double out = (double)w->shape.d[0], in = (double)w->shape.d[1];
    w->init = c->sw.init_2026 ? RN_INIT_UNIFORM : RN_INIT_NORMAL;
    w->init_scale = (float)(c->sw.init_2026 ? a * sqrt(3 / (double)c->n_embd)
                                            : min(1, sqrt(out / in)) / sqrt(in));
}

static void init_normal(struct rn_weight *w, double std)
{
    w->init = RN_INIT_NORMAL;
    w->init_scale = (float)std;
}

static void init_gate(struct rn_weight *w)
{
    w->init = RN_INIT_UNIFORM;
    w->init_above_0 = true;
    w->init_scale = 0.02F;
}

static void init_lambdas(struct rn_weight *w, double first, double last)
{
    w->init = RN_INIT_CONST;
    w->init_scale = (float)first;
    w->init_last = (float)last;
}

static void block_weights(const struct rn_model_cfg *c, struct rn_weights *w, int64_t layer)
{
    const int64_t C = c->n_embd, Q = c->n_head * c->head_dim, K = c->n_kv_head * c->head_dim;
    const struct {
        const char *name;
        int64_t rows, cols;
        double init; /* factor of the 2026 bound; 0: zero */
    } rows[] = {
        {"attn.c_q", Q, C, 1},    {"attn.c_k", K, C, 1},       {"attn.c_v", K, C, 1},
        {"attn.c_proj", C, Q, 0}, {"mlp.c_fc", 4 * C, C, 0.4}, {"mlp.c_proj", C, 4 * C, 0},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_weight *m =
            rn_weights_add(w, "matrix", RN_SHAPE(rows[i].rows, rows[i].cols),
                           "transformer.h.%d.%s.weight", (int)layer, rows[i].name);
        if (rows[i].init > 0)
            init_matrix(c, m, rows[i].init);
    }
    if (has_value_embed(c, layer))
        init_gate(rn_weights_add(w, "matrix", RN_SHAPE(c->n_kv_head, VE_CHANNELS),
                                 "transformer.h.%d.attn.ve_gate.weight", (int)layer));
}

static void value_embed_weights(const struct rn_model_cfg *c, struct rn_weights *w)
{
    for (int64_t i = 0; i < c->n_layer; i++) {
        if (!has_value_embed(c, i))
            continue;
        struct rn_weight *e =
            rn_weights_add(w, "value_embeds", RN_SHAPE(c->vocab_padded, c->n_kv_head * c->head_dim),
                           "value_embeds.%d.weight", (int)i);
        e->dtype = c->embeddings;
        e->init = RN_INIT_UNIFORM;
        e->init_scale = (float)sqrt(3 / (double)c->n_embd);
    }
}

static void scalar_weights(const struct rn_model_cfg *c, struct rn_weights *w)
{
    if (c->sw.lambdas) {
        init_lambdas(rn_weights_add(w, "resid_lambdas", RN_SHAPE(c->n_layer), "resid_lambdas"),
                     1.15, 1.05);
        init_lambdas(rn_weights_add(w, "x0_lambdas", RN_SHAPE(c->n_layer), "x0_lambdas"), 0.20,
                     0.05);
    }
    if (c->sw.smear) {
        init_gate(rn_weights_add(w, "smear", RN_SHAPE(1, SMEAR_CHANNELS), "smear_gate.weight"));
        rn_weights_add(w, "smear", RN_SHAPE(1), "smear_lambda");
    }
    if (c->sw.backout) {
        struct rn_weight *backout = rn_weights_add(w, "smear", RN_SHAPE(1), "backout_lambda");
        init_lambdas(backout, 0.2, 0.2);
        backout->inert = !has_backout(c);
    }
}

static void weights(const struct rn_model_cfg *c, struct rn_weights *w)
{
    struct rn_shape table = RN_SHAPE(c->vocab_padded, c->n_embd);
    struct rn_weight *wte = rn_weights_add(w, "embedding", table, "transformer.wte.weight");
    wte->dtype = c->embeddings;
    init_normal(wte, c->sw.init_2026 ? 0.8 : 1);
    for (int64_t i = 0; i < c->n_layer; i++)
        block_weights(c, w, i);
    struct rn_weight *head = rn_weights_add(w, "unembedding", table, "lm_head.weight");
    if (c->sw.init_2026)
        init_normal(head, 0.001);
    value_embed_weights(c, w);
    scalar_weights(c, w);
}

/* --- forward --- */

/* Layers see `sequence_len` keys (L) or a quarter of it, rounded up to 128 (S), and themselves. */
static int64_t window(const struct rn_model_cfg *c, int64_t layer)
{
    if (!c->sw.windows)
        return -1;
    char kind = c->window_pattern[layer % (int64_t)strlen(c->window_pattern)];
    int64_t quarter = (c->sequence_len + 3) / 4;
    return kind == 'S' && layer != c->n_layer - 1 ? (quarter + 127) / 128 * 128 : c->sequence_len;
}

static rn_val norm(struct rn_build *b, rn_val x, const char *name, int i)
{
    return rn_build_op(b, RN_OP_RMSNORM, RN_ATTRS(.f = {FLT_EPSILON}), RN_IN(x), "h.%d.%s", i,
                       name);
}

static rn_val linear(struct rn_build *b, rn_val x, const char *name, int i)
{
    rn_val w = rn_build_weight(b, "transformer.h.%d.%s.weight", i, name);
    return rn_build_linear(b, x, w, RN_NONE, false, "h.%d.%s", i, name);
}

/* Projects to heads, rotates, then norms: q and k are treated alike. */
static rn_val rotated(struct rn_build *b, rn_val x, const char *name, int64_t heads, int i)
{
    rn_val y = linear(b, x, name, i);
    y = rn_build_view(b, y, RN_SHAPE(b->B, b->T, heads, b->cfg->head_dim), name);
    return rn_build_op(b, RN_OP_ROPE_NORM, RN_ATTRS(.f = {FLT_EPSILON}), RN_IN(y, b->rope, b->pos),
                       "h.%d.%s.norm", i, name);
}

static rn_val values(struct rn_build *b, rn_val x, int i)
{
    const struct rn_model_cfg *c = b->cfg;
    struct rn_shape heads = RN_SHAPE(b->B, b->T, c->n_kv_head, c->head_dim);
    rn_val v = rn_build_view(b, linear(b, x, "attn.c_v", i), heads, "v");
    if (!has_value_embed(c, i))
        return v;
    rn_val table = rn_build_weight(b, "value_embeds.%d.weight", i);
    rn_val gate = rn_build_weight(b, "transformer.h.%d.attn.ve_gate.weight", i);
    return rn_build_op(b, RN_OP_VE_GATE, RN_ATTRS(.f = {3}), RN_IN(v, x, gate, table, b->ids),
                       "h.%d.attn.v", i);
}

static rn_val attention(struct rn_build *b, rn_val x, int i)
{
    const struct rn_model_cfg *c = b->cfg;
    rn_val q = rotated(b, x, "attn.c_q", c->n_head, i);
    rn_val k = rotated(b, x, "attn.c_k", c->n_kv_head, i);
    double scale = c->sw.qk_scale * c->sw.qk_scale / sqrt((double)c->head_dim);
    rn_val y = rn_build_attention(b, i, q, k, values(b, x, i), scale, window(c, i));
    y = rn_build_view(b, y, RN_SHAPE(b->B, b->T, c->n_head * c->head_dim), "y");
    return linear(b, y, "attn.c_proj", i);
}

static rn_val mlp(struct rn_build *b, rn_val x, int i)
{
    rn_val h = linear(b, x, "mlp.c_fc", i);
    h = rn_build_op(b, RN_OP_RELU2, RN_NO_ATTRS, RN_IN(h), "h.%d.mlp.relu2", i);
    return linear(b, h, "mlp.c_proj", i);
}

static rn_val layer(struct rn_build *b, rn_val x, rn_val x0, int i)
{
    if (b->cfg->sw.lambdas) {
        rn_val resid = rn_build_weight(b, "resid_lambdas"),
               share = rn_build_weight(b, "x0_lambdas");
        x = rn_build_op(b, RN_OP_LINCOMB, RN_ATTRS(.f = {1, 1}, .i = {i, i}),
                        RN_IN(x, x0, resid, share), "h.%d.x_in", i);
    }
    x = rn_build_add(b, x, attention(b, norm(b, x, "norm_1", i), i), "x_attn");
    return rn_build_add(b, x, mlp(b, norm(b, x, "norm_2", i), i), "x_mlp");
}

/* Embedding, norm, and a share of the token before. */
static rn_val stem(struct rn_build *b)
{
    rn_val wte = rn_build_weight(b, "transformer.wte.weight");
    rn_val x = rn_build_op(b, RN_OP_EMBED, RN_NO_ATTRS, RN_IN(b->ids, wte), "tok");
    x = rn_build_op(b, RN_OP_RMSNORM, RN_ATTRS(.f = {FLT_EPSILON}), RN_IN(x), "x_embed");
    if (!b->cfg->sw.smear)
        return x;
    rn_val gate = rn_build_weight(b, "smear_gate.weight");
    rn_val lambda = rn_build_weight(b, "smear_lambda");
    if (!b->slots)
        return rn_build_op(b, RN_OP_SMEAR, RN_NO_ATTRS, RN_IN(x, gate, lambda), "x0");
    struct rn_shape all = RN_SHAPE(b->slots, b->Tmax, b->cfg->n_embd);
    rn_val cache = rn_prog_state(b->p, "smear.cache", RN_F32, all);
    return rn_build_op(b, RN_OP_SMEAR_DECODE, RN_NO_ATTRS, RN_IN(x, gate, lambda, cache, b->span),
                       "x0");
}

static float bf16_round(float x)
{
    return rn_from_bf16(rn_to_bf16(x));
}

/* (Tmax, D): cos in the first half of a row, sin in the second. Single precision throughout, as the
 * original computes it: the angle's rounding is part of the model. */
static rn_val rope_table(struct rn_build *b)
{
    const int64_t half = b->cfg->head_dim / 2;
    float *t = rn_xalloc((size_t)(b->Tmax * 2 * half) * sizeof *t);
    for (int64_t i = 0; i < half; i++) {
        float power = (float)(2 * i) / (float)(2 * half);
        float freq = 1.0F / powf((float)b->cfg->sw.rope_base, power);
        for (int64_t p = 0; p < b->Tmax; p++) {
            double angle = (double)((float)p * freq);
            float c = (float)cos(angle), s = (float)sin(angle);
            t[p * 2 * half + i] = b->cfg->sw.rope_bf16 ? bf16_round(c) : c;
            t[p * 2 * half + half + i] = b->cfg->sw.rope_bf16 ? bf16_round(s) : s;
        }
    }
    rn_val v = rn_prog_const(b->p, "rope", RN_F32, RN_SHAPE(b->Tmax, 2 * half), t);
    free(t);
    return v;
}

static rn_val forward(struct rn_build *b)
{
    const struct rn_model_cfg *c = b->cfg;
    b->rope = rope_table(b);
    rn_val x0 = rn_build_block_end(b, stem(b)), x = x0, middle = RN_NONE;
    for (int i = 0; i < (int)c->n_layer; i++) {
        x = rn_build_block_end(b, layer(b, x, x0, i));
        if (i == (int)c->n_layer / 2)
            middle = x;
    }
    if (has_backout(c))
        x = rn_build_op(b, RN_OP_LINCOMB, RN_ATTRS(.f = {1, -1}),
                        RN_IN(x, middle, RN_NONE, rn_build_weight(b, "backout_lambda")),
                        "x_backout");
    return rn_build_op(b, RN_OP_RMSNORM, RN_ATTRS(.f = {FLT_EPSILON}), RN_IN(x), "x_norm");
}

static const char *const not_matmul[] = {"transformer.wte.",
                                         "value_embeds.",
                                         "resid_lambdas",
                                         "x0_lambdas",
                                         "smear_",
                                         "backout_lambda",
                                         NULL};

const struct rn_arch rn_arch_nanochat_2025 = {
    .name = "nanochat-2025",
    .doc = "nanochat of December 2025: RoPE, q/k norm, relu^2, full attention, Muon",
    .sw = {.rope_bf16 = true, .rope_base = 10000, .qk_scale = 1, .softcap = 15},
    .head_dim = 128,
    .sequence_len = 2048,
    .vocab_pad = 64,
    .window_pattern = "L",
    .groups = groups_2025,
    .clip = 1,
    .tokens_per_param = 20,
    .horizon_total = true,
    .batch_tokens = 524288,
    .check = check,
    .weights = weights,
    .forward = forward,
    .head = "lm_head.weight",
    .window = window,
    .not_matmul = not_matmul,
};

const struct rn_arch rn_arch_nanochat_2026 = {
    .name = "nanochat-2026",
    .doc = "nanochat of July 2026: value embeddings, lambdas, smear, backout, windows, NorMuon",
    .sw = {.value_embeds = true,
           .lambdas = true,
           .smear = true,
           .backout = true,
           .windows = true,
           .init_2026 = true,
           .rope_base = 100000,
           .qk_scale = 1.2,
           .softcap = 15},
    .head_dim = 128,
    .sequence_len = 2048,
    .vocab_pad = 64,
    .width_by_head = true,
    .window_pattern = "SSSL",
    .groups = groups_2026,
    .tokens_per_param = 12,
    .batch_scaling = true,
    .batch_tokens = 524288,
    .check = check,
    .weights = weights,
    .forward = forward,
    .head = "lm_head.weight",
    .window = window,
    .not_matmul = not_matmul,
};
