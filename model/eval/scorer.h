/* scorer.h - how likely a model finds given tokens: the one door of every evaluation.
 *
 *     struct rn_scorer *s = rn_scorer_model(model);
 *     struct rn_score_row rows[2] = {{.ids = a, .n = n, .from = p, .losses = l, .argmax = m}, ..};
 *     struct rn_score_group question = {rows, 2};
 *     RN_TRY(rn_scorer_groups(s, &question, 1, err));
 *     rn_scorer_free(s);
 *
 * What the rows of a group begin with is read once. How a group is cut and batched follows from its
 * own lengths alone, so its losses do not depend on which groups were asked for together. */
#ifndef RN_SCORER_H
#define RN_SCORER_H

#include "model.h"

struct rn_scorer;

struct rn_score_row {
    const int32_t *ids; /* n tokens, n >= 1 */
    int64_t n;
    int64_t from;    /* the first loss that is wanted; those before it are not touched */
    float *losses;   /* n-1: [i] = -ln p(ids[i+1] | ids[0..i]), in nats */
    int32_t *argmax; /* n-1: [i] = the likeliest token after ids[0..i] */
};
struct rn_score_group { /* the prompts of one question */
    const struct rn_score_row *rows;
    size_t n;
};

/* The model is borrowed; its weights may change between calls. */
struct rn_scorer *rn_scorer_model(struct rn_model *);
void rn_scorer_free(struct rn_scorer *); /* takes NULL */
/* The longest row the model can read; 0: no limit (its positions are computed). */
int64_t rn_scorer_max_len(const struct rn_scorer *);
/* RN_ECONFIG for a row longer than that. */
int rn_scorer_groups(struct rn_scorer *, const struct rn_score_group *, size_t n, struct rn_err *);
/* One batch (B,T) as a loader gives it: losses (B*T), 0 where y < 0. */
int rn_scorer_batch(struct rn_scorer *, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                    float *losses, struct rn_err *);
/* Tokens that went through the model so far, fillers included. */
int64_t rn_scorer_tokens(const struct rn_scorer *);

/* What stands behind the door; tests bring their own. */
struct rn_scorer_kind {
    int (*groups)(void *self, const struct rn_score_group *, size_t n, struct rn_err *);
    int (*batch)(void *self, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                 float *losses, struct rn_err *);
    int64_t (*tokens)(const void *self); /* NULL: not counted */
    void (*free)(void *self);
};
/* max_len 0: no limit. */
struct rn_scorer *rn_scorer_new(const struct rn_scorer_kind *, void *self, int64_t max_len);

#endif
