/* sft: supervised fine-tuning; only what the assistant says is a target. */
#include "training_chat.h"

#include <string.h>

#define CFG struct rn_training_cfg

static const struct rn_key keys[] = {RN_TRAINING_CHAT_KEYS, RN_TRAINING_KEYS, RN_KEYS_END};

static bool of_2026(const struct rn_model_cfg *mc)
{
    return strcmp(mc->arch, "nanochat-2026") == 0;
}

static int open_data(struct rn_job *job, const CFG *c, const struct rn_tokenizer *tokenizer,
                     const struct rn_model_cfg *mc, void **data, struct rn_err *err)
{
    enum rn_chat_kind form = of_2026(mc) ? RN_CHAT_PACK : RN_CHAT_ROWS;
    return rn_training_chat_open(job, c, tokenizer, form, data, err);
}

/* nanochat of 2025: 2 % of the rates, straight to 0, 32 conversations a step; of 2026: 80 %, second
 * half to 0, the batch of base training; no clipping (scripts/chat_sft.py of both). */
static struct rn_training_defaults defaults(const struct rn_model_cfg *mc)
{
    if (of_2026(mc))
        return (struct rn_training_defaults){
            .schedule = "nanochat-2026-sft", .lr_frac = 0.8, .inherits_batch = true};
    return (struct rn_training_defaults){
        .schedule = "nanochat-2025-sft", .lr_frac = 0.02, .batch_rows = 32};
}

static const struct rn_training_kind kind = {.continues = true,
                                             .defaults = defaults,
                                             .open = open_data,
                                             .close = rn_training_chat_close,
                                             .train_loader = rn_training_chat_train,
                                             .val_loader = rn_training_chat_val,
                                             .one_pass_steps = rn_training_chat_one_pass};

const struct rn_stage rn_stage_sft = {.kind = "sft",
                                      .doc = "fine-tune on what the assistant says",
                                      .keys = keys,
                                      .talks = true,
                                      .own = &kind,
                                      RN_TRAINING_STAGE};
