/* generate.h - texts from a model: rows of tokens that go on, one token after another.
 *
 *     struct rn_generator *g;
 *     RN_TRY(rn_generator_new(&g, model, 1, 1024, err));              one row of 1024 tokens
 *     struct rn_sampling how = {.max_tokens = 64, .seed = 42};        temperature 0: greedy
 *     struct rn_text text = {.prompt = ids, .n = n, .each = on_token, .ctx = ctx};
 *     RN_TRY(rn_generate(g, &text, 1, &how, err));
 *     rn_generator_free(g);
 *
 * A row remembers what it has read: of a prompt that begins with it only the rest is read, so a
 * chat may give its whole history each time. The draw at a position is a function of (seed,
 * position), so equal calls give equal tokens. */
#ifndef RN_GENERATE_H
#define RN_GENERATE_H

#include "model.h"
#include "tool.h"

struct rn_sampling {
    int64_t max_tokens;
    double temperature; /* 0: the largest logit */
    int64_t top_k;      /* 0: all */
    double top_p;       /* the likeliest that together have this share; 0 or 1: all */
    uint64_t seed;
    const int32_t *stop; /* ids that end a text; they are reported too */
    size_t n_stop;
};

struct rn_text { /* borrowed */
    const int32_t *prompt;
    size_t n;
    struct rn_tool *tool; /* what it says goes into the text; NULL: none */
    /* Told every new token; a nonzero result ends the text. */
    int (*each)(void *ctx, int32_t id);
    void *ctx;
};

struct rn_generator;
/* Tmax: prompt and answer together. The model is borrowed. */
int rn_generator_new(struct rn_generator **, struct rn_model *, int64_t rows, int64_t Tmax,
                     struct rn_err *);
void rn_generator_free(struct rn_generator *); /* takes NULL */

/* Text i goes on in row i; n is at most the rows. A text also ends at Tmax. The seed of text i is
 * how->seed + i. RN_ECONFIG: an empty or too long prompt, an id outside the vocabulary. */
int rn_generate(struct rn_generator *, const struct rn_text *, size_t n, const struct rn_sampling *,
                struct rn_err *);
/* Row i reads prompt i; logits of V tokens after its last one are then at rn_generator_logits,
 * borrowed until the next call. */
int rn_generator_read(struct rn_generator *, const struct rn_text *, size_t n, struct rn_err *);
const float *rn_generator_logits(const struct rn_generator *, size_t row);
/* Tokens that went through the model so far, fillers included. */
int64_t rn_generator_tokens(const struct rn_generator *);

/* Picks from V logits by `how`: top_k, then temperature, then top_p, with the random number of
 * `position`. */
int32_t rn_sample(const float *logits, int64_t V, const struct rn_sampling *how, int64_t position);

#endif
