/* arch.h - what an architecture is: a preset, a weight table, a group table, a forward pass.
 *
 *     const struct rn_arch rn_arch_mine = {.name = "mine", .weights = .., .forward = .., ..};
 *
 * One line in archs.def, one builder file. Only the room `model` includes this. */
#ifndef RN_ARCH_H
#define RN_ARCH_H

#include "build.h"
#include "model_config.h"

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
