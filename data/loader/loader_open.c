/* Opening: one stream is a loader, several are one that has them for parts, rows of the first, then
 * of the second, ... */
#include "loader_base.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>

struct streams {
    struct rn_loader **part;
    int64_t n, ids; /* ids of one part's batch */
};

static int next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    struct streams *s = self;
    for (int64_t i = 0; i < s->n; i++)
        RN_TRY(rn_loader_next(s->part[i], x + i * s->ids, y + i * s->ids, err));
    return RN_OK;
}

static json_t *state(const void *self)
{
    const struct streams *s = self;
    json_t *list = json_array();
    for (int64_t i = 0; i < s->n; i++)
        json_array_append_new(list, rn_loader_state(s->part[i]));
    return json_pack("{s:o}", "streams", list);
}

static int restore(void *self, const json_t *from, struct rn_err *err)
{
    struct streams *s = self;
    const json_t *list = json_object_get(from, "streams");
    if ((int64_t)json_array_size(list) != s->n)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "loader state is of %zu streams, these are %" PRId64, json_array_size(list),
                       s->n);
    for (int64_t i = 0; i < s->n; i++)
        RN_TRY(rn_loader_restore(s->part[i], json_array_get(list, (size_t)i), err));
    return RN_OK;
}

static int64_t epoch_of(const void *self)
{
    const struct streams *s = self;
    int64_t least = INT64_MAX;
    for (int64_t i = 0; i < s->n; i++) {
        int64_t epoch = rn_loader_epoch(s->part[i]);
        least = epoch < least ? epoch : least;
    }
    return least;
}

static void release(void *self)
{
    struct streams *s = self;
    for (int64_t i = 0; i < s->n; i++)
        rn_loader_free(s->part[i]);
    free(s->part);
    free(s);
}

static const struct rn_loader_kind kind = {"streams", next, state, restore, epoch_of, release};

static int open_stream(struct rn_loader **out, const struct rn_corpus *corpus,
                       const struct rn_loader_cfg *cfg, int64_t stream, struct rn_err *err)
{
    struct rn_feed_cfg feed = {cfg->shuffle, cfg->seed, stream, cfg->streams};
    int64_t rows = cfg->B / cfg->streams;
    return cfg->rows == RN_ROWS_BESTFIT ? rn_loader_bestfit(out, corpus, rows, cfg->T, &feed, err)
                                        : rn_loader_stream(out, corpus, rows, cfg->T, &feed, err);
}

static int open_streams(struct rn_loader **out, const struct rn_corpus *corpus,
                        const struct rn_loader_cfg *cfg, struct rn_err *err)
{
    struct streams *s = rn_new(struct streams);
    int rc = RN_OK;
    s->part = rn_xalloc((size_t)cfg->streams * sizeof *s->part);
    s->ids = cfg->B / cfg->streams * cfg->T;
    for (; s->n < cfg->streams && rc == RN_OK; s->n++)
        rc = open_stream(&s->part[s->n], corpus, cfg, s->n, err);
    if (rc == RN_OK)
        *out = rn_loader_new(&kind, s);
    else
        release(s);
    return rc;
}

int rn_loader_open(struct rn_loader **out, const struct rn_corpus *corpus,
                   const struct rn_loader_cfg *cfg, struct rn_err *err)
{
    *out = NULL;
    RN_ASSERT(cfg->streams >= 1);
    if (cfg->B % cfg->streams != 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'loader.streams' is %" PRId64 ", which does not divide the %" PRId64
                       " rows of a step",
                       cfg->streams, cfg->B);
    return cfg->streams == 1 ? open_stream(out, corpus, cfg, 0, err)
                             : open_streams(out, corpus, cfg, err);
}
