/* conversation.h - a chat, and its token ids with a mask of what the model is to learn.
 *
 *     struct rn_conversation c;
 *     RN_TRY(rn_conversation_parse(&c, json, place, err));
 *     struct rn_rendered r = {0};
 *     RN_TRY(rn_conversation_render(&c, &chat_tokens, tokenizer, max_tokens, &r));
 *     rn_rendered_release(&r);
 *     rn_conversation_release(&c);
 *
 * JSON is a list of {role, content} or {messages: that list}. A system message first is merged into
 * the user's first turn (two newlines between); then user and assistant alternate, the user first.
 * A user's content is a string; an assistant's is a string or a list of {type, text} with type
 * text, python (a tool call) or python_output (its result).
 *
 * Rendering is nanochat's:
 *
 *     bos
 *     user_start TEXT user_end
 *     assistant_start PARTS assistant_end           a part is one of:
 *         TEXT
 *         python_start CALL python_end
 *         output_start RESULT output_end
 *
 * The model learns (mask 1) what the assistant says itself: text, python_start call python_end, and
 * assistant_end; not the tool's output_start result output_end, nor anything else. Text that looks
 * like a special token is ordinary text. */
#ifndef RN_CONVERSATION_H
#define RN_CONVERSATION_H

#include "json.h"
#include "mem.h"
#include "tokenizer.h"

enum { RN_CHAT_MESSAGES_MAX = 100000 };

enum rn_part_kind { RN_PART_TEXT, RN_PART_PYTHON, RN_PART_OUTPUT };
struct rn_chat_part {
    enum rn_part_kind kind;
    const char *text; /* UTF-8 */
    size_t n;
};
struct rn_turn { /* even turns are the user's, odd ones the assistant's */
    struct rn_chat_part *parts;
    size_t n_parts;
};
struct rn_conversation {
    struct rn_arena arena; /* holds turns, parts and texts */
    struct rn_turn *turns;
    size_t n, cap;
};

/* RN_ECORRUPT at `at` if it is no conversation as above; says which message and what was expected.
 * Release in both cases. */
int rn_conversation_parse(struct rn_conversation *, const json_t *, struct rn_place at,
                          struct rn_err *);
void rn_conversation_release(struct rn_conversation *);

/* Building one by hand: turns alternate by themselves. The text is copied. */
void rn_conversation_say(struct rn_conversation *, const char *text, size_t n); /* a whole turn */
void rn_conversation_turn(struct rn_conversation *);                            /* an empty one */
void rn_conversation_part(struct rn_conversation *, enum rn_part_kind, const char *text, size_t n);

/* The ids of nanochat's special tokens in a tokenizer. */
struct rn_chat_tokens {
    int32_t bos, user_start, user_end, assistant_start, assistant_end, python_start, python_end,
        output_start, output_end;
};
/* RN_ECONFIG if the tokenizer lacks one; names it. */
int rn_chat_tokens_find(struct rn_chat_tokens *, const struct rn_tokenizer *, struct rn_err *);

struct rn_rendered { /* of equal length; zero-initialise; reused when rendered into again */
    struct rn_ids ids;
    struct rn_ids mask; /* 1: trained, 0: not */
};
void rn_rendered_release(struct rn_rendered *);

/* Replaces *out by the whole conversation, cut to max_tokens. */
void rn_conversation_render(const struct rn_conversation *, const struct rn_chat_tokens *,
                            const struct rn_tokenizer *, size_t max_tokens,
                            struct rn_rendered *out);
/* Replaces *out by a prompt for the next answer: without a last assistant turn, ending in
 * assistant_start. Not cut. */
void rn_conversation_prompt(const struct rn_conversation *, const struct rn_chat_tokens *,
                            const struct rn_tokenizer *, struct rn_ids *out);

#endif
