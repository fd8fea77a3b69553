/* model/scorer.h - how likely a model finds given tokens: the one door of every evaluation.
 *
 *     struct rn_scorer *s;
 *     RN_TRY(rn_scorer_model(&s, model, err));
 *     struct rn_score_row row = {.ids = ids, .n = n, .losses = losses, .argmax = argmax};
 *     RN_TRY(rn_scorer_rows(s, &row, 1, err));
 *     rn_scorer_free(s);
 *
 * Rows of any lengths: each is filled up to the next of 16, 32, 64, ... tokens (the model is
 * causal, so what follows a row cannot change it) and scored beside others of that length. How many
 * stand beside it depends on that length and the vocabulary alone, so a row's losses do not depend
 * on which rows were asked for together. */
#ifndef RN_SCORER_H
#define RN_SCORER_H

#include "model.h"

struct rn_scorer;

struct rn_score_row {
    const int32_t *ids; /* n tokens, n >= 1 */
    int64_t n;
    float *losses;   /* n-1: [i] = -ln p(ids[i+1] | ids[0..i]), in nats */
    int32_t *argmax; /* n-1: [i] = the likeliest token after ids[0..i]; may be NULL */
};

/* The model is borrowed; its weights may change between calls. */
int rn_scorer_model(struct rn_scorer **, struct rn_model *, struct rn_err *);
void rn_scorer_free(struct rn_scorer *); /* takes NULL */
/* The longest row the model can read; 0: no limit (its positions are computed). */
int64_t rn_scorer_max_len(const struct rn_scorer *);
int rn_scorer_rows(struct rn_scorer *, const struct rn_score_row *rows, size_t n, struct rn_err *);
/* One batch (B,T) as a loader gives it: losses (B*T), 0 where y < 0. argmax may be NULL. */
int rn_scorer_batch(struct rn_scorer *, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                    float *losses, int32_t *argmax, struct rn_err *);

/* What stands behind the door; tests bring their own. */
struct rn_scorer_kind {
    int (*batch)(void *self, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                 float *losses, int32_t *argmax, struct rn_err *);
    void (*free)(void *self);
};
/* vocab: decides how many rows are scored at once. max_len 0: no limit. */
struct rn_scorer *rn_scorer_new(const struct rn_scorer_kind *, void *self, int64_t vocab,
                                int64_t max_len);

#endif
