/* model.h - a language model: what it is (config), its weights on a device, its programs.
 *
 *     struct rn_model_cfg cfg;         from YAML, from a checkpoint, or from Hugging Face's config
 *     RN_TRY(rn_model_new(&m, &cfg, device, with_grads, err));        weights are zero
 *     RN_TRY(rn_model_init_weights(m, seed, err));
 *     rn_model_free(m);                or: rn_model_load(&m, dir, device, with_grads, err)
 *
 * An architecture is one line in archs.def and one builder file: it fills the weight table (name,
 * shape, init, group: the only place that knows a weight) and emits the forward ops. */
#ifndef RN_MODEL_H
#define RN_MODEL_H

#include "fp8.h"
#include "hash.h"
#include "model_config.h"
#include "prog.h"

struct rn_model; /* config + params store */
int rn_model_new(struct rn_model **, const struct rn_model_cfg *, struct rn_device *,
                 bool with_grads, struct rn_err *);
/* A function of the seed and each weight's name, the same on every machine and device. */
int rn_model_init_weights(struct rn_model *, uint64_t seed, struct rn_err *);
/* Without memory, with gradients: its programs are planned and measured, never run. */
int rn_model_sketch(struct rn_model **, const struct rn_model_cfg *, struct rn_device *,
                    struct rn_err *);
void rn_model_free(struct rn_model *); /* takes NULL */
const struct rn_model_cfg *rn_model_config(const struct rn_model *);
struct rn_params *rn_model_params(const struct rn_model *);
/* The longest row it can read; 0: no limit, its positions are computed and not learnt. */
int64_t rn_model_max_len(const struct rn_model *);

/* A model directory: config.json + model.safetensors (ours; or Hugging Face's GPT-2, whose names
 * may lack "transformer." and whose mask buffers are ignored). `extra` (may be NULL): further keys
 * for config.json. A weight that is missing, unknown or of another shape: RN_ECORRUPT. */
int rn_model_load(struct rn_model **, const char *dir, struct rn_device *, bool with_grads,
                  struct rn_err *);
int rn_model_save(const struct rn_model *, const char *dir, const json_t *extra, struct rn_err *);
/* The weights alone, for checkpoints; hex (may be NULL) receives the file's sha256. */
int rn_model_save_weights(const struct rn_model *, const char *path, char hex[RN_HEX],
                          struct rn_err *);
int rn_model_load_weights(struct rn_model *, const char *path, struct rn_err *);

/* --- programs: one builder, four uses --- */

/* What the products of training and scoring programs built from now on round their operands to;
 * fp32 at first. Decoding stays fp32: one row is bound by the memory that weights lie in. */
void rn_model_compute_in(struct rn_model *, enum rn_dtype);
enum rn_dtype rn_model_computes_in(const struct rn_model *);
/* Of later training programs: which layers of blocks multiply codes of eight bits; the others, and
 * scoring programs, compute as above. Default: none. */
void rn_model_fp8(struct rn_model *, const struct rn_fp8 *);
/* How many those are, where rows are of T tokens. */
int64_t rn_model_fp8_layers(const struct rn_model_cfg *, const struct rn_fp8 *, int64_t T);
/* Of later training programs: blocks are made again in backward instead of being kept. The same
 * bits, less memory, about a third more time. Default: kept. */
void rn_model_recompute(struct rn_model *, bool blocks);
/* Of later training programs: the same bits every time on a GPU, too, where attention's backward is
 * slower for it and takes two bytes a score. A processor gives them anyway. Default: false. */
void rn_model_deterministic(struct rn_model *, bool always);

struct rn_train_prog { /* forward + backward of one micro-batch; adds to the gradients */
    struct rn_prog *prog;
    rn_val x, y, pos, scale; /* inputs: ids (B,T), targets (B,T), positions (B,T), loss scale (1) */
    rn_val loss;             /* scale * sum of losses */
    rn_val losses;           /* (B*T): one loss a target, 0 where target < 0 */
    rn_val amax; /* state: what scales of codes follow (fp8.h); RN_NONE: there are none */
    int64_t fp8_layers;
};
int rn_model_train_prog(struct rn_model *, int64_t B, int64_t T, struct rn_train_prog *,
                        struct rn_err *);

struct rn_score_prog { /* forward only: losses and argmax of every position */
    struct rn_prog *prog;
    rn_val x, y, pos;      /* inputs (B,T) */
    rn_val losses, argmax; /* (B*T) float, (B*T) int32 */
};
int rn_model_score_prog(struct rn_model *, int64_t B, int64_t T, struct rn_score_prog *,
                        struct rn_err *);

struct rn_logits_prog { /* forward only */
    struct rn_prog *prog;
    rn_val x, pos; /* inputs (B,T) */
    rn_val logits; /* (B,T,Vp) after softcap */
};
/* Of whole rows, each by itself. */
int rn_model_logits_prog(struct rn_model *, int64_t B, int64_t T, struct rn_logits_prog *,
                         struct rn_err *);

/* New tokens of rows whose earlier ones lie in a cache: prompts, one token after another, and
 * answers that share what stands before them. */
enum rn_cached_want {
    RN_WANT_NOTHING, /* the cache alone */
    RN_WANT_LOGITS,  /* after one token of each row: `rows` says which of B*T */
    RN_WANT_LOSSES,  /* of targets y, and the likeliest tokens */
};
struct rn_cached_shape {
    int64_t B, T;  /* rows, new tokens of each at most */
    int64_t Tmax;  /* positions of the cache */
    int64_t slots; /* rows of the cache. B: each keeps its tokens; fewer, a divisor of B: B / slots
                      rows go on from each, and the cache stays as it is */
    enum rn_cached_want want;
    const struct rn_prog *cache_of; /* a program with the same Tmax and slots; NULL: an own one */
};
struct rn_cached_prog {
    struct rn_prog *prog;
    rn_val x, pos, span; /* inputs, for rn_cached_put */
    int32_t last_pos;
    rn_val rows;           /* input (B): see want; RN_NONE where not wanted, as the following */
    rn_val y;              /* input (B,T): targets, -1: none */
    rn_val logits;         /* (B,Vp) after softcap */
    rn_val losses, argmax; /* (B*T) float, (B*T) int32 */
};
int rn_model_cached_prog(struct rn_model *, const struct rn_cached_shape *, struct rn_cached_prog *,
                         struct rn_err *);
/* x (B,T): new tokens, anything behind them; span (B,2): position of the first, how many. */
int rn_cached_put(const struct rn_cached_prog *, const int32_t *x, const int32_t *span,
                  struct rn_err *);

/* Fills a positions input: 0..T-1 in each of B rows. */
int rn_prog_put_positions(struct rn_prog *, rn_val pos, struct rn_err *);

#endif
