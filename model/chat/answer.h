/* answer.h - whole answers to chats, several at a time, with the calculator at hand.
 *
 *     struct rn_answerer *a;
 *     RN_TRY(rn_answerer_new(&a, model, tokenizer, 8, 2048, err));       8 chats of 2048 tokens
 *     struct rn_str texts[8] = {0};
 *     struct rn_sampling how = {.max_tokens = 512};
 *     RN_TRY(rn_answer(a, prompts, 8, &how, texts, err));
 *     rn_answerer_free(a);
 *
 * An answer ends at assistant_end or bos, which are no part of it; other special tokens are, by
 * their names: nanochat reads its tasks' answers that way. */
#ifndef RN_ANSWER_H
#define RN_ANSWER_H

#include "generate.h"

struct rn_answerer;
/* Tmax: prompt and answer together, cut to what the model reads. */
int rn_answerer_new(struct rn_answerer **, struct rn_model *, const struct rn_tokenizer *,
                    size_t rows, int64_t Tmax, struct rn_err *);
void rn_answerer_free(struct rn_answerer *); /* takes NULL */
/* Prompts as rn_conversation_prompt makes them; appends to texts. stop is set here. */
int rn_answer(struct rn_answerer *, const struct rn_ids *prompts, size_t n,
              const struct rn_sampling *, struct rn_str *texts, struct rn_err *);

#endif
