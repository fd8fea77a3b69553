#include "scorer.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKET_MIN = 16, /* short answers would waste three quarters of 64 */
    BUCKET_MAX = 1 << 20,
    BATCH_TOKENS = 2048,     /* scored at once, where the logits allow */
    LOGITS_FLOATS = 1 << 27, /* 512 MiB of them */
};

struct rn_scorer {
    const struct rn_scorer_kind *kind;
    void *self;
    int64_t vocab, max_len;
};

struct rn_scorer *rn_scorer_new(const struct rn_scorer_kind *kind, void *self, int64_t vocab,
                                int64_t max_len)
{
    struct rn_scorer *s = rn_new(struct rn_scorer);
    *s = (struct rn_scorer){kind, self, vocab, max_len};
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

int rn_scorer_batch(struct rn_scorer *s, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                    float *losses, int32_t *argmax, struct rn_err *err)
{
    return s->kind->batch(s->self, B, T, x, y, losses, argmax, err);
}

/* --- rows of many lengths --- */

struct batch {
    int64_t B, T;
    int32_t *x, *y, *argmax; /* B*T */
    float *losses;
};

static int batch_init(struct batch *b, int64_t B, int64_t T, struct rn_err *err)
{
    size_t n = (size_t)(B * T), each = sizeof(int32_t);
    void *p[4] = {0};
    int rc = RN_OK;
    for (int i = 0; i < 4 && rc == RN_OK; i++)
        rc = rn_try_alloc(&p[i], n, each, "a batch to score", err);
    *b = (struct batch){B, T, p[0], p[1], p[2], p[3]};
    return rc;
}

static void batch_release(struct batch *b)
{
    free(b->x);
    free(b->y);
    free(b->argmax);
    free(b->losses);
}

static int64_t bucket(const struct rn_scorer *s, int64_t n)
{
    int64_t T = BUCKET_MIN;
    while (T < n - 1)
        T *= 2;
    return s->max_len && T > s->max_len ? s->max_len : T;
}

static int64_t batch_rows(const struct rn_scorer *s, int64_t T)
{
    int64_t tokens = LOGITS_FLOATS / (s->vocab > 0 ? s->vocab : 1);
    tokens = tokens < BATCH_TOKENS ? tokens : BATCH_TOKENS;
    return tokens > T ? tokens / T : 1;
}

static void put_row(struct batch *b, int64_t at, const struct rn_score_row *r)
{
    int32_t *x = b->x + at * b->T, *y = b->y + at * b->T;
    for (int64_t i = 0; i < b->T; i++) {
        bool inside = r && i + 1 < r->n;
        x[i] = inside ? r->ids[i] : 0; /* what follows is never looked back at */
        y[i] = inside ? r->ids[i + 1] : -1;
    }
}

static void take_row(const struct batch *b, int64_t at, const struct rn_score_row *r)
{
    size_t n = (size_t)(r->n - 1), from = (size_t)(at * b->T);
    memcpy(r->losses, b->losses + from, n * sizeof *r->losses);
    if (r->argmax)
        memcpy(r->argmax, b->argmax + from, n * sizeof *r->argmax);
}

static int score_some(struct rn_scorer *s, struct batch *b, const struct rn_score_row *const *rows,
                      size_t n, struct rn_err *err)
{
    for (int64_t i = 0; i < b->B; i++)
        put_row(b, i, (size_t)i < n ? rows[i] : NULL);
    RN_TRY(rn_scorer_batch(s, b->B, b->T, b->x, b->y, b->losses, b->argmax, err));
    for (size_t i = 0; i < n; i++)
        take_row(b, (int64_t)i, rows[i]);
    return RN_OK;
}

static int score_bucket(struct rn_scorer *s, int64_t T, const struct rn_score_row *const *rows,
                        size_t n, struct rn_err *err)
{
    struct batch b;
    int rc = batch_init(&b, batch_rows(s, T), T, err);
    for (size_t i = 0; i < n && rc == RN_OK; i += (size_t)b.B) {
        size_t some = n - i < (size_t)b.B ? n - i : (size_t)b.B;
        rc = score_some(s, &b, rows + i, some, err);
    }
    batch_release(&b);
    return rc;
}

static int check_rows(const struct rn_scorer *s, const struct rn_score_row *rows, size_t n,
                      struct rn_err *err)
{
    int64_t most = s->max_len ? s->max_len : BUCKET_MAX;
    for (size_t i = 0; i < n; i++) {
        RN_ASSERT(rows[i].n >= 1);
        if (rows[i].n - 1 > most)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                           "a text of %lld tokens to score; the model reads at most %lld",
                           (long long)rows[i].n, (long long)most);
    }
    return RN_OK;
}

int rn_scorer_rows(struct rn_scorer *s, const struct rn_score_row *rows, size_t n,
                   struct rn_err *err)
{
    RN_TRY(check_rows(s, rows, n, err));
    const struct rn_score_row **same = rn_xrealloc(NULL, n + 1, sizeof *same);
    int64_t longest = 1;
    int rc = RN_OK;
    for (size_t i = 0; i < n; i++)
        longest = rows[i].n > longest ? rows[i].n : longest;
    int64_t last = bucket(s, longest);
    for (int64_t T = bucket(s, 1); rc == RN_OK; T = bucket(s, T + 2)) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++)
            if (rows[i].n > 1 && bucket(s, rows[i].n) == T)
                same[m++] = &rows[i];
        if (m)
            rc = score_bucket(s, T, same, m, err);
        if (T == last)
            break;
    }
    free(same);
    return rc;
}

/* --- a model behind the door: one program, planned anew when the shape changes --- */

struct model_scorer {
    struct rn_model *model;
    struct rn_score_prog prog;
    int64_t B, T;
    int32_t *pos; /* B*T */
};

static void forget_program(struct model_scorer *m)
{
    rn_prog_free(m->prog.prog);
    free(m->pos);
    m->prog.prog = NULL;
    m->pos = NULL;
    m->B = m->T = 0;
}

static int shape(struct model_scorer *m, int64_t B, int64_t T, struct rn_err *err)
{
    if (m->prog.prog && m->B == B && m->T == T)
        return RN_OK;
    forget_program(m);
    void *pos;
    RN_TRY(rn_model_score_prog(m->model, B, T, &m->prog, err));
    RN_TRY(rn_try_alloc(&pos, (size_t)(B * T), sizeof(int32_t), "positions", err));
    m->pos = pos;
    m->B = B;
    m->T = T;
    for (int64_t i = 0; i < B * T; i++)
        m->pos[i] = (int32_t)(i % T);
    return RN_OK;
}

static int model_batch(void *self, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                       float *losses, int32_t *argmax, struct rn_err *err)
{
    struct model_scorer *m = self;
    RN_TRY(shape(m, B, T, err));
    struct rn_score_prog *p = &m->prog;
    RN_TRY(rn_prog_put(p->prog, p->x, x, err));
    RN_TRY(rn_prog_put(p->prog, p->y, y, err));
    if (p->pos != RN_NONE)
        RN_TRY(rn_prog_put(p->prog, p->pos, m->pos, err));
    RN_TRY(rn_prog_run(p->prog, err));
    RN_TRY(rn_prog_get(p->prog, p->losses, losses, err));
    return argmax ? rn_prog_get(p->prog, p->argmax, argmax, err) : RN_OK;
}

static void model_free(void *self)
{
    forget_program(self);
    free(self);
}

static const struct rn_scorer_kind model_kind = {model_batch, model_free};

int rn_scorer_model(struct rn_scorer **out, struct rn_model *model, struct rn_err *err)
{
    (void)err;
    const struct rn_model_cfg *c = rn_model_config(model);
    struct model_scorer *m = rn_new(struct model_scorer);
    m->model = model;
    /* GPT-2's positions are learnt: it reads no more than it has. The others compute theirs. */
    int64_t max_len = strcmp(c->arch, "gpt2") == 0 ? c->sequence_len : 0;
    *out = rn_scorer_new(&model_kind, m, c->vocab_padded, max_len);
    return RN_OK;
}
