#include "loader_chat.h"

#include <stdlib.h>
#include <string.h>

enum { PACK_BUFFER = 100, STREAM_MAX_TOKENS = 2048 };

struct waiting {        /* a rendered conversation; PACK: one of the buffer */
    int64_t at;         /* its number in the mixture, by which the state finds it again */
    int64_t stands_for; /* itself, and those before it that were left out */
    struct rn_rendered r;
};

struct chat_loader {
    const struct rn_mixture *mixture;
    const struct rn_tokenizer *tok;
    struct rn_chat_tokens special;
    struct rn_chat_form form;
    int64_t cursor; /* the next conversation to render */
    int64_t given;  /* conversations given out whole or left out; waiting ones are not */
    int64_t read, cut, left_out; /* conversations; cut and left_out in the first pass alone */
    struct waiting now; /* STREAM: the last one; its ids from `used` on are still to come */
    size_t used;
    struct waiting buffer[PACK_BUFFER];
    size_t n_buffer;
    int32_t *row, *row_mask; /* T+1 (STREAM: B*T+1) */
};

static int64_t max_tokens(const struct chat_loader *l)
{
    return l->form.kind == RN_CHAT_STREAM ? l->form.max_tokens : l->form.T + 1;
}

/* Replaces *out by a conversation, cut to what a row can hold; *cut: it was longer. */
static int render(const struct chat_loader *l, int64_t at, struct rn_rendered *out, bool *cut,
                  struct rn_err *err)
{
    struct rn_conversation c;
    size_t most = (size_t)max_tokens(l);
    int rc = rn_mixture_get(l->mixture, at, &c, err);
    if (rc == RN_OK)
        rn_conversation_render(&c, &l->special, l->tok, most + 1, out);
    rn_conversation_release(&c);
    *cut = rc == RN_OK && out->ids.n > most;
    if (*cut)
        out->ids.n = out->mask.n = most;
    return rc;
}

/* The first id of a row is no target; in the stream every id is one. */
static bool has_target(const struct chat_loader *l, const struct rn_rendered *r)
{
    bool any = l->form.kind == RN_CHAT_STREAM;
    for (size_t i = 1; i < r->mask.n && !any; i++)
        any = r->mask.p[i];
    return any;
}

/* The next conversation that has something to learn: a row made of such ones has a target. */
static int next_conversation(struct chat_loader *l, struct waiting *w, struct rn_err *err)
{
    int64_t rows = rn_mixture_rows(l->mixture);
    for (w->stands_for = 1; w->stands_for <= rows; w->stands_for++) {
        bool cut, first_pass = l->read++ < rows;
        w->at = l->cursor;
        l->cursor = (l->cursor + 1) % rows;
        RN_TRY(render(l, w->at, &w->r, &cut, err));
        l->cut += cut && first_pass;
        if (has_target(l, &w->r))
            return RN_OK;
        l->left_out += first_pass;
    }
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                   "no conversation has anything to learn within rows of %lld tokens",
                   (long long)l->form.T);
}

/* --- the three forms: each fills one batch --- */

static int next_stream(struct chat_loader *l, int32_t *x, int32_t *y, struct rn_err *err)
{
    int64_t n = l->form.B * l->form.T;
    for (int64_t i = 0; i < n + 1;) {
        const struct rn_ids *ids = &l->now.r.ids;
        if (l->used == ids->n) {
            RN_TRY(next_conversation(l, &l->now, err));
            l->used = 0;
        }
        size_t some = ids->n - l->used, room = (size_t)(n + 1 - i);
        some = some < room ? some : room;
        memcpy(l->row + i, ids->p + l->used, some * sizeof *l->row);
        l->used += some;
        l->given += l->used == ids->n;
        i += (int64_t)some;
    }
    memcpy(x, l->row, (size_t)n * sizeof *x);
    memcpy(y, l->row + 1, (size_t)n * sizeof *y);
    return RN_OK;
}

/* A row of T+1 ids becomes T inputs and targets; where the mask is 0 there is no target. */
static void split_row(const struct chat_loader *l, int32_t *x, int32_t *y)
{
    for (int64_t i = 0; i < l->form.T; i++) {
        x[i] = l->row[i];
        y[i] = l->row_mask[i + 1] ? l->row[i + 1] : -1;
    }
}

static void put_row(struct chat_loader *l, size_t at, const struct rn_rendered *r)
{
    memcpy(l->row + at, r->ids.p, r->ids.n * sizeof *l->row);
    memcpy(l->row_mask + at, r->mask.p, r->mask.n * sizeof *l->row_mask);
}

static void pad_row(struct chat_loader *l, size_t from, int32_t id)
{
    for (size_t i = from; i < (size_t)l->form.T + 1; i++) {
        l->row[i] = id;
        l->row_mask[i] = 0;
    }
}

static int next_rows(struct chat_loader *l, int32_t *x, int32_t *y, struct rn_err *err)
{
    for (int64_t b = 0; b < l->form.B; b++) {
        RN_TRY(next_conversation(l, &l->now, err));
        l->given += l->now.stands_for;
        put_row(l, 0, &l->now.r);
        pad_row(l, l->now.r.ids.n, l->special.assistant_end);
        split_row(l, x + b * l->form.T, y + b * l->form.T);
    }
    return RN_OK;
}

static int fill_buffer(struct chat_loader *l, struct rn_err *err)
{
    for (; l->n_buffer < PACK_BUFFER; l->n_buffer++)
        RN_TRY(next_conversation(l, &l->buffer[l->n_buffer], err));
    return RN_OK;
}

/* The largest that fits in `room` ids, the earliest among equals; -1 if none does. */
static int64_t best_fit(const struct chat_loader *l, size_t room)
{
    int64_t best = -1;
    size_t size = 0;
    for (size_t i = 0; i < l->n_buffer; i++) {
        size_t n = l->buffer[i].r.ids.n;
        if (n <= room && n > size) {
            best = (int64_t)i;
            size = n;
        }
    }
    return best;
}

/* Takes a conversation out; the rest keep their order, and its memory goes to the end for reuse. */
static void drop(struct chat_loader *l, size_t i)
{
    struct waiting taken = l->buffer[i];
    memmove(&l->buffer[i], &l->buffer[i + 1], (l->n_buffer - i - 1) * sizeof taken);
    l->buffer[--l->n_buffer] = taken;
}

static int pack_row(struct chat_loader *l, struct rn_err *err)
{
    size_t at = 0, cap = (size_t)l->form.T + 1;
    while (at < cap) {
        RN_TRY(fill_buffer(l, err));
        int64_t i = best_fit(l, cap - at);
        if (i < 0)
            break;
        put_row(l, at, &l->buffer[i].r);
        at += l->buffer[i].r.ids.n;
        l->given += l->buffer[i].stands_for;
        drop(l, (size_t)i);
    }
    pad_row(l, at, l->special.bos);
    return RN_OK;
}

static int next_pack(struct chat_loader *l, int32_t *x, int32_t *y, struct rn_err *err)
{
    for (int64_t b = 0; b < l->form.B; b++) {
        RN_TRY(pack_row(l, err));
        split_row(l, x + b * l->form.T, y + b * l->form.T);
    }
    return RN_OK;
}

static const struct {
    const char *name;
    int (*next)(struct chat_loader *, int32_t *, int32_t *, struct rn_err *);
} forms[] = {[RN_CHAT_STREAM] = {"chat-stream", next_stream},
             [RN_CHAT_ROWS] = {"chat-rows", next_rows},
             [RN_CHAT_PACK] = {"chat-pack", next_pack}};

/* --- the loader --- */

static int next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    struct chat_loader *l = self;
    return forms[l->form.kind].next(l, x, y, err);
}

static json_t *state(const void *self)
{
    const struct chat_loader *l = self;
    json_t *waiting = json_array(), *stand_for = json_array();
    for (size_t i = 0; i < l->n_buffer; i++) {
        json_array_append_new(waiting, json_integer(l->buffer[i].at));
        json_array_append_new(stand_for, json_integer(l->buffer[i].stands_for));
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
                     "kind", forms[l->form.kind].name, "data", rn_mixture_digest(l->mixture),
                     "tokenizer", rn_tokenizer_digest(l->tok), "B", (json_int_t)l->form.B, "T",
                     (json_int_t)l->form.T, "max_tokens", (json_int_t)max_tokens(l), "cursor",
                     (json_int_t)l->cursor, "given", (json_int_t)l->given, "read",
                     (json_int_t)l->read, "cut", (json_int_t)l->cut, "left_out",
                     (json_int_t)l->left_out, "left", (json_int_t)(l->now.r.ids.n - l->used),
                     "buffer", waiting, "stand_for", stand_for);
}

static int same(const json_t *state_doc, const char *key, const char *have, struct rn_err *err)
{
    const char *was = rn_json_str(state_doc, key, "");
    if (strcmp(was, have) == 0)
        return RN_OK;
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "the loader's state is for %s %.16s, not %.16s",
                   key, was, have);
}

static int same_shape(const struct chat_loader *l, const json_t *s, struct rn_err *err)
{
    RN_TRY(same(s, "kind", forms[l->form.kind].name, err));
    RN_TRY(same(s, "data", rn_mixture_digest(l->mixture), err));
    RN_TRY(same(s, "tokenizer", rn_tokenizer_digest(l->tok), err));
    if (rn_json_int(s, "B", -1) != l->form.B || rn_json_int(s, "T", -1) != l->form.T ||
        rn_json_int(s, "max_tokens", -1) != max_tokens(l))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "the loader's state is for batches of another shape than %lld x %lld",
                       (long long)l->form.B, (long long)l->form.T);
    return RN_OK;
}

static int bad_position(struct rn_err *err)
{
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "the loader's state has no valid position");
}

/* STREAM: the last conversation again, of which `left` ids were not given yet. */
static int restore_left(struct chat_loader *l, int64_t left, struct rn_err *err)
{
    bool cut;
    struct rn_rendered *r = &l->now.r;
    r->ids.n = r->mask.n = l->used = 0;
    if (left == 0)
        return RN_OK;
    int64_t rows = rn_mixture_rows(l->mixture);
    RN_TRY(render(l, (l->cursor + rows - 1) % rows, r, &cut, err));
    if (left < 0 || left > (int64_t)r->ids.n)
        return bad_position(err);
    l->used = r->ids.n - (size_t)left;
    return RN_OK;
}

static int64_t whole(const json_t *list, size_t i)
{
    const json_t *item = json_array_get(list, i);
    return json_is_integer(item) ? json_integer_value(item) : -1;
}

static int restore_buffer(struct chat_loader *l, const json_t *s, struct rn_err *err)
{
    const json_t *list = json_object_get(s, "buffer"), *stand = json_object_get(s, "stand_for");
    int64_t rows = rn_mixture_rows(l->mixture);
    l->n_buffer = 0;
    if (json_array_size(list) > PACK_BUFFER)
        return bad_position(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct waiting *w = &l->buffer[i];
        bool cut;
        w->at = whole(list, i);
        w->stands_for = whole(stand, i);
        if (w->at < 0 || w->at >= rows || w->stands_for < 1 || w->stands_for > rows)
            return bad_position(err);
        RN_TRY(render(l, w->at, &w->r, &cut, err));
        l->n_buffer++;
    }
    return RN_OK;
}

static int restore(void *self, const json_t *s, struct rn_err *err)
{
    struct chat_loader *l = self;
    RN_TRY(same_shape(l, s, err));
    int64_t cursor = rn_json_int(s, "cursor", -1), given = rn_json_int(s, "given", -1);
    int64_t read = rn_json_int(s, "read", -1);
    if (cursor < 0 || cursor >= rn_mixture_rows(l->mixture) || given < 0 || read < 0)
        return bad_position(err);
    l->cursor = cursor;
    l->given = given;
    l->read = read;
    l->cut = rn_json_int(s, "cut", 0);
    l->left_out = rn_json_int(s, "left_out", 0);
    RN_TRY(restore_left(l, l->form.kind == RN_CHAT_STREAM ? rn_json_int(s, "left", -1) : 0, err));
    return restore_buffer(l, s, err);
}

static int64_t epoch_of(const void *self)
{
    const struct chat_loader *l = self;
    return l->given / rn_mixture_rows(l->mixture);
}

static void free_loader(void *self)
{
    struct chat_loader *l = self;
    rn_rendered_release(&l->now.r);
    for (size_t i = 0; i < PACK_BUFFER; i++)
        rn_rendered_release(&l->buffer[i].r);
    free(l->row);
    free(l->row_mask);
    free(l);
}

static const struct rn_loader_kind kinds[] = {
    [RN_CHAT_STREAM] = {"chat-stream", next, state, restore, epoch_of, free_loader},
    [RN_CHAT_ROWS] = {"chat-rows", next, state, restore, epoch_of, free_loader},
    [RN_CHAT_PACK] = {"chat-pack", next, state, restore, epoch_of, free_loader},
};

static int set_up(struct chat_loader *l, struct rn_err *err)
{
    size_t row = (size_t)(l->form.kind == RN_CHAT_STREAM ? l->form.B * l->form.T : l->form.T) + 1;
    void *p;
    if (rn_mixture_rows(l->mixture) == 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "the mixture has no conversations");
    RN_TRY(rn_chat_tokens_find(&l->special, l->tok, err));
    RN_TRY(rn_try_alloc(&p, row, sizeof *l->row, "a row of tokens", err));
    l->row = p;
    RN_TRY(rn_try_alloc(&p, row, sizeof *l->row_mask, "a row of masks", err));
    l->row_mask = p;
    return RN_OK;
}

static int new_loader(struct chat_loader **out, const struct rn_mixture *m,
                      const struct rn_tokenizer *tok, const struct rn_chat_form *form,
                      struct rn_err *err)
{
    RN_ASSERT(form->B > 0 && form->T > 0);
    struct chat_loader *l = rn_new(struct chat_loader);
    l->mixture = m;
    l->tok = tok;
    l->form = *form;
    if (l->form.max_tokens <= 0)
        l->form.max_tokens = STREAM_MAX_TOKENS;
    int rc = set_up(l, err);
    if (rc != RN_OK) {
        free_loader(l);
        l = NULL;
    }
    *out = l;
    return rc;
}

int rn_loader_chat(struct rn_loader **out, const struct rn_mixture *m,
                   const struct rn_tokenizer *tok, const struct rn_chat_form *form,
                   struct rn_err *err)
{
    struct chat_loader *l;
    *out = NULL;
    RN_TRY(new_loader(&l, m, tok, form, err));
    *out = rn_loader_new(&kinds[form->kind], l);
    return RN_OK;
}

static int walk_pass(struct rn_loader *l, const struct rn_chat_form *form, int64_t *batches,
                     struct rn_err *err)
{
    void *x, *y;
    RN_TRY(rn_try_alloc(&x, (size_t)(form->B * form->T), sizeof(int32_t), "a batch", err));
    int rc = rn_try_alloc(&y, (size_t)(form->B * form->T), sizeof(int32_t), "a batch", err);
    for (*batches = 0; rc == RN_OK && rn_loader_epoch(l) == 0; ++*batches)
        rc = rn_loader_next(l, x, y, err);
    free(x);
    free(y);
    return rc;
}

int rn_loader_chat_pass(const struct rn_mixture *m, const struct rn_tokenizer *tok,
                        const struct rn_chat_form *form, struct rn_chat_pass *pass,
                        struct rn_err *err)
{
    struct chat_loader *inside;
    *pass = (struct rn_chat_pass){0};
    RN_TRY(new_loader(&inside, m, tok, form, err));
    struct rn_loader *l = rn_loader_new(&kinds[form->kind], inside);
    int rc = walk_pass(l, form, &pass->batches, err);
    pass->cut = inside->cut;
    pass->left_out = inside->left_out;
    rn_loader_free(l);
    return rc;
}
