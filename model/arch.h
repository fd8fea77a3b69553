/* arch.h - what an architecture is: a preset, a weight table, a group table, a forward pass.
 *
 *     const struct rn_arch rn_arch_mine = {.name = "mine", .weights = .., .forward = .., ..};
 *
 * One line in archs.def, one builder file. Only the room `model` includes this. */
#ifndef RN_ARCH_H
#define RN_ARCH_H

#include "model.h"

/* --- optimizer groups: the only place that knows hyperparameters --- */

enum rn_group_kind { RN_GROUP_ADAMW, RN_GROUP_MUON_2025, RN_GROUP_MUON_2026 };
/* Rules that multiply a lr; a mask. The op muon adds its own by shape (ops.def). */
enum {
    RN_LR_WIDTH = 1, /* (n_embd / 768)^-0.5 */
    RN_LR_BATCH = 2, /* rn_optim_cfg.lr_scale */
};
struct rn_group {
    const char *name; /* NULL ends a table */
    enum rn_group_kind kind;
    int lr_rule;
    double lr;
    double beta1, beta2; /* Muon: beta1 unused (momentum comes from the schedule) */
    double eps;          /* Muon: unused */
    double decay;        /* Muon: times decay_scale and the schedule's decay_mult */
};

/* --- weight tables --- */

struct rn_weights {
    struct rn_weight *items;
    size_t n, cap;
};
/* Appends a row and returns it for init; name is a printf format. */
struct rn_weight *rn_weights_add(struct rn_weights *, const char *group, struct rn_shape,
                                 const char *name, ...) RN_PRINTF(4, 5);

/* --- forward passes --- */

struct rn_build_fp8 {         /* of a training program whose linear layers are of codes (fp8.h) */
    const struct rn_fp8 *how; /* NULL: none are */
    rn_val amax;              /* rows of a layer: its x, its w, the gradient of its y */
    int64_t layers;           /* so far */
    rn_val x, codes;          /* what was quantized last: several layers may read it */
    int64_t x_row;
};
struct rn_build { /* one program under construction */
    struct rn_prog *p;
    const struct rn_model_cfg *cfg;
    bool trains;        /* backward and a step will follow */
    bool recompute;     /* what a block made is not kept for backward */
    bool deterministic; /* backward adds in a fixed order, wherever it is computed */
    int64_t B, T, Tmax; /* Tmax: positions of a row; T unless slots */
    int64_t slots;      /* rows of a cache that holds earlier positions; 0: rows are whole */
    struct rn_build_fp8 fp8;
    bool exact;      /* fp32, whatever the model computes in */
    rn_val ids, pos; /* int32 (B,T) */
    rn_val span;     /* int32 (B,2), with slots: see ops.def, attention_decode */
    rn_val rope;     /* (Tmax, head_dim) constant, for those who rotate */
};
/* Appends an op; `in` is RN_IN(..) or any list; the value's name is a printf format. */
rn_val rn_build_op(struct rn_build *, int kind, struct rn_attrs, const rn_val *in, int n_in,
                   const char *name, ...) RN_PRINTF(6, 7);
#define RN_IN(...)                                                                                 \
    (const rn_val[]){__VA_ARGS__}, (int)(sizeof((rn_val[]){__VA_ARGS__}) / sizeof(rn_val))
#define RN_ATTRS(...) ((struct rn_attrs){__VA_ARGS__})
#define RN_NO_ATTRS   ((struct rn_attrs){{0}, {0}})
rn_val rn_build_weight(struct rn_build *, const char *name, ...) RN_PRINTF(2, 3);
/* x (..) seen as another shape of as many elements. */
rn_val rn_build_view(struct rn_build *, rn_val x, struct rn_shape, const char *name);
/* x w^T + bias of a block: w is (N,K), or with kn (K,N); bias may be RN_NONE. */
rn_val rn_build_linear(struct rn_build *, rn_val x, rn_val w, rn_val bias, bool kn,
                       const char *name, ...) RN_PRINTF(6, 7);
/* a + b */
rn_val rn_build_add(struct rn_build *, rn_val a, rn_val b, const char *name);
/* Causal attention, over the row or over the cache too: q (B,T,H,D), k and v (B,T,K,D). A window
 * below 0 sees everything before; otherwise window + 1 keys. */
rn_val rn_build_attention(struct rn_build *, int64_t layer, rn_val q, rn_val k, rn_val v,
                          double scale, int64_t window);

/* Ends a block, or the stem: x is all that is kept of it where blocks are made again. Returns x. */
rn_val rn_build_block_end(struct rn_build *, rn_val x);

/* --- an architecture --- */

struct rn_arch {
    const char *name, *doc;
    struct rn_switches sw;
    /* What is not given: */
    int64_t head_dim, sequence_len, vocab_pad;
    bool width_by_head; /* width is 64 * depth rounded up to head_dim; otherwise heads are fitted */
    const char *window_pattern;
    /* How it is trained: */
    const struct rn_group *groups;
    double clip;             /* 0: none */
    double tokens_per_param; /* default horizon */
    bool horizon_total;      /* counted over all parameters; otherwise over scaling params */
    bool batch_scaling;      /* 2026: batch, lr and decay follow the horizon (scaling.h) */
    int64_t batch_tokens;    /* default batch, or the reference batch of the scaling rules */
    /* What it computes: */
    int (*check)(const struct rn_model_cfg *, struct rn_err *); /* what only the family can say */
    void (*weights)(const struct rn_model_cfg *, struct rn_weights *);
    rn_val (*forward)(struct rn_build *); /* (B,T,C): what the head multiplies */
    const char *head;                     /* the weight (Vp,C) that makes logits of it */
    int64_t (*window)(const struct rn_model_cfg *, int64_t layer); /* NULL: none, -1: all */
    /* NULL-ended prefixes of weights that are looked up or tiny: no multiplication a token. */
    const char *const *not_matmul;
};
const struct rn_arch *rn_arch_find(const char *name);          /* NULL: none of that name */
const struct rn_arch *rn_arch_of(const struct rn_model_cfg *); /* never NULL */

#define ARCH(id, name) extern const struct rn_arch rn_arch_##id;
#include "archs.def"
#undef ARCH

#endif
