#include "loader_base.h"

#include <string.h>

int rn_loader_base_init(struct rn_loader_base *base, const struct rn_corpus *corpus, int64_t B,
                        int64_t T, const struct rn_feed_cfg *cfg, struct rn_err *err)
{
    RN_ASSERT(B >= 1 && T >= 1 && B < INT32_MAX / (T + 1));
    *base = (struct rn_loader_base){.corpus = corpus, .B = B, .T = T};
    if (rn_corpus_docs(corpus) == 0 || rn_corpus_tokens(corpus) == 0)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "there are no tokens to train on");
    RN_TRY(rn_feed_new(&base->feed, corpus, cfg, err));
    return rn_corpus_reader_new(&base->reader, corpus, err);
}

void rn_loader_base_release(struct rn_loader_base *base)
{
    rn_feed_free(base->feed);
    rn_corpus_reader_free(base->reader);
}

int rn_loader_base_next(struct rn_loader_base *base, int64_t *doc, int64_t *size, bool *pause,
                        struct rn_err *err)
{
    RN_TRY(rn_feed_next(base->feed, doc, pause, err));
    RN_TRY(rn_corpus_size(base->reader, *doc, size, err));
    base->empty = *size > 0 ? 0 : base->empty + 1;
    if (base->empty > rn_corpus_docs(base->corpus))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "every document of a stream is empty: there are no tokens to train on");
    return RN_OK;
}

json_t *rn_loader_base_state(const struct rn_loader_base *base)
{
    return json_pack("{s:s, s:I, s:I, s:o}", "data", rn_corpus_digest(base->corpus), "B",
                     (json_int_t)base->B, "T", (json_int_t)base->T, "feed",
                     rn_feed_state(base->feed));
}

int rn_loader_base_restore(struct rn_loader_base *base, const json_t *state, struct rn_err *err)
{
    const char *data = rn_json_str(state, "data", ""), *own = rn_corpus_digest(base->corpus);
    int64_t B = rn_json_int(state, "B", -1), T = rn_json_int(state, "T", -1);
    if (strcmp(data, own))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "loader state belongs to other data: %.64s, these tokens are %s", data, own);
    if (B != base->B || T != base->T)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "loader state is of batches %lld x %lld, these are %lld x %lld",
                       (long long)B, (long long)T, (long long)base->B, (long long)base->T);
    base->empty = 0;
    return rn_feed_restore(base->feed, json_object_get(state, "feed"), err);
}

void rn_loader_base_shift(const struct rn_loader_base *base, const int32_t *ids, int64_t stride,
                          int32_t *x, int32_t *y)
{
    size_t row_bytes = (size_t)base->T * sizeof *ids;
    for (int64_t b = 0; b < base->B; b++) {
        memcpy(x + b * base->T, ids + b * stride, row_bytes);
        memcpy(y + b * base->T, ids + b * stride + 1, row_bytes);
    }
}
