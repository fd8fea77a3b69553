/* loader_chat.h - training batches from a mixture of conversations, in three forms.
 *
 *     struct rn_chat_form f = {.kind = RN_CHAT_ROWS, .B = 4, .T = 1024};
 *     RN_TRY(rn_loader_chat(&l, mixture, tokenizer, &f, err));         then as loader.h says
 *
 *     RN_CHAT_STREAM  mid-training of 2025: conversations end to end, windows of B*T+1 ids whose
 *                     last is discarded; every id is a target
 *     RN_CHAT_ROWS    SFT of 2025: one conversation a row, filled up with assistant_end; targets
 *                     are what the mask trains
 *     RN_CHAT_PACK    SFT of 2026: rows of T+1 ids, each filled with the largest conversations that
 *                     fit out of a buffer of 100, the rest with bos; masked likewise
 *
 * A conversation longer than a row (STREAM: than max_tokens) is cut, never left to clog a buffer.
 * One that has no target within what is left of it is left out, so that every row of ROWS and PACK
 * has a target; if there is no other in a whole pass, the loader fails with RN_ECORRUPT instead of
 * giving batches whose loss is 0/0. */
#ifndef RN_LOADER_CHAT_H
#define RN_LOADER_CHAT_H

#include "loader.h"
#include "mixture.h"

enum rn_chat_kind { RN_CHAT_STREAM, RN_CHAT_ROWS, RN_CHAT_PACK };
struct rn_chat_form {
    enum rn_chat_kind kind;
    int64_t B, T;
    int64_t max_tokens; /* STREAM: conversations are cut to this; 0: 2048, as nanochat */
};

/* Mixture and tokenizer are borrowed and must outlive the loader. RN_ECONFIG if the tokenizer lacks
 * a chat token or the mixture is empty. */
int rn_loader_chat(struct rn_loader **, const struct rn_mixture *, const struct rn_tokenizer *,
                   const struct rn_chat_form *, struct rn_err *);

/* One pass over the mixture: what 'one epoch' as horizon means, and what becomes of its rows. */
struct rn_chat_pass {
    int64_t batches;  /* rounded up */
    int64_t cut;      /* conversations that are longer than their row */
    int64_t left_out; /* conversations that have nothing to learn within it */
};
/* Renders every conversation once. */
int rn_loader_chat_pass(const struct rn_mixture *, const struct rn_tokenizer *,
                        const struct rn_chat_form *, struct rn_chat_pass *, struct rn_err *);

#endif
