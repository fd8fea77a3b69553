#include "generate.h"

#include "mem.h"
#include "rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct rn_generator {
    struct rn_logits_prog d;
    int64_t Tmax, V;
    float *logits; /* one padded row */
};

int rn_generator_new(struct rn_generator **out, struct rn_model *m, int64_t Tmax,
                     struct rn_err *err)
{
    struct rn_generator *g = rn_new(struct rn_generator);
    const struct rn_model_cfg *cfg = rn_model_config(m);
    g->Tmax = Tmax;
    g->V = cfg->vocab_size;
    int rc =
        rn_try_alloc((void **)&g->logits, (size_t)cfg->vocab_padded, sizeof(float), "logits", err);
    if (rc == RN_OK)
        rc = rn_model_decode_prog(m, 1, Tmax, &g->d, err);
    if (rc != RN_OK) {
        rn_generator_free(g);
        return rc;
    }
    *out = g;
    return RN_OK;
}

void rn_generator_free(struct rn_generator *g)
{
    if (!g)
        return;
    rn_prog_free(g->d.prog);
    free(g->logits);
    free(g);
}

/* --- choosing --- */

static int32_t largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return (int32_t)best;
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The k-th largest of n logits: what is below it is not drawn. */
static float threshold(const float *logits, int64_t n, int64_t k)
{
    float *sorted = rn_xalloc((size_t)n * sizeof *sorted);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = logits[i];
    qsort(sorted, (size_t)n, sizeof *sorted, descending);
    float low = sorted[k - 1];
    free(sorted);
    return low;
}

int32_t rn_sample(const float *logits, int64_t V, const struct rn_sampling *how, int64_t position)
{
    int32_t best = largest(logits, V);
    if (!(how->temperature > 0))
        return best;
    float low = how->top_k > 0 && how->top_k < V ? threshold(logits, V, how->top_k) : -INFINITY;
    double sum = 0, top = (double)logits[best];
    for (int64_t i = 0; i < V; i++)
        if (logits[i] >= low)
            sum += exp(((double)logits[i] - top) / how->temperature);
    double left = sum * rn_rand_unit(rn_stream(how->seed, "sample"), (uint64_t)position);
    for (int64_t i = 0; i < V; i++) {
        if (!(logits[i] >= low))
            continue;
        left -= exp(((double)logits[i] - top) / how->temperature);
        if (left < 0)
            return (int32_t)i;
    }
    return best; /* rounding used up the sum */
}

/* --- stepping --- */

/* Feeds one token at a position; the logits after it are left in g->logits. */
static int step(struct rn_generator *g, int32_t id, int64_t position, struct rn_err *err)
{
    const int32_t pos = (int32_t)position;
    RN_TRY(rn_prog_put(g->d.prog, g->d.x, &id, err));
    RN_TRY(rn_prog_put(g->d.prog, g->d.pos, &pos, err));
    RN_TRY(rn_prog_run(g->d.prog, err));
    return rn_prog_get(g->d.prog, g->d.logits, g->logits, err);
}

static int check_prompt(const struct rn_generator *g, const int32_t *ids, size_t n,
                        struct rn_err *err)
{
    if (n == 0 || n > (size_t)g->Tmax)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "a prompt of %zu tokens, expected 1 to %" PRId64, n, g->Tmax);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= g->V)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                           "token %" PRId32 " is outside the vocabulary of %" PRId64, ids[i], g->V);
    return RN_OK;
}

static bool stops(const struct rn_sampling *how, int32_t id)
{
    for (size_t i = 0; i < how->n_stop; i++)
        if (how->stop[i] == id)
            return true;
    return false;
}

int rn_generate(struct rn_generator *g, const int32_t *prompt, size_t n,
                const struct rn_sampling *how, int (*each)(void *ctx, int32_t id), void *ctx,
                struct rn_err *err)
{
    RN_TRY(check_prompt(g, prompt, n, err));
    int64_t position = 0;
    for (size_t i = 0; i < n; i++)
        RN_TRY(step(g, prompt[i], position++, err));
    for (int64_t made = 0; made < how->max_tokens; made++) {
        int32_t id = rn_sample(g->logits, g->V, how, position);
        if (each(ctx, id) != 0 || stops(how, id) || position == g->Tmax)
            break;
        if (made + 1 < how->max_tokens)
            RN_TRY(step(g, id, position++, err));
    }
    return RN_OK;
}
