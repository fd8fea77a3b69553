/* loader_stream.c - nanochat's loader of December 2025: one endless stream of documents.
 *
 * A batch takes B*T+1 tokens off the stream, x the first B*T of them, y the last; the next batch
 * begins after all of them, so one token in B*T+1 is never an input. */
#include "loader_base.h"
#include "mem.h"

#include <stdlib.h>

struct stream {
    struct rn_loader_base base;
    int64_t doc, size, used; /* the document that is being given out; used up: none */
    int64_t epoch;           /* passes given out to their last token */
    int32_t *ids;            /* B*T + 1 */
};

static int next_doc(struct stream *s, struct rn_err *err)
{
    bool pause;
    s->used = 0;
    do
        RN_TRY(rn_loader_base_next(&s->base, &s->doc, &s->size, &pause, err));
    while (s->size == 0);
    return RN_OK;
}

static int next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    struct stream *s = self;
    int64_t want = s->base.B * s->base.T + 1;
    for (int64_t have = 0; have < want;) {
        if (s->used == s->size)
            RN_TRY(next_doc(s, err));
        int64_t left = s->size - s->used, take = left < want - have ? left : want - have;
        RN_TRY(rn_corpus_read(s->base.reader, s->doc, s->used, take, s->ids + have, err));
        have += take;
        s->used += take;
        if (s->used == s->size)
            s->epoch = rn_feed_pass(s->base.feed);
    }
    rn_loader_base_shift(&s->base, s->ids, s->base.T, x, y);
    return RN_OK;
}

static json_t *state(const void *self)
{
    const struct stream *s = self;
    json_t *out = rn_loader_base_state(&s->base);
    json_object_set_new(out, "doc", json_integer(s->used < s->size ? s->doc : -1));
    json_object_set_new(out, "used", json_integer(s->used));
    json_object_set_new(out, "epoch", json_integer(s->epoch));
    return out;
}

static int restore_doc(struct stream *s, int64_t doc, int64_t used, struct rn_err *err)
{
    s->doc = s->size = s->used = 0;
    if (doc == -1)
        return RN_OK;
    if (doc >= 0 && doc < rn_corpus_docs(s->base.corpus))
        RN_TRY(rn_corpus_size(s->base.reader, doc, &s->size, err));
    if (used < 0 || used >= s->size)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "loader state: no such position as token %lld of document %lld",
                       (long long)used, (long long)doc);
    s->doc = doc;
    s->used = used;
    return RN_OK;
}

static int restore(void *self, const json_t *from, struct rn_err *err)
{
    struct stream *s = self;
    int64_t epoch = rn_json_int(from, "epoch", -1);
    RN_TRY(rn_loader_base_restore(&s->base, from, err));
    if (epoch < 0)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "loader state: no such 'epoch'");
    s->epoch = epoch;
    return restore_doc(s, rn_json_int(from, "doc", -2), rn_json_int(from, "used", -1), err);
}

static int64_t epoch_of(const void *self)
{
    return ((const struct stream *)self)->epoch;
}

static void release(void *self)
{
    struct stream *s = self;
    rn_loader_base_release(&s->base);
    free(s->ids);
    free(s);
}

static const struct rn_loader_kind kind = {"stream", next, state, restore, epoch_of, release};

int rn_loader_stream(struct rn_loader **out, const struct rn_corpus *corpus, int64_t B, int64_t T,
                     const struct rn_feed_cfg *cfg, struct rn_err *err)
{
    struct stream *s = rn_new(struct stream);
    int rc = rn_loader_base_init(&s->base, corpus, B, T, cfg, err);
    if (rc == RN_OK)
        rc = rn_try_alloc((void **)&s->ids, (size_t)(B * T + 1), sizeof *s->ids, "loader batch",
                          err);
    if (rc != RN_OK)
        release(s);
    *out = rc == RN_OK ? rn_loader_new(&kind, s) : NULL;
    return rc;
}
