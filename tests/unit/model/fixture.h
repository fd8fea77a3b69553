/* tests/unit/model/fixture.h - small models on the cpu device, for the tests of this room. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "mem.h"
#include "model.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* MUST(rn_file_read(path, .., e)): the call succeeds, or the test ends with its message. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct rn_err must_err_ = {0}, *e = &must_err_;                                            \
        cr_assert_eq(call, RN_OK, "%s: %s", #call, e->msg);                                        \
    } while (0)

struct fixture {
    struct rn_device *dev;
    struct rn_model *model;
};

static inline struct rn_model_cfg small(const char *arch)
{
    struct rn_model_cfg c;
    struct rn_model_shape_request r = {
        .depth = 3, .n_embd = 32, .head_dim = 8, .n_head = 4, .vocab_size = 51, .sequence_len = 24};
    MUST(rn_model_cfg_fill(&c, arch, &r, e));
    return c;
}

/* Every weight gets noise, so that zero-initialised ones pass gradient too. */
static inline void add_noise(struct rn_model *m, uint64_t seed, float std)
{
    struct rn_params *p = rn_model_params(m);
    for (size_t i = 0; i < rn_params_count(p); i++) {
        int64_t n = rn_elems(rn_params_spec(p, i)->shape);
        float *w = rn_xalloc((size_t)n * sizeof *w);
        MUST(rn_params_get(p, i, w, e));
        uint64_t stream = rn_stream(seed, rn_params_spec(p, i)->name);
        for (int64_t k = 0; k < n; k++)
            w[k] += std * (float)rn_rand_normal(stream, (uint64_t)k);
        MUST(rn_params_put(p, i, w, e));
        free(w);
    }
}

static inline struct fixture fixture_new(const struct rn_model_cfg *c, int threads, bool grads)
{
    struct fixture f;
    MUST(rn_device_open(&f.dev, "cpu", threads, NULL, e));
    MUST(rn_model_new(&f.model, c, f.dev, grads, e));
    MUST(rn_model_init_weights(f.model, 1, e));
    add_noise(f.model, 2, 0.05F);
    if (grads)
        MUST(rn_params_zero_grads(rn_model_params(f.model), e));
    return f;
}

static inline void fixture_free(struct fixture *f)
{
    rn_model_free(f->model);
    rn_device_close(f->dev);
}

static inline int32_t *random_ids(int64_t n, int64_t V, uint64_t seed)
{
    int32_t *ids = rn_xalloc((size_t)n * sizeof *ids);
    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t)rn_rand_below(rn_stream(seed, "ids"), (uint64_t)i, (uint32_t)V);
    return ids;
}

#endif
