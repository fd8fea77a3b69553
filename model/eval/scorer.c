#include "scorer.h"

#include "mem.h"

#include <stdlib.h>

enum { ROW_MAX = 1 << 20 };

struct rn_scorer {
    const struct rn_scorer_kind *kind;
    void *self;
    int64_t max_len;
};

struct rn_scorer *rn_scorer_new(const struct rn_scorer_kind *kind, void *self, int64_t max_len)
{
    struct rn_scorer *s = rn_new(struct rn_scorer);
    *s = (struct rn_scorer){kind, self, max_len};
    return s;
}

void rn_scorer_free(struct rn_scorer *s)
{
    if (!s)
        return;
    s->kind->free(s->self);
    free(s);
}

int64_t rn_scorer_max_len(const struct rn_scorer *s)
{
    return s->max_len;
}

int64_t rn_scorer_tokens(const struct rn_scorer *s)
{
    return s->kind->tokens ? s->kind->tokens(s->self) : 0;
}

int rn_scorer_batch(struct rn_scorer *s, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                    float *losses, struct rn_err *err)
{
    return s->kind->batch(s->self, B, T, x, y, losses, err);
}

static int check_row(const struct rn_scorer *s, const struct rn_score_row *r, struct rn_err *err)
{
    int64_t most = s->max_len ? s->max_len : ROW_MAX;
    RN_ASSERT(r->n >= 1 && r->from >= 0);
    if (r->n - 1 > most)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "a text of %lld tokens to score; the model reads at most %lld",
                       (long long)r->n, (long long)most);
    return RN_OK;
}

int rn_scorer_groups(struct rn_scorer *s, const struct rn_score_group *g, size_t n,
                     struct rn_err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < g[i].n; k++)
            RN_TRY(check_row(s, &g[i].rows[k], err));
    return s->kind->groups(s->self, g, n, err);
}
