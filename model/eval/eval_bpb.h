/* eval_bpb.h - bits per byte: a loss that does not depend on the tokenizer.
 *
 *     int32_t *counts = rn_bpb_byte_counts(tokenizer, cfg);
 *     struct rn_bpb_of of = {scorer, loader, T, tokens, counts, vocab};
 *     struct rn_bpb b;                          the loader has rn_bpb_rows(T, tokens) rows
 *     RN_TRY(rn_eval_bpb(&of, &b, err));
 *     double bpb = rn_bpb_value(&b);
 *
 * Sum of losses over sum of bytes (never a mean of means), counted over targets that are text:
 * special tokens (0 bytes) and targets < 0 count on neither side. */
#ifndef RN_EVAL_BPB_H
#define RN_EVAL_BPB_H

#include "loader.h"
#include "model_config.h"
#include "scorer.h"
#include "tokenizer.h"

/* Rows of T in a batch, for so many tokens in all: the stream loader's windows are a batch long and
 * so part of the number, and nothing that differs between machines may choose them. */
int64_t rn_bpb_rows(int64_t T, int64_t tokens);

/* By id, as in the era of the model: nanochat's older rule decodes first. The caller's. */
int32_t *rn_bpb_byte_counts(const struct rn_tokenizer *, const struct rn_model_cfg *);

struct rn_bpb_of {
    struct rn_scorer *scorer;
    struct rn_loader *loader;   /* a fresh one, of rn_bpb_rows rows of T */
    int64_t T, tokens;          /* read are whole batches of so many, one at least */
    const int32_t *byte_counts; /* by id */
    int32_t vocab;              /* entries there; a target beyond them is RN_ECORRUPT */
};
struct rn_bpb {
    double nats, bytes;
    int64_t targets;
};
/* At most one pass over the loader's data. */
int rn_eval_bpb(const struct rn_bpb_of *, struct rn_bpb *, struct rn_err *);
double rn_bpb_value(const struct rn_bpb *); /* infinity when no byte was counted */

#endif
