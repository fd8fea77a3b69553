/* eval_bpb.h - bits per byte: a loss that does not depend on the tokenizer.
 *
 *     struct rn_bpb b;
 *     int64_t B = rn_bpb_rows(T, tokens);
 *     RN_TRY(rn_eval_bpb(scorer, loader, B, T, batches, byte_counts, &b, err));
 *     double bpb = rn_bpb_value(&b);
 *
 * Sum of losses over sum of bytes (never a mean of means), counted over targets that are text:
 * special tokens (0 bytes) and targets < 0 count on neither side. byte_counts come from
 * rn_tokenizer_byte_counts, which knows nanochat's older rule too. */
#ifndef RN_EVAL_BPB_H
#define RN_EVAL_BPB_H

#include "loader.h"
#include "scorer.h"

/* Rows of T in a batch, for so many tokens in all: the stream loader's windows are a batch long and
 * so part of the number, and nothing that differs between machines may choose them. */
int64_t rn_bpb_rows(int64_t T, int64_t tokens);

struct rn_bpb {
    double nats, bytes;
    int64_t targets;
};
/* Takes up to `batches` batches from a fresh loader, at most one pass over its data. vocab: entries
 * of byte_counts; a target beyond them is RN_ECORRUPT. */
int rn_eval_bpb(struct rn_scorer *, struct rn_loader *, int64_t B, int64_t T, int64_t batches,
                const int32_t *byte_counts, int32_t vocab, struct rn_bpb *, struct rn_err *);
double rn_bpb_value(const struct rn_bpb *); /* infinity when no byte was counted */

#endif
