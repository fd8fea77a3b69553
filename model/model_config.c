/* From what a pipeline or a config.json says to a checked rn_model_cfg, and what follows from it
 * without a device: weight table, counts, work per token. */
#include "arch.h"

#include "mem.h"
#include "nearest.h"
#include "str.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const rn_arch_names[] = {
#define ARCH(id, name) name,
#include "archs.def"
#undef ARCH
    NULL};

const char *const rn_embedding_words[] = {"fp32", "bf16", NULL};

static int64_t or_else(int64_t given, int64_t rule)
{
    return given ? given : rule;
}

static int64_t round_up(int64_t x, int64_t step)
{
    return (x + step - 1) / step * step;
}

/* --- checks --- */

struct bound {
    const char *name;
    int64_t value, high; /* 1..high */
};

static int check_bounds(const struct rn_model_cfg *c, struct rn_err *err)
{
    const struct bound bounds[] = {
        {"number of layers", c->n_layer, 1024}, {"n_head", c->n_head, 4096},
        {"n_kv_head", c->n_kv_head, 4096},      {"n_embd", c->n_embd, 1 << 16},
        {"head_dim", c->head_dim, 1024},        {"sequence_len", c->sequence_len, 1 << 20},
        {"vocab_size", c->vocab_size, 1 << 24}, {"padded vocab_size", c->vocab_padded, 1 << 24},
    };
    for (size_t i = 0; i < RN_COUNT(bounds); i++)
        if (bounds[i].value < 1 || bounds[i].value > bounds[i].high)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "%s is %" PRId64 ", expected 1 to %" PRId64,
                           bounds[i].name, bounds[i].value, bounds[i].high);
    return RN_OK;
}

static int check_heads(const struct rn_model_cfg *c, struct rn_err *err)
{
    if (c->n_head * c->head_dim != c->n_embd) {
        rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                "width %" PRId64 " does not divide into %" PRId64 " heads", c->n_embd, c->n_head);
        rn_hint(err, "set head_dim or n_head so that n_head * head_dim is n_embd");
        return RN_ECONFIG;
    }
    if (c->n_head % c->n_kv_head != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "n_head %" PRId64 " is not a multiple of n_kv_head %" PRId64, c->n_head,
                       c->n_kv_head);
    return RN_OK;
}

int rn_model_cfg_check(const struct rn_model_cfg *c, struct rn_err *err)
{
    RN_TRY(check_bounds(c, err));
    RN_TRY(check_heads(c, err));
    if (c->vocab_padded < c->vocab_size)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "%" PRId64 " rows of embedding are fewer than the vocabulary's %" PRId64,
                       c->vocab_padded, c->vocab_size);
    return rn_arch_of(c)->check(c, err);
}

/* --- from depth to sizes --- */

static const struct rn_arch *arch_or_fail(const char *name, struct rn_err *err)
{
    const struct rn_arch *arch = name ? rn_arch_find(name) : NULL;
    if (!arch) {
        rn_fail(err, RN_ECONFIG, RN_NOWHERE, "unknown architecture '%s'", name ? name : "");
        rn_hint_near(err, name ? rn_nearest_of(name, rn_arch_names) : NULL);
    }
    return arch;
}

static int set_windows(struct rn_model_cfg *c, const char *pattern, struct rn_err *err)
{
    if (strlen(pattern) >= sizeof c->window_pattern)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "window_pattern has more than %zu letters",
                       sizeof c->window_pattern - 1);
    snprintf(c->window_pattern, sizeof c->window_pattern, "%s", pattern);
    return RN_OK;
}

/* Width follows depth at 64 a layer. 2026 rounds it up to whole heads; before, as many heads as it
 * takes share it. */
static void set_width(struct rn_model_cfg *c, const struct rn_arch *arch,
                      const struct rn_model_shape_request *r)
{
    int64_t head_dim = or_else(r->head_dim, arch->head_dim), width = 64 * r->depth;
    if (arch->width_by_head)
        width = round_up(width, head_dim);
    c->n_embd = or_else(r->n_embd, width);
    int64_t heads =
        arch->width_by_head ? c->n_embd / head_dim : round_up(c->n_embd, head_dim) / head_dim;
    c->n_head = or_else(r->n_head, heads > 0 ? heads : 1);
    c->head_dim = or_else(r->head_dim, c->n_embd / c->n_head);
    c->n_kv_head = or_else(r->n_kv_head, c->n_head);
}

/* Keeps the arithmetic of set_width far from overflow; check() has the real bounds. */
static int check_request(const struct rn_model_shape_request *r, struct rn_err *err)
{
    const int64_t all[] = {r->depth,  r->sequence_len, r->head_dim,  r->n_embd,
                           r->n_head, r->n_kv_head,    r->vocab_pad, r->vocab_size};
    for (size_t i = 0; i < RN_COUNT(all); i++)
        if (all[i] < 0 || all[i] > INT32_MAX)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "a model size of %" PRId64, all[i]);
    if (r->depth == 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "the model needs a depth");
    return RN_OK;
}

int rn_model_cfg_fill(struct rn_model_cfg *c, const char *name,
                      const struct rn_model_shape_request *r, struct rn_err *err)
{
    const struct rn_arch *arch = arch_or_fail(name, err);
    if (!arch)
        return RN_ECONFIG;
    RN_TRY(check_request(r, err));
    *c = (struct rn_model_cfg){.arch = arch->name, .sw = arch->sw, .n_layer = r->depth};
    c->embeddings = r->embeddings ? RN_BF16 : RN_F32;
    set_width(c, arch, r);
    c->sequence_len = or_else(r->sequence_len, arch->sequence_len);
    c->vocab_size = r->vocab_size;
    c->vocab_padded = round_up(r->vocab_size, or_else(r->vocab_pad, arch->vocab_pad));
    const char *pattern =
        r->window_pattern && *r->window_pattern ? r->window_pattern : arch->window_pattern;
    RN_TRY(set_windows(c, pattern ? pattern : "", err));
    return rn_model_cfg_check(c, err);
}

/* --- config.json --- */

json_t *rn_model_cfg_json(const struct rn_model_cfg *c)
{
    json_t *j =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "arch", c->arch, "n_layer",
                  (json_int_t)c->n_layer, "n_head", (json_int_t)c->n_head, "n_kv_head",
                  (json_int_t)c->n_kv_head, "n_embd", (json_int_t)c->n_embd, "head_dim",
                  (json_int_t)c->head_dim, "sequence_len", (json_int_t)c->sequence_len,
                  "vocab_size", (json_int_t)c->vocab_size, "vocab_padded",
                  (json_int_t)c->vocab_padded, "window_pattern", c->window_pattern);
    if (c->embeddings == RN_BF16)
        json_object_set_new(j, "embeddings", json_string(rn_embedding_words[1]));
    return j;
}

static int from_ours(struct rn_model_cfg *c, const json_t *j, struct rn_err *err)
{
    c->n_layer = rn_json_int(j, "n_layer", 0);
    c->n_head = rn_json_int(j, "n_head", 0);
    c->n_kv_head = rn_json_int(j, "n_kv_head", 0);
    c->n_embd = rn_json_int(j, "n_embd", 0);
    c->head_dim = rn_json_int(j, "head_dim", 0);
    c->sequence_len = rn_json_int(j, "sequence_len", 0);
    c->vocab_size = rn_json_int(j, "vocab_size", 0);
    c->vocab_padded = rn_json_int(j, "vocab_padded", 0);
    const char *kept_in = rn_json_str(j, "embeddings", rn_embedding_words[0]);
    if (strcmp(kept_in, rn_embedding_words[1]) == 0)
        c->embeddings = RN_BF16;
    else if (strcmp(kept_in, rn_embedding_words[0]) != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "embeddings '%.20s', only fp32 and bf16 are known", kept_in);
    return set_windows(c, rn_json_str(j, "window_pattern", ""), err);
}

/* Hugging Face's GPT2Config, with the settings that would change the arithmetic refused. */
static int from_hf_gpt2(struct rn_model_cfg *c, const json_t *j, struct rn_err *err)
{
    c->n_layer = rn_json_int(j, "n_layer", 12);
    c->n_head = c->n_kv_head = rn_json_int(j, "n_head", 12);
    c->n_embd = rn_json_int(j, "n_embd", 768);
    c->head_dim = c->n_head > 0 ? c->n_embd / c->n_head : 0;
    c->sequence_len = rn_json_int(j, "n_positions", rn_json_int(j, "n_ctx", 1024));
    c->vocab_size = c->vocab_padded = rn_json_int(j, "vocab_size", 50257);
    const char *act = rn_json_str(j, "activation_function", "gelu_new");
    if (strcmp(act, "gelu_new") != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "activation '%s', only gelu_new is known", act);
    if (!(fabs(rn_json_real(j, "layer_norm_epsilon", 1e-5) - 1e-5) < 1e-9))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "layer_norm_epsilon is not 1e-5");
    return RN_OK;
}

int rn_model_cfg_from_json(struct rn_model_cfg *c, const json_t *j, struct rn_err *err)
{
    const char *name = rn_json_str(j, "arch", NULL), *hf = rn_json_str(j, "model_type", "");
    if (!name && strcmp(hf, "gpt2") != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "config.json names neither an `arch` of ours nor model_type gpt2 ('%s')",
                       hf);
    const struct rn_arch *arch = arch_or_fail(name ? name : "gpt2", err);
    if (!arch)
        return RN_ECONFIG;
    *c = (struct rn_model_cfg){.arch = arch->name, .sw = arch->sw};
    RN_TRY(name ? from_ours(c, j, err) : from_hf_gpt2(c, j, err));
    return rn_model_cfg_check(c, err);
}

/* --- what follows from a config --- */

size_t rn_model_weights(const struct rn_model_cfg *c, struct rn_weight **out)
{
    struct rn_weights w = {0};
    rn_arch_of(c)->weights(c, &w);
    *out = w.items;
    return w.n;
}

/* Elements of the weights that `wanted` accepts. */
static int64_t count(const struct rn_model_cfg *c,
                     bool (*wanted)(const struct rn_arch *, const struct rn_weight *))
{
    struct rn_weight *w;
    size_t n = rn_model_weights(c, &w);
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (wanted(rn_arch_of(c), &w[i]))
            sum += rn_elems(w[i].shape);
    free(w);
    return sum;
}

static bool any(const struct rn_arch *arch, const struct rn_weight *w)
{
    (void)arch;
    (void)w;
    return true;
}

static bool multiplies(const struct rn_arch *arch, const struct rn_weight *w)
{
    for (const char *const *p = arch->not_matmul; *p; p++)
        if (rn_starts_with(w->name, *p))
            return false;
    return true;
}

int64_t rn_model_param_count(const struct rn_model_cfg *c)
{
    return count(c, any);
}

double rn_model_weight_bytes(const struct rn_model_cfg *c)
{
    struct rn_weight *w;
    size_t n = rn_model_weights(c, &w);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)rn_elems(w[i].shape) * (double)rn_dtype_bytes(w[i].dtype);
    free(w);
    return sum;
}

int64_t rn_model_scaling_params(const struct rn_model_cfg *c)
{
    return count(c, multiplies);
}

/* Six per matrix weight; per layer and key seen, 12 per channel of the heads (scores and values,
 * both ways). Causality is not discounted: that is how the field reports MFU. */
double rn_model_flops_per_token(const struct rn_model_cfg *c, int64_t T)
{
    const struct rn_arch *arch = rn_arch_of(c);
    double keys = 0;
    for (int64_t i = 0; i < c->n_layer; i++) {
        int64_t window = arch->window ? arch->window(c, i) : -1;
        keys += (double)(window >= 0 && window < T ? window : T);
    }
    return 6 * (double)count(c, multiplies) + 12 * (double)(c->n_head * c->head_dim) * keys;
}
