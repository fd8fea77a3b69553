/* export: a model as other programs read it. Hugging Face's layout holds GPT-2 and nanochat of
 * 2025; nanochat of 2026 has weights (lambdas, value embeddings, smear) that no HF class can hold,
 * and leaving them out would load and generate the wrong model silently: it is refused. */
#include "file.h"
#include "model.h"
#include "model_in.h"
#include "path.h"
#include "safetensors.h"
#include "stage.h"
#include "str.h"
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

struct cfg {
    struct rn_ref model, tokenizer;
    int format;
};

static const char *const model_kinds[] = {"model", NULL};
static const char *const tokenizer_kinds[] = {"tokenizer", NULL};
static const char *const formats[] = {"hf", NULL};

static const struct rn_key in_keys[] = {
    RN_KEY_REF(struct cfg, model, "model", model_kinds, RN_REQUIRED, "what to export"),
    RN_KEY_REF(struct cfg, tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED, "its special ids"),
    RN_KEYS_END};
static const struct rn_key keys[] = {
    RN_KEY_TABLE("in", in_keys, "inputs"),
    RN_KEY_WORD(struct cfg, format, "format", RN_IDENTITY, "hf", formats, "hf: Hugging Face"),
    RN_KEYS_END};

static const struct rn_output outputs[] = {{"files", "files"}, {NULL, NULL}};

/* --- layouts: one row an architecture --- */

struct rename {
    const char *ours, *theirs; /* what follows "transformer.h.N" and stands for it */
};
static const struct rename nanochat_layer[] = {{".attn.c_q.weight", ".self_attn.q_proj.weight"},
                                               {".attn.c_k.weight", ".self_attn.k_proj.weight"},
                                               {".attn.c_v.weight", ".self_attn.v_proj.weight"},
                                               {".attn.c_proj.weight", ".self_attn.o_proj.weight"},
                                               {".mlp.c_fc.weight", ".mlp.fc1.weight"},
                                               {".mlp.c_proj.weight", ".mlp.fc2.weight"}};

static char *nanochat_name(const char *name)
{
    static const char prefix[] = "transformer.h.";
    if (strcmp(name, "transformer.wte.weight") == 0)
        return rn_xdup("model.embed_tokens.weight");
    if (!rn_starts_with(name, prefix))
        return rn_xdup(name);
    const char *number = name + sizeof prefix - 1;
    int digits = (int)strspn(number, "0123456789");
    for (size_t i = 0; i < RN_COUNT(nanochat_layer); i++)
        if (strcmp(number + digits, nanochat_layer[i].ours) == 0)
            return rn_xprintf("model.layers.%.*s%s", digits, number, nanochat_layer[i].theirs);
    RN_ASSERT(!"a weight of nanochat-2025 without a name in Hugging Face's layout");
    return NULL;
}

/* What nanochat trains with: torch's default in rms_norm. The class's own default is 1e-6. */
static const double FP32_EPS = 1.1920928955078125e-07;

static json_t *nanochat_config(const struct rn_model_cfg *m)
{
    return json_pack(
        "{s:s, s:[s], s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:f, s:{s:s, s:f}, s:f, "
        "s:b, s:b, s:s}",
        "model_type", "nanochat", "architectures", "NanoChatForCausalLM", "vocab_size",
        (json_int_t)m->vocab_size, "hidden_size", (json_int_t)m->n_embd, "intermediate_size",
        (json_int_t)(4 * m->n_embd), "num_hidden_layers", (json_int_t)m->n_layer,
        "num_attention_heads", (json_int_t)m->n_head, "num_key_value_heads",
        (json_int_t)m->n_kv_head, "head_dim", (json_int_t)m->head_dim, "max_position_embeddings",
        (json_int_t)m->sequence_len, "hidden_act", "relu2", "rms_norm_eps", FP32_EPS,
        "rope_parameters", "rope_type", "default", "rope_theta", 10000.0, "final_logit_softcapping",
        15.0, "attention_bias", 0, "tie_word_embeddings", 0, "dtype", "float32");
}

static char *gpt2_name(const char *name)
{
    return rn_xdup(name);
}

static json_t *gpt2_config(const struct rn_model_cfg *m)
{
    return json_pack("{s:s, s:[s], s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:f, s:s}", "model_type",
                     "gpt2", "architectures", "GPT2LMHeadModel", "vocab_size",
                     (json_int_t)m->vocab_size, "n_positions", (json_int_t)m->sequence_len, "n_ctx",
                     (json_int_t)m->sequence_len, "n_embd", (json_int_t)m->n_embd, "n_layer",
                     (json_int_t)m->n_layer, "n_head", (json_int_t)m->n_head, "activation_function",
                     "gelu_new", "layer_norm_epsilon", 1e-5, "dtype", "float32");
}

static const struct layout {
    const char *arch;
    char *(*name)(const char *ours); /* caller frees */
    json_t *(*config)(const struct rn_model_cfg *);
} layouts[] = {{"gpt2", gpt2_name, gpt2_config}, {"nanochat-2025", nanochat_name, nanochat_config}};

static const struct layout *layout_of(const char *arch)
{
    for (size_t i = 0; i < RN_COUNT(layouts); i++)
        if (strcmp(layouts[i].arch, arch) == 0)
            return &layouts[i];
    return NULL;
}

/* --- writing --- */

struct tensors {
    const struct rn_safetensors *from;
    const struct rn_model_cfg *model;
    struct rn_tensor_out *out;
    size_t n;
};

/* Padded rows of the vocabulary are ours alone. Their data stands at the end, so that reading the
 * whole tensor into room for it and taking the first rows is a crop. */
static int fill(void *ctx, size_t i, void *out, struct rn_err *err)
{
    const struct tensors *t = ctx;
    const struct rn_tensor_info *info = rn_safetensors_at(t->from, i);
    void *whole;
    RN_TRY(rn_try_alloc(&whole, (size_t)rn_elems(info->shape), sizeof(float), info->name, err));
    int rc = rn_safetensors_read_f32(t->from, info, whole, err);
    if (rc == RN_OK)
        memcpy(out, whole, (size_t)rn_elems(t->out[i].shape) * sizeof(float));
    free(whole);
    return rc;
}

static void list_tensors(struct tensors *t, const struct layout *layout)
{
    t->n = rn_safetensors_count(t->from);
    t->out = rn_xalloc((t->n + 1) * sizeof *t->out);
    for (size_t i = 0; i < t->n; i++) {
        const struct rn_tensor_info *info = rn_safetensors_at(t->from, i);
        t->out[i] = (struct rn_tensor_out){.name = layout->name(info->name),
                                           .type = info->type == RN_TENSOR_BF16 ? RN_TENSOR_BF16
                                                                                : RN_TENSOR_F32,
                                           .shape = info->shape,
                                           .fill = fill,
                                           .ctx = t,
                                           .i = i};
        if (strcmp(info->name, "transformer.wte.weight") == 0 ||
            strcmp(info->name, "lm_head.weight") == 0)
            t->out[i].shape.d[0] = t->model->vocab_size;
    }
}

static void tensors_release(struct tensors *t)
{
    for (size_t i = 0; i < t->n; i++)
        free((char *)t->out[i].name);
    free(t->out);
}

static int write_weights(const char *from, const char *dir, const struct rn_model_cfg *model,
                         const struct layout *layout, struct rn_err *err)
{
    struct rn_safetensors *st;
    RN_TRY(rn_safetensors_open(&st, from, err));
    struct tensors t = {.from = st, .model = model};
    list_tensors(&t, layout);
    char *path = rn_join(dir, "model.safetensors");
    int rc = rn_safetensors_write(path, t.out, t.n, NULL, NULL, err);
    free(path);
    tensors_release(&t);
    rn_safetensors_close(st);
    return rc;
}

static int write_config(const char *dir, const struct rn_model_cfg *model,
                        const struct layout *layout, const struct rn_tokenizer *tokenizer,
                        struct rn_err *err)
{
    json_t *config = layout->config(model);
    RN_ASSERT(config);
    int32_t bos = rn_tokenizer_bos(tokenizer),
            end = rn_tokenizer_special(tokenizer, "<|assistant_end|>");
    json_object_set_new(config, "bos_token_id", json_integer(bos));
    json_object_set_new(config, "eos_token_id", json_integer(end >= 0 ? end : bos));
    char *path = rn_join(dir, "config.json");
    int rc = rn_json_write(path, config, err);
    free(path);
    json_decref(config);
    return rc;
}

static int write_tokenizer(const char *dir, const struct rn_tokenizer *tokenizer,
                           struct rn_err *err)
{
    char *path = rn_join(dir, "tokenizer.json");
    int rc = rn_tokenizer_save_hf(tokenizer, path, err);
    free(path);
    return rc;
}

static int export_model(const char *from_dir, const char *out_dir,
                        const struct rn_tokenizer *tokenizer, struct rn_err *err)
{
    char *config_path = rn_join(from_dir, "config.json");
    char *weights = rn_join(from_dir, "model.safetensors"), *dir = rn_join(out_dir, "files");
    json_t *config = NULL;
    struct rn_model_cfg model;
    int rc = rn_json_read(config_path, 1 << 20, &config, err);
    if (rc == RN_OK)
        rc = rn_model_cfg_from_json(&model, config, err);
    const struct layout *layout = rc == RN_OK ? layout_of(model.arch) : NULL;
    if (rc == RN_OK && !layout)
        rc = rn_fail(err, RN_ESTAGE, RN_NOWHERE,
                     "%s cannot be exported to Hugging Face's layout: no class there holds its "
                     "lambdas, value embeddings and smear",
                     model.arch);
    if (rc == RN_OK)
        rc = rn_mkdirs(dir, err);
    if (rc == RN_OK)
        rc = write_weights(weights, dir, &model, layout, err);
    if (rc == RN_OK)
        rc = write_config(dir, &model, layout, tokenizer, err);
    if (rc == RN_OK)
        rc = write_tokenizer(dir, tokenizer, err);
    json_decref(config);
    free(dir);
    free(weights);
    free(config_path);
    return rc;
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    struct rn_tokenizer *tokenizer;
    const struct rn_artifact *model = rn_job_artifact(job, &c->model);
    RN_TRY(rn_tokenizer_load(&tokenizer, rn_job_artifact(job, &c->tokenizer)->dir, err));
    int rc = rn_model_in_check(model, tokenizer, err);
    if (rc == RN_OK)
        rc = export_model(model->dir, job->out_dir, tokenizer, err);
    rn_tokenizer_free(tokenizer);
    return rc;
}

const struct rn_stage rn_stage_export = {.kind = "export",
                                         .doc = "write a model as other programs read it",
                                         .version = 2,
                                         .keys = keys,
                                         .cfg_bytes = sizeof(struct cfg),
                                         .outputs = outputs,
                                         .run = run};
