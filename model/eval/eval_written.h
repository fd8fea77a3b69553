/* eval_written.h - tasks whose answers are written out: asked by nanochat's rules, greedily,
 * up to 512 tokens, with the calculator at hand.
 *
 *     struct rn_written w = {.id = "gsm8k", .items = n, .ask = ask, .judge = judge, .ctx = &mine};
 *     RN_TRY(rn_eval_written(run, &w, err));              the share of right answers is reported */
#ifndef RN_EVAL_WRITTEN_H
#define RN_EVAL_WRITTEN_H

#include "conversation.h"
#include "evals.h"

struct rn_written {
    const char *id; /* of the metric */
    int64_t items;
    /* The conversation whose first turn is question i; released by the caller in any case. */
    int (*ask)(void *ctx, int64_t i, struct rn_conversation *, struct rn_err *);
    /* May add to what is recorded of the question. */
    int (*judge)(void *ctx, int64_t i, const char *answer, json_t *item, bool *right,
                 struct rn_err *);
    void *ctx;
};
int rn_eval_written(struct rn_eval_run *, const struct rn_written *, struct rn_err *);

#endif
