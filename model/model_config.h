/* model_config.h - what a model is, before there is one: sizes, switches, the table of its weights.
 *
 *     struct rn_model_cfg cfg;
 *     RN_TRY(rn_model_cfg_fill(&cfg, "gpt2", &request, err));         or rn_model_cfg_from_json
 *     size_t n = rn_model_weights(&cfg, &weights);
 *
 * Needs no device and allocates no weight. Any thread. */
#ifndef RN_MODEL_CONFIG_H
#define RN_MODEL_CONFIG_H

#include "json.h"
#include "shape.h"

/* What sets the members of a family apart. An architecture name is a preset over them; tests and
 * experiments may flip one in a filled config (config.json keeps the name only). */
struct rn_switches {
    bool value_embeds; /* gated embeddings added to v in every other layer */
    bool lambdas;      /* x = resid_lambdas[i] x + x0_lambdas[i] x0 before each layer */
    bool smear;        /* a gated share of the previous token's embedding */
    bool backout;      /* the middle layer's output is subtracted at the end (3 layers or more) */
    bool windows;      /* window_pattern counts; otherwise every layer sees everything */
    bool rope_bf16;    /* the table of angles is rounded to bfloat16 */
    bool init_2026;    /* uniform matrices, small normal head; otherwise 2025's normal and zero */
    double rope_base;
    double qk_scale; /* times q and k after their norm */
    double softcap;  /* logits = c tanh(logits / c); 0: plain */
};

struct rn_model_cfg {
    const char *arch; /* a name of archs.def (static string) */
    int64_t n_layer, n_head, n_kv_head, n_embd, head_dim;
    int64_t sequence_len;     /* T it was made for; gpt2: rows of wpe */
    int64_t vocab_size;       /* real; logits are cropped to it */
    int64_t vocab_padded;     /* rows of wte and lm_head */
    char window_pattern[16];  /* "L", "SSSL": tiled over layers, last layer always L */
    enum rn_dtype embeddings; /* what wte and value embeddings are kept in, with their moments */
    struct rn_switches sw;    /* of the architecture */
};

/* Keys of DESIGN 3; 0 or NULL: by the architecture's rule. */
struct rn_model_shape_request {
    int64_t depth, sequence_len, head_dim, n_embd, n_head, n_kv_head, vocab_pad, vocab_size;
    const char *window_pattern;
    int embeddings; /* index of rn_embedding_words */
};
extern const char *const rn_embedding_words[]; /* "fp32", "bf16", NULL */
/* Fills what depth implies and checks it. RN_ECONFIG says what does not fit. */
int rn_model_cfg_fill(struct rn_model_cfg *, const char *arch,
                      const struct rn_model_shape_request *, struct rn_err *);
/* As stored in config.json of our models; new reference. */
json_t *rn_model_cfg_json(const struct rn_model_cfg *);
/* Reads that, and Hugging Face's GPT-2. */
int rn_model_cfg_from_json(struct rn_model_cfg *, const json_t *, struct rn_err *);
/* Checks every size and relation of a config made by hand. RN_ECONFIG. */
int rn_model_cfg_check(const struct rn_model_cfg *, struct rn_err *);
extern const char *const rn_arch_names[]; /* NULL-ended, for RN_KEY_WORD */

enum rn_init { RN_INIT_ZERO, RN_INIT_CONST, RN_INIT_NORMAL, RN_INIT_UNIFORM };
struct rn_weight {
    char name[64];
    struct rn_shape shape;
    enum rn_dtype dtype; /* RN_F32, or RN_BF16; the host has floats either way */
    enum rn_init init;
    float init_scale;  /* std, bound or constant */
    float init_last;   /* CONST: value of the last element, linear in between (lambdas) */
    bool init_above_0; /* UNIFORM: [0, bound] instead of [-bound, bound] */
    bool inert;        /* has no effect at this size; kept so that files have every name */
    const char *group; /* row of the architecture's group table: "matrix", "embedding", .. */
};
/* The weight table of a checked config; *out is owned by the caller (free). */
size_t rn_model_weights(const struct rn_model_cfg *, struct rn_weight **out);
int64_t rn_model_param_count(const struct rn_model_cfg *);    /* all, pads included */
double rn_model_weight_bytes(const struct rn_model_cfg *);    /* of them */
int64_t rn_model_scaling_params(const struct rn_model_cfg *); /* 2026: matrices and lm_head */
/* Of training, in rows of T, as nanochat counts them. */
double rn_model_flops_per_token(const struct rn_model_cfg *, int64_t T);

#endif
