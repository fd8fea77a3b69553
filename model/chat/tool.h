/* tool.h - the calculator in a chat: watches what the model says and answers its calls.
 *
 *     struct rn_tool tool = {.special = &chat_tokens, .tokenizer = tok};
 *     for (;;) {
 *         int32_t id;
 *         if (!rn_tool_says(&tool, &id))
 *             id = what_the_model_says();
 *         rn_tool_hears(&tool, id);
 *     }
 *     rn_tool_release(&tool);
 *
 * What stands between python_start and python_end is given to the calculator; if that finds a
 * result, output_start, the result's tokens and output_end follow, whatever the model would say. */
#ifndef RN_TOOL_H
#define RN_TOOL_H

#include "conversation.h"

struct rn_tool { /* zero-initialise the rest */
    const struct rn_chat_tokens *special;
    const struct rn_tokenizer *tokenizer;
    bool calling;
    struct rn_ids call, answer; /* of the call in hand; what is still to be said from `said` on */
    size_t said;
};
void rn_tool_hears(struct rn_tool *, int32_t id);
bool rn_tool_says(struct rn_tool *, int32_t *id); /* false: nothing */
void rn_tool_release(struct rn_tool *);

#endif
