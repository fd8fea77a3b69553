#include "eval_bpb.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>

int64_t rn_bpb_rows(int64_t T, int64_t tokens)
{
    enum { BATCH_TOKENS = 4096 };
    int64_t at_most = tokens < BATCH_TOKENS ? tokens : BATCH_TOKENS;
    return at_most > T ? at_most / T : 1;
}

static int count(struct rn_bpb *b, const int32_t *y, const float *losses, int64_t n,
                 const int32_t *byte_counts, int32_t vocab, struct rn_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (y[i] < 0)
            continue;
        if (y[i] >= vocab)
            return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                           "target %d lies outside the vocabulary of %d", y[i], vocab);
        if (byte_counts[y[i]] == 0)
            continue;
        b->nats += (double)losses[i];
        b->bytes += byte_counts[y[i]];
        b->targets++;
    }
    return RN_OK;
}

int rn_eval_bpb(struct rn_scorer *s, struct rn_loader *l, int64_t B, int64_t T, int64_t batches,
                const int32_t *byte_counts, int32_t vocab, struct rn_bpb *b, struct rn_err *err)
{
    void *x = NULL, *y = NULL, *losses = NULL;
    size_t n = (size_t)(B * T);
    int rc;
    *b = (struct rn_bpb){0};
    RN_CHECK(rc = rn_try_alloc(&x, n, sizeof(int32_t), "a batch", err));
    RN_CHECK(rc = rn_try_alloc(&y, n, sizeof(int32_t), "a batch", err));
    RN_CHECK(rc = rn_try_alloc(&losses, n, sizeof(float), "losses", err));
    for (int64_t i = 0; i < batches; i++) {
        RN_CHECK(rc = rn_loader_next(l, x, y, err));
        RN_CHECK(rc = rn_scorer_batch(s, B, T, x, y, losses, NULL, err));
        RN_CHECK(rc = count(b, y, losses, (int64_t)n, byte_counts, vocab, err));
        if (rn_loader_epoch(l) > 0)
            break; /* what follows was counted already */
    }
done:
    free(x);
    free(y);
    free(losses);
    return rc;
}

double rn_bpb_value(const struct rn_bpb *b)
{
    return b->bytes > 0 ? b->nats / (M_LN2 * b->bytes) : INFINITY;
}
