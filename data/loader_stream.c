/* data/loader_stream.c - nanochat's loader of December 2025: one endless stream of documents.
 *
 * A batch takes B*T+1 tokens off the stream, x the first B*T of them, y the last; the next batch
 * begins after all of them, so one token in B*T+1 is never an input. */
#include "loader.h"
#include "loader_tokens.h"
#include "mem.h"

#include <stdlib.h>

struct stream {
    struct rn_loader_base base;
    int64_t epoch, position; /* position: next token of the pass, below the number of tokens */
    int32_t *ids;            /* B*T + 1 */
};

static int next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    struct stream *s = self;
    int64_t all = rn_tokens_count(s->base.tokens), want = s->base.B * s->base.T + 1, have = 0;
    int64_t epoch = s->epoch, position = s->position;
    while (have < want) {
        int64_t take = all - position < want - have ? all - position : want - have;
        RN_TRY(rn_tokens_get(s->base.tokens, position, take, s->ids + have, err));
        have += take;
        position += take;
        if (position == all) {
            position = 0;
            epoch++;
        }
    }
    s->epoch = epoch;
    s->position = position;
    rn_loader_base_shift(&s->base, s->ids, s->base.T, x, y);
    return RN_OK;
}

static json_t *state(const void *self)
{
    const struct stream *s = self;
    json_t *out = rn_loader_base_state(&s->base);
    json_object_set_new(out, "epoch", json_integer(s->epoch));
    json_object_set_new(out, "position", json_integer(s->position));
    return out;
}

static int restore(void *self, const json_t *from, struct rn_err *err)
{
    struct stream *s = self;
    int64_t epoch = rn_json_int(from, "epoch", -1), position = rn_json_int(from, "position", -1);
    RN_TRY(rn_loader_base_match(&s->base, from, err));
    if (epoch < 0 || position < 0 || position >= rn_tokens_count(s->base.tokens))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "loader state: no such position as %lld",
                       (long long)position);
    s->epoch = epoch;
    s->position = position;
    return RN_OK;
}

static int64_t epoch_of(const void *self)
{
    return ((const struct stream *)self)->epoch;
}

static void release(void *self)
{
    struct stream *s = self;
    free(s->ids);
    free(s);
}

static const struct rn_loader_kind kind = {"stream", next, state, restore, epoch_of, release};

int rn_loader_stream(struct rn_loader **out, struct rn_tokens *tokens, int64_t B, int64_t T,
                     struct rn_err *err)
{
    struct stream *s = rn_new(struct stream);
    int rc = rn_loader_base_init(&s->base, tokens, B, T, err);
    if (rc == RN_OK)
        rc = rn_try_alloc((void **)&s->ids, (size_t)(B * T + 1), sizeof *s->ids, "loader batch",
                          err);
    if (rc != RN_OK)
        release(s);
    *out = rc == RN_OK ? rn_loader_new(&kind, s) : NULL;
    return rc;
}
