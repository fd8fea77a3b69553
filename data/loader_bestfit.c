/* data/loader_bestfit.c - nanochat's loader of 2026: rows that begin with a document, best fit.
 *
 * A buffer of at least 1,000 documents is refilled by up to 128 of one row group at a time. A row
 * of T+1 ids takes the largest buffered document that fits what is left of it (the earliest of
 * equals); when none fits, the shortest one (the earliest of equals) is cut to fill the row, and
 * the rest of that document is dropped. */
#include "loader.h"
#include "loader_tokens.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER_DOCS = 1000, REFILL_DOCS = 128, BUFFER_MAX = BUFFER_DOCS + REFILL_DOCS };

struct bestfit {
    struct rn_loader_base base;
    int64_t epoch, next_doc;  /* next_doc: the next one to be buffered in this pass */
    int64_t docs[BUFFER_MAX]; /* buffered documents, in the order they came */
    int64_t sizes[BUFFER_MAX];
    int64_t n;
    int32_t *ids; /* B rows of T + 1 */
};

/* Takes up to 128 documents, at most to the end of the row group; empty ones are passed over. */
static void refill(struct bestfit *s)
{
    bool group_end = false;
    for (int i = 0; i < REFILL_DOCS && !group_end; i++) {
        struct rn_tokens_doc doc = rn_tokens_doc(s->base.tokens, s->next_doc);
        if (doc.n > 0) {
            s->docs[s->n] = s->next_doc;
            s->sizes[s->n++] = doc.n;
        }
        s->next_doc++;
        group_end = doc.group_end;
        if (s->next_doc == rn_tokens_docs(s->base.tokens)) {
            s->next_doc = 0;
            s->epoch++;
            group_end = true;
        }
    }
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

static void drop(struct bestfit *s, int64_t at)
{
    size_t after = (size_t)(s->n - at - 1);
    memmove(s->docs + at, s->docs + at + 1, after * sizeof *s->docs);
    memmove(s->sizes + at, s->sizes + at + 1, after * sizeof *s->sizes);
    s->n--;
}

static int fill_row(struct bestfit *s, int32_t *row, struct rn_err *err)
{
    for (int64_t have = 0; have <= s->base.T;) {
        while (s->n < BUFFER_DOCS)
            refill(s);
        int64_t room = s->base.T + 1 - have, at = choose(s, room);
        int64_t take = s->sizes[at] < room ? s->sizes[at] : room;
        struct rn_tokens_doc doc = rn_tokens_doc(s->base.tokens, s->docs[at]);
        RN_TRY(rn_tokens_get(s->base.tokens, doc.start, take, row + have, err));
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
        RN_TRY(fill_row(s, s->ids + b * stride, err));
    rn_loader_base_shift(&s->base, s->ids, stride, x, y);
    return RN_OK;
}

static json_t *state(const void *self)
{
    const struct bestfit *s = self;
    json_t *out = rn_loader_base_state(&s->base), *docs = json_array();
    for (int64_t i = 0; i < s->n; i++)
        json_array_append_new(docs, json_integer(s->docs[i]));
    json_object_set_new(out, "epoch", json_integer(s->epoch));
    json_object_set_new(out, "next_doc", json_integer(s->next_doc));
    json_object_set_new(out, "buffer", docs);
    return out;
}

static int bad_state(struct rn_err *err, const char *what)
{
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "loader state: %s out of range", what);
}

static int restore_buffer(struct bestfit *s, const json_t *docs, struct rn_err *err)
{
    int64_t all = rn_tokens_docs(s->base.tokens);
    if (!json_is_array(docs) || json_array_size(docs) > BUFFER_MAX)
        return bad_state(err, "'buffer'");
    for (size_t i = 0; i < json_array_size(docs); i++) {
        const json_t *id = json_array_get(docs, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= all)
            return bad_state(err, "a document of 'buffer'");
        s->docs[i] = json_integer_value(id);
        s->sizes[i] = rn_tokens_doc(s->base.tokens, s->docs[i]).n;
        if (s->sizes[i] == 0)
            return bad_state(err, "a document of 'buffer'");
    }
    s->n = (int64_t)json_array_size(docs);
    return RN_OK;
}

static int restore(void *self, const json_t *from, struct rn_err *err)
{
    struct bestfit *s = self;
    int64_t epoch = rn_json_int(from, "epoch", -1), doc = rn_json_int(from, "next_doc", -1);
    RN_TRY(rn_loader_base_match(&s->base, from, err));
    if (epoch < 0 || doc < 0 || doc >= rn_tokens_docs(s->base.tokens))
        return bad_state(err, "'next_doc' or 'epoch'");
    RN_TRY(restore_buffer(s, json_object_get(from, "buffer"), err));
    s->epoch = epoch;
    s->next_doc = doc;
    return RN_OK;
}

static int64_t epoch_of(const void *self)
{
    return ((const struct bestfit *)self)->epoch;
}

static void release(void *self)
{
    struct bestfit *s = self;
    free(s->ids);
    free(s);
}

static const struct rn_loader_kind kind = {"bestfit", next, state, restore, epoch_of, release};

int rn_loader_bestfit(struct rn_loader **out, struct rn_tokens *tokens, int64_t B, int64_t T,
                      struct rn_err *err)
{
    struct bestfit *s = rn_new(struct bestfit);
    int rc = rn_loader_base_init(&s->base, tokens, B, T, err);
    if (rc == RN_OK)
        rc = rn_try_alloc((void **)&s->ids, (size_t)(B * (T + 1)), sizeof *s->ids, "loader batch",
                          err);
    if (rc != RN_OK)
        release(s);
    *out = rc == RN_OK ? rn_loader_new(&kind, s) : NULL;
    return rc;
}
