/* replay.h - train along a trajectory recorded in PyTorch and say how far apart we end.
 *
 *     struct rn_replay_result r;
 *     RN_TRY(rn_replay("gpt2-tiny.safetensors", device, RN_PRECISION_FP32, on_step, ctx, &r, err));
 *     if (!r.ok) ...
 *
 * Reads only the file: sizes, hyperparameters, starting weights, tokens, per-step rates.
 *
 *     init.<weight>     where the trajectory starts
 *     final.<weight>    where it ends
 *     grad0.<weight>    gradients of step 0
 *     logits0           (T,V), of step 0
 *     tokens            (steps,B,T+1)
 *     recipe            metadata: {model: gpt2 | n25 | now, config}
 *     log               metadata: [{step, loss, grad_norm, lr | lrm, ..}] */
#ifndef RN_REPLAY_H
#define RN_REPLAY_H

#include "device.h"
#include "precision.h"

#include <stdbool.h>
#include <stdint.h>

struct rn_replay_step {
    int64_t step;
    double loss, ref_loss, grad_norm, ref_grad_norm;
};

/* Each number is the largest over steps or tensors; `ok`: all lie within tolerance, NaN never does.
 *
 *     rel_loss            1e-5    relative, at every step
 *     rel_logits0         1e-5    of the largest logit
 *     rel_grad0           1e-4    of each tensor's largest entry
 *     rel_grad0_gates     1e-3    the same for lambdas and gates
 *     rel_update          1e-3    ||w - ref|| / ||ref - init|| (2026: 5e-3)
 *
 * Computed in bf16 the loss alone is judged: 1e-2. A product of bf16 has two to three digits, and
 * optimizers that divide by the size of a gradient turn its last ones into steps. In fp8 (all
 * layers of blocks, however small) likewise: 2e-2. */
struct rn_replay_result {
    double rel_loss, rel_logits0, rel_grad0, rel_grad0_gates, rel_update;
    char worst_grad0[64], worst_update[64]; /* tensors that come nearest to their tolerance */
    int64_t excepted; /* gradients not compared: largest reference entry below 1e-8, or inert */
    bool ok;
};

/* A malformed file: RN_ECORRUPT; a recipe we do not know: RN_ECONFIG. on_step may be NULL. */
int rn_replay(const char *path, struct rn_device *, enum rn_precision,
              void (*on_step)(void *, const struct rn_replay_step *), void *ctx,
              struct rn_replay_result *, struct rn_err *);

#endif
