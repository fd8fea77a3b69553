/* tests/unit/model/fake_scorer.h - models made for a test: a loss is a function of three tokens. */
#ifndef FAKE_SCORER_H
#define FAKE_SCORER_H

#include "scorer.h"

struct fake_model {
    float (*loss)(int32_t before, int32_t last, int32_t token); /* before: -1 for the first */
    int32_t (*likeliest)(int32_t last);
    int64_t calls;
};

static inline int fake_groups(void *self, const struct rn_score_group *g, size_t n,
                              struct rn_err *err)
{
    struct fake_model *m = self;
    (void)err;
    m->calls++;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < g[i].n; k++) {
            const struct rn_score_row *r = &g[i].rows[k];
            for (int64_t t = r->from; t + 1 < r->n; t++) {
                r->losses[t] = m->loss(t ? r->ids[t - 1] : -1, r->ids[t], r->ids[t + 1]);
                r->argmax[t] = m->likeliest(r->ids[t]);
            }
        }
    return RN_OK;
}

static inline void fake_free(void *self)
{
    (void)self;
}

static const struct rn_scorer_kind fake_kind = {fake_groups, NULL, NULL, fake_free};

#endif
