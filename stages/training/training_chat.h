/* training_chat.h - what mid-train and sft have in common: a mixture of conversations.
 *
 *     static const struct rn_key keys[] = {RN_TRAINING_CHAT_KEYS, RN_TRAINING_KEYS, RN_KEYS_END};
 *     RN_TRY(rn_training_chat_open(job, cfg, tokenizer, RN_CHAT_ROWS, data, err));
 *
 * The kind's `open` makes that call with its form; the other hooks are used as they are. The two
 * differ in how conversations become rows (loader_chat.h) and in their defaults. */
#ifndef RN_TRAINING_CHAT_H
#define RN_TRAINING_CHAT_H

#include "loader_chat.h"
#include "training.h"

extern const struct rn_key rn_training_chat_in_keys[];

#define RN_TRAINING_CHAT_KEYS                                                                      \
    RN_KEY_TABLE("in", rn_training_chat_in_keys, "inputs"),                                        \
        RN_KEY_LIST(struct rn_training_cfg, mixture, "mixture", RN_IDENTITY, RN_REQUIRED,          \
                    rn_training_mixture_keys, struct rn_mixture_part, "what to learn from"),       \
        RN_KEY_LIST(struct rn_training_cfg, val_mixture, "val_mixture", RN_IDENTITY, "[]",         \
                    rn_training_mixture_keys, struct rn_mixture_part,                              \
                    "what to validate on; gives val_bpb")

/* The hooks of struct rn_training_kind; `open` of a kind calls this with its form. */
int rn_training_chat_open(struct rn_job *, const struct rn_training_cfg *,
                          const struct rn_tokenizer *, enum rn_chat_kind form, void **data,
                          struct rn_err *);
void rn_training_chat_close(void *data);
int rn_training_chat_train(void *data, int64_t B, int64_t T, struct rn_loader **, struct rn_err *);
int rn_training_chat_val(void *data, int64_t B, int64_t T, struct rn_loader **, struct rn_err *);
int rn_training_chat_one_pass(void *data, int64_t batch_tokens, int64_t T, int64_t *steps,
                              struct rn_err *);

#endif
