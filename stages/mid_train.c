/* mid-train: a base model learns the shape of conversations; every token is a target. */
#include "training_chat.h"

#define CFG struct rn_training_cfg

static const struct rn_key keys[] = {RN_TRAINING_CHAT_KEYS, RN_TRAINING_KEYS, RN_KEYS_END};

static int open_data(struct rn_job *job, const CFG *c, const struct rn_tokenizer *tokenizer,
                     const struct rn_model_cfg *mc, void **data, struct rn_err *err)
{
    (void)mc;
    return rn_training_chat_open(job, c, tokenizer, RN_CHAT_STREAM, data, err);
}

/* nanochat of 2025 (scripts/mid_train.py): rates as in base training, constant until 80 %, then to
 * 0; gradients are not clipped. */
static struct rn_training_defaults defaults(const struct rn_model_cfg *mc)
{
    (void)mc;
    return (struct rn_training_defaults){.schedule = "nanochat-2025-mid", .lr_frac = 1, .clip = 0};
}

static const struct rn_training_kind kind = {.continues = true,
                                             .defaults = defaults,
                                             .open = open_data,
                                             .close = rn_training_chat_close,
                                             .train_loader = rn_training_chat_train,
                                             .val_loader = rn_training_chat_val,
                                             .one_pass_steps = rn_training_chat_one_pass};

const struct rn_stage rn_stage_mid_train = {.kind = "mid-train",
                                            .doc = "go on with a base model on conversations",
                                            .keys = keys,
                                            .talks = true,
                                            .own = &kind,
                                            RN_TRAINING_STAGE};
