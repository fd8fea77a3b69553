/* Initial weights: each a function of its name, the seed and where it stands. */
#include "mem.h"
#include "model.h"
#include "parallel.h"
#include "rng.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PIECE = 1 << 20, /* numbers made and put at once: they stay in the cache */
    SHARE = 1 << 15, /* of which a thread takes so many */
    MANY = 256,
};

struct piece { /* elements [first, ..) of one weight */
    const struct rn_weight *weight;
    uint64_t stream;
    int64_t first, total; /* total: of the whole weight */
    float *out;
};

static void fill_normal(const struct piece *p, int64_t at, int64_t n)
{
    double x[MANY];
    rn_rand_normals(p->stream, (uint64_t)(p->first + at), (size_t)n, x);
    for (int64_t i = 0; i < n; i++)
        p->out[at + i] = p->weight->init_scale * (float)x[i];
}

static void fill_uniform(const struct piece *p, int64_t at, int64_t n)
{
    double u[MANY];
    double times = p->weight->init_above_0 ? 1 : 2, less = p->weight->init_above_0 ? 0 : 1;
    rn_rand_units(p->stream, (uint64_t)(p->first + at), (size_t)n, u);
    for (int64_t i = 0; i < n; i++)
        p->out[at + i] = p->weight->init_scale * (float)(times * u[i] - less);
}

/* From init_scale to init_last. */
static void fill_const(const struct piece *p, int64_t at, int64_t n)
{
    const struct rn_weight *w = p->weight;
    float way = p->total > 1 ? w->init_last - w->init_scale : 0;
    float steps = p->total > 1 ? (float)(p->total - 1) : 1;
    for (int64_t i = at; i < at + n; i++)
        p->out[i] = w->init_scale + way * (float)(p->first + i) / steps;
}

static void fill_zero(const struct piece *p, int64_t at, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        p->out[at + i] = 0;
}

/* No state: any order gives the same. */
static void fill_share(void *ctx, int64_t first, int64_t end, int worker)
{
    static void (*const fill[])(const struct piece *, int64_t at, int64_t n) = {
        [RN_INIT_ZERO] = fill_zero,
        [RN_INIT_CONST] = fill_const,
        [RN_INIT_NORMAL] = fill_normal,
        [RN_INIT_UNIFORM] = fill_uniform,
    };
    const struct piece *p = ctx;
    (void)worker;
    for (int64_t at = first; at < end; at += MANY)
        fill[p->weight->init](p, at, end - at < MANY ? end - at : MANY);
}

static int init_weight(struct rn_params *ps, size_t i, const struct rn_weight *w, uint64_t seed,
                       float *buf, struct rn_err *err)
{
    char name[80];
    snprintf(name, sizeof name, "init/%s", w->name);
    struct piece p = {w, rn_stream(seed, name), 0, rn_elems(w->shape), buf};
    for (; p.first < p.total; p.first += PIECE) {
        int64_t n = p.total - p.first < PIECE ? p.total - p.first : PIECE;
        rn_parallel(0, n, SHARE, fill_share, &p);
        RN_TRY(rn_params_put_part(ps, i, p.first, n, buf, err));
    }
    return RN_OK;
}

int rn_model_init_weights(struct rn_model *m, uint64_t seed, struct rn_err *err)
{
    struct rn_weight *w;
    size_t n = rn_model_weights(rn_model_config(m), &w);
    float *buf = rn_xalloc(PIECE * sizeof *buf);
    int rc = RN_OK;
    for (size_t i = 0; rc == RN_OK && i < n; i++)
        rc = init_weight(rn_model_params(m), i, &w[i], seed, buf, err);
    free(buf);
    free(w);
    return rc;
}
