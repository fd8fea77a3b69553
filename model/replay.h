/* model/replay.h - train along a trajectory recorded in PyTorch and say how far apart we end.
 *
 *     struct rn_replay_result r;
 *     RN_TRY(rn_replay("gpt2-tiny.safetensors", device, on_step, ctx, &r, err));
 *     if (!r.ok) ...
 *
 * Reads only the file: sizes, hyperparameters, starting weights, tokens, per-step rates. A file
 * holds init.<weight>, final.<weight>, grad0.<weight>, logits0 (T,V), tokens (steps,B,T+1) and, as
 * metadata, `recipe` {model: gpt2 | n25 | now, config} and `log` [{step, loss, grad_norm, lr | lrm,
 * ..}]. */
#ifndef RN_REPLAY_H
#define RN_REPLAY_H

#include "device.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct rn_replay_step {
    int64_t step;
    double loss, ref_loss, grad_norm, ref_grad_norm;
};

/* Each number is the largest over steps or tensors; `ok` means all lie within tolerance: loss 1e-5
 * relative at every step, logits 1e-5 of the largest, gradients of step 0 1e-4 of each tensor's
 * largest (lambdas and gates 1e-3), weights ||w - ref|| / ||ref - init|| 1e-3 (2026: 5e-3). NaN is
 * never ok. */
struct rn_replay_result {
    double rel_loss, rel_logits0, rel_grad0, rel_grad0_gates, rel_update;
    char worst_grad0[64], worst_update[64]; /* tensors that come nearest to their tolerance */
    int64_t excepted; /* gradients not compared: largest reference entry below 1e-8, or inert */
    bool ok;
};

/* A malformed file: RN_ECORRUPT; a recipe we do not know: RN_ECONFIG. on_step may be NULL. */
int rn_replay(const char *path, struct rn_device *,
              void (*on_step)(void *, const struct rn_replay_step *), void *ctx,
              struct rn_replay_result *, struct rn_err *);

#endif
