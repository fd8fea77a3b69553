/* model/generate.h - text from a model, one token at a time.
 *
 *     struct rn_generator *g;
 *     RN_TRY(rn_generator_new(&g, model, 1024, err));                 plans a decode program
 *     struct rn_sampling how = {.max_tokens = 64, .seed = 42};        temperature 0: greedy
 *     RN_TRY(rn_generate(g, ids, n, &how, on_token, ctx, err));
 *     rn_generator_free(g);
 *
 * The draw at a position is a function of (seed, position), so equal calls give equal tokens. */
#ifndef RN_GENERATE_H
#define RN_GENERATE_H

#include "model.h"

struct rn_sampling {
    int64_t max_tokens;
    double temperature; /* 0: the largest logit */
    int64_t top_k;      /* 0: all */
    uint64_t seed;
    const int32_t *stop; /* ids that end the text; they are reported too */
    size_t n_stop;
};

struct rn_generator;
/* Tmax: prompt and answer together. The model is borrowed. */
int rn_generator_new(struct rn_generator **, struct rn_model *, int64_t Tmax, struct rn_err *);
void rn_generator_free(struct rn_generator *); /* takes NULL */

/* Calls each(ctx, id) for every new token; a nonzero result ends the text. Generation also ends at
 * Tmax. RN_ECONFIG: an empty or too long prompt, an id outside the vocabulary. */
int rn_generate(struct rn_generator *, const int32_t *prompt, size_t n, const struct rn_sampling *,
                int (*each)(void *ctx, int32_t id), void *ctx, struct rn_err *);

/* Picks from V logits by `how`, with the random number of `position`. */
int32_t rn_sample(const float *logits, int64_t V, const struct rn_sampling *how, int64_t position);

#endif
