/* GPT-2 (Radford et al. 2019) as Hugging Face lays it out: learned positions, LayerNorm before each
 * half of a block, biases everywhere, GELU by tanh, the head tied to the embedding. Conv1D weights
 * are (in, out). Training recipe: build-nanogpt's. */
#include "arch.h"
#include "mem.h"

#include <inttypes.h>
#include <math.h>

static const struct rn_group groups[] = {
    {"decay", RN_GROUP_ADAMW, 0, 6e-4, 0.9, 0.95, 1e-8, 0.1},
    {"no_decay", RN_GROUP_ADAMW, 0, 6e-4, 0.9, 0.95, 1e-8, 0},
    {0},
};

static int check(const struct rn_model_cfg *c, struct rn_err *err)
{
    if (c->n_kv_head != c->n_head)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "gpt2 has no grouped heads: n_kv_head is %" PRId64 ", n_head %" PRId64,
                       c->n_kv_head, c->n_head);
    if (c->embeddings != RN_F32)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'embeddings: bf16' is not for gpt2: its embedding is its head, too");
    return RN_OK;
}

/* --- weights --- */

static void matrix(struct rn_weights *w, int64_t layer, const char *name, int64_t in, int64_t out,
                   double std)
{
    struct rn_weight *m = rn_weights_add(w, "decay", RN_SHAPE(in, out),
                                         "transformer.h.%d.%s.weight", (int)layer, name);
    m->init = RN_INIT_NORMAL;
    m->init_scale = (float)std;
    rn_weights_add(w, "no_decay", RN_SHAPE(out), "transformer.h.%d.%s.bias", (int)layer, name);
}

static void norm_rows(struct rn_weights *w, const char *name, int64_t C)
{
    struct rn_weight *g = rn_weights_add(w, "no_decay", RN_SHAPE(C), "transformer.%s.weight", name);
    g->init = RN_INIT_CONST;
    g->init_scale = g->init_last = 1;
    rn_weights_add(w, "no_decay", RN_SHAPE(C), "transformer.%s.bias", name);
}

static void block_norm(struct rn_weights *w, int64_t layer, const char *name, int64_t C)
{
    char text[32];
    snprintf(text, sizeof text, "h.%d.%s", (int)layer, name);
    norm_rows(w, text, C);
}

static void table(struct rn_weights *w, const char *name, int64_t rows, int64_t C)
{
    struct rn_weight *e =
        rn_weights_add(w, "decay", RN_SHAPE(rows, C), "transformer.%s.weight", name);
    e->init = RN_INIT_NORMAL;
    e->init_scale = 0.02F;
}

static void weights(const struct rn_model_cfg *c, struct rn_weights *w)
{
    const double std = 0.02, std_residual = 0.02 / sqrt(2.0 * (double)c->n_layer);
    table(w, "wte", c->vocab_padded, c->n_embd);
    table(w, "wpe", c->sequence_len, c->n_embd);
    for (int64_t i = 0; i < c->n_layer; i++) {
        block_norm(w, i, "ln_1", c->n_embd);
        matrix(w, i, "attn.c_attn", c->n_embd, 3 * c->n_embd, std);
        matrix(w, i, "attn.c_proj", c->n_embd, c->n_embd, std_residual);
        block_norm(w, i, "ln_2", c->n_embd);
        matrix(w, i, "mlp.c_fc", c->n_embd, 4 * c->n_embd, std);
        matrix(w, i, "mlp.c_proj", 4 * c->n_embd, c->n_embd, std_residual);
    }
    norm_rows(w, "ln_f", c->n_embd);
}

/* --- forward --- */

static rn_val layernorm(struct rn_build *b, rn_val x, const char *name)
{
    rn_val w = rn_build_weight(b, "transformer.%s.weight", name);
    rn_val bias = rn_build_weight(b, "transformer.%s.bias", name);
    return rn_build_op(b, RN_OP_LAYERNORM, RN_ATTRS(.f = {1e-5F}), RN_IN(x, w, bias), "%s", name);
}

static rn_val block_layernorm(struct rn_build *b, int i, rn_val x, const char *name)
{
    char text[32];
    snprintf(text, sizeof text, "h.%d.%s", i, name);
    return layernorm(b, x, text);
}

static rn_val conv1d(struct rn_build *b, int i, rn_val x, const char *name)
{
    rn_val w = rn_build_weight(b, "transformer.h.%d.%s.weight", i, name);
    rn_val bias = rn_build_weight(b, "transformer.h.%d.%s.bias", i, name);
    return rn_build_linear(b, x, w, bias, true, "h.%d.%s", i, name);
}

static rn_val attention(struct rn_build *b, int i, rn_val x)
{
    const struct rn_model_cfg *c = b->cfg;
    struct rn_shape flat = RN_SHAPE(b->B, b->T, c->n_embd);
    struct rn_shape heads = RN_SHAPE(b->B, b->T, c->n_head, c->head_dim);
    rn_val qkv = conv1d(b, i, x, "attn.c_attn");
    rn_val q = rn_build_op(b, RN_OP_SPLIT, RN_NO_ATTRS, RN_IN(qkv), "h.%d.attn.qkv", i);
    rn_val k = rn_prog_out(b->p, q, 1), v = rn_prog_out(b->p, q, 2);
    q = rn_build_view(b, q, heads, "q");
    k = rn_build_view(b, k, heads, "k");
    v = rn_build_view(b, v, heads, "v");
    rn_val y = rn_build_attention(b, i, q, k, v, 1 / sqrt((double)c->head_dim), -1);
    return conv1d(b, i, rn_build_view(b, y, flat, "y"), "attn.c_proj");
}

static rn_val mlp(struct rn_build *b, int i, rn_val x)
{
    rn_val h = conv1d(b, i, x, "mlp.c_fc");
    h = rn_build_op(b, RN_OP_GELU, RN_NO_ATTRS, RN_IN(h), "h.%d.mlp.gelu", i);
    return conv1d(b, i, h, "mlp.c_proj");
}

static rn_val forward(struct rn_build *b)
{
    rn_val wte = rn_build_weight(b, "transformer.wte.weight");
    rn_val wpe = rn_build_weight(b, "transformer.wpe.weight");
    rn_val tok = rn_build_op(b, RN_OP_EMBED, RN_NO_ATTRS, RN_IN(b->ids, wte), "tok");
    rn_val pos = rn_build_op(b, RN_OP_EMBED, RN_NO_ATTRS, RN_IN(b->pos, wpe), "pos_embed");
    rn_val x = rn_build_block_end(b, rn_build_add(b, tok, pos, "x0"));
    for (int i = 0; i < (int)b->cfg->n_layer; i++) {
        x = rn_build_add(b, x, attention(b, i, block_layernorm(b, i, x, "ln_1")), "x_attn");
        x = rn_build_add(b, x, mlp(b, i, block_layernorm(b, i, x, "ln_2")), "x_mlp");
        rn_build_block_end(b, x);
    }
    return layernorm(b, x, "ln_f");
}

/* The tied embedding does multiply, as the head; positions are only looked up. */
static const char *const not_matmul[] = {"transformer.wpe.", NULL};

const struct rn_arch rn_arch_gpt2 = {
    .name = "gpt2",
    .doc = "GPT-2: learned positions, LayerNorm, GELU, tied head",
    .head_dim = 64,
    .sequence_len = 1024,
    .vocab_pad = 1,
    .groups = groups,
    .clip = 1,
    .tokens_per_param = 20,
    .horizon_total = true,
    .batch_tokens = 524288,
    .check = check,
    .weights = weights,
    .forward = forward,
    .head = "transformer.wte.weight",
    .not_matmul = not_matmul,
};
