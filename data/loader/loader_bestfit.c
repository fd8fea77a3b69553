/* loader_bestfit.c - nanochat's loader of 2026: rows that begin with a document, best fit.
 *
 * A buffer of at least 1,000 documents is refilled by up to 128 of one row group at a time. A row
 * of T+1 ids takes the largest buffered document that fits what is left of it (the earliest of
 * equals); when none fits, the shortest one (the earliest of equals) is cut to fill the row, and
 * the rest of that document is dropped. */
#include "loader_base.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER_DOCS = 1000, REFILL_DOCS = 128, BUFFER_MAX = BUFFER_DOCS + REFILL_DOCS };

struct waiting { /* a buffered document: of its ids what a row can hold, in a slot of `ids` */
    int64_t doc;
    int slot;
};

struct bestfit {
    struct rn_loader_base base;
    int64_t sizes[BUFFER_MAX]; /* of the buffered documents, in the order they came */
    struct waiting buffer[BUFFER_MAX];
    int64_t n;
    struct rn_ids ids[BUFFER_MAX]; /* those of buffer[n..] are free */
    int32_t *rows;                 /* B rows of T + 1 */
};

/* Appends a document; its ids are read while its row group is at hand. */
static int buffer_doc(struct bestfit *s, int64_t doc, int64_t size, struct rn_err *err)
{
    struct waiting *w = &s->buffer[s->n];
    struct rn_ids *ids = &s->ids[w->slot];
    int64_t most = s->base.T + 1, n = size < most ? size : most;
    RN_TRY(rn_try_grow(&ids->p, &ids->cap, (size_t)n, sizeof *ids->p, "a document", err));
    RN_TRY(rn_corpus_read(s->base.reader, doc, 0, n, ids->p, err));
    w->doc = doc;
    s->sizes[s->n++] = size;
    return RN_OK;
}

/* Takes up to 128 documents, at most to the end of the row group; empty ones are passed over. */
static int refill(struct bestfit *s, struct rn_err *err)
{
    bool pause = false;
    for (int i = 0; i < REFILL_DOCS && !pause; i++) {
        int64_t doc, size;
        RN_TRY(rn_loader_base_next(&s->base, &doc, &size, &pause, err));
        if (size > 0)
            RN_TRY(buffer_doc(s, doc, size, err));
    }
    return RN_OK;
}

/* The largest document of at most `room` tokens, or else the shortest; the first among equals. */
static int64_t choose(const struct bestfit *s, int64_t room)
{
    int64_t best = -1, best_size = 0, shortest = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (s->sizes[i] <= room && s->sizes[i] > best_size) {
            best = i;
            best_size = s->sizes[i];
        }
        if (s->sizes[i] < s->sizes[shortest])
            shortest = i;
    }
    return best >= 0 ? best : shortest;
}

/* The rest keep their order; the slot goes to the end for reuse. */
static void drop(struct bestfit *s, int64_t at)
{
    struct waiting taken = s->buffer[at];
    size_t after = (size_t)(s->n - at - 1);
    memmove(s->buffer + at, s->buffer + at + 1, after * sizeof *s->buffer);
    memmove(s->sizes + at, s->sizes + at + 1, after * sizeof *s->sizes);
    s->buffer[--s->n] = taken;
}

static int fill_row(struct bestfit *s, int32_t *row, struct rn_err *err)
{
    for (int64_t have = 0; have <= s->base.T;) {
        while (s->n < BUFFER_DOCS)
            RN_TRY(refill(s, err));
        int64_t room = s->base.T + 1 - have, at = choose(s, room);
        int64_t take = s->sizes[at] < room ? s->sizes[at] : room;
        memcpy(row + have, s->ids[s->buffer[at].slot].p, (size_t)take * sizeof *row);
        drop(s, at);
        have += take;
    }
    return RN_OK;
}

static int next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    struct bestfit *s = self;
    int64_t stride = s->base.T + 1;
    for (int64_t b = 0; b < s->base.B; b++)
        RN_TRY(fill_row(s, s->rows + b * stride, err));
    rn_loader_base_shift(&s->base, s->rows, stride, x, y);
    return RN_OK;
}

static json_t *state(const void *self)
{
    const struct bestfit *s = self;
    json_t *out = rn_loader_base_state(&s->base), *docs = json_array();
    for (int64_t i = 0; i < s->n; i++)
        json_array_append_new(docs, json_integer(s->buffer[i].doc));
    json_object_set_new(out, "buffer", docs);
    return out;
}

static int bad_buffer(struct rn_err *err)
{
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                   "loader state: 'buffer' is no list of documents that are there");
}

static int restore_doc(struct bestfit *s, const json_t *id, struct rn_err *err)
{
    int64_t doc = json_is_integer(id) ? json_integer_value(id) : -1, size;
    if (doc < 0 || doc >= rn_corpus_docs(s->base.corpus))
        return bad_buffer(err);
    RN_TRY(rn_corpus_size(s->base.reader, doc, &size, err));
    return size > 0 ? buffer_doc(s, doc, size, err) : bad_buffer(err);
}

static int restore(void *self, const json_t *from, struct rn_err *err)
{
    struct bestfit *s = self;
    const json_t *docs = json_object_get(from, "buffer");
    RN_TRY(rn_loader_base_restore(&s->base, from, err));
    if (!json_is_array(docs) || json_array_size(docs) > BUFFER_MAX)
        return bad_buffer(err);
    s->n = 0;
    for (size_t i = 0; i < json_array_size(docs); i++)
        RN_TRY(restore_doc(s, json_array_get(docs, i), err));
    return RN_OK;
}

static int64_t epoch_of(const void *self)
{
    return rn_feed_pass(((const struct bestfit *)self)->base.feed);
}

static void release(void *self)
{
    struct bestfit *s = self;
    rn_loader_base_release(&s->base);
    for (int i = 0; i < BUFFER_MAX; i++)
        rn_ids_release(&s->ids[i]);
    free(s->rows);
    free(s);
}

static const struct rn_loader_kind kind = {"bestfit", next, state, restore, epoch_of, release};

int rn_loader_bestfit(struct rn_loader **out, const struct rn_corpus *corpus, int64_t B, int64_t T,
                      const struct rn_feed_cfg *cfg, struct rn_err *err)
{
    struct bestfit *s = rn_new(struct bestfit);
    for (int i = 0; i < BUFFER_MAX; i++)
        s->buffer[i].slot = i;
    int rc = rn_loader_base_init(&s->base, corpus, B, T, cfg, err);
    if (rc == RN_OK)
        rc = rn_try_alloc((void **)&s->rows, (size_t)(B * (T + 1)), sizeof *s->rows, "loader batch",
                          err);
    if (rc != RN_OK)
        release(s);
    *out = rc == RN_OK ? rn_loader_new(&kind, s) : NULL;
    return rc;
}
