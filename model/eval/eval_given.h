/* eval_given.h - tasks whose answers are given: the model says how likely it finds each.
 *
 *     struct rn_given g = {.what = "mmlu", .items = n, .ask = ask, .ctx = &mine};
 *     struct rn_given_result r;
 *     RN_TRY(rn_eval_given(run, &g, &r, err));
 *     rn_eval_share(run->report, "mmlu", r.right, r.items);
 *
 * Of each question stands in the report's items:
 *
 *     {row, gold, choice, losses: [mean of each answer's tokens; null: it has none], right} */
#ifndef RN_EVAL_GIVEN_H
#define RN_EVAL_GIVEN_H

#include "evals.h"
#include "span.h"

struct rn_asked { /* a question; zeroed before it is asked */
    int64_t row;  /* its number, from 0: in the order of asking, where ask says no other */
    size_t gold;  /* the right one of its answers */
    bool exact;   /* it has one answer, right if each of its tokens is the likeliest: no choice */
};
struct rn_given {
    const char *what; /* progress is told so */
    int64_t items;    /* at most; max_items of the run counts too */
    /* Adds question i (they come in order) to those that are asked together; adding none ends the
     * task. Prompts may be too long: they are cut. */
    int (*ask)(void *ctx, int64_t i, struct rn_questions *, struct rn_asked *, struct rn_err *);
    /* More to know of a question than its losses say; NULL: nothing. */
    void (*note)(void *ctx, const struct rn_asked *, const struct rn_span *, size_t n,
                 json_t *item);
    void *ctx;
};
struct rn_given_result {
    size_t items, right;
    size_t cut; /* prompts that were longer than rn_eval_max_len */
};
int rn_eval_given(const struct rn_eval_run *, const struct rn_given *, struct rn_given_result *,
                  struct rn_err *);

#endif
