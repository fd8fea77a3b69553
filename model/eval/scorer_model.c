/* A model behind the scorer's door. A group is read in two steps:
 *
 *     shared    what all its rows begin with, up to the first wanted loss: into a cache, no logits
 *     rest      of every row: from the cache on, with logits
 *
 * Groups of few tokens stand side by side. A group's length and number of rows decide the shape of
 * the programs it goes through (its lane), never its neighbours: so each gives the same losses
 * whoever stands beside it. What is too long for that is read alone, row by row, in pieces. */
#include "mem.h"
#include "scorer.h"

#include <stdlib.h>
#include <string.h>

enum {
    LANES = 5,       /* of 16, 8, 4, 2 groups at once, of 64, 128, 256, 512 tokens; and the long */
    SLOTS_MAX = 16,  /* of the first lane */
    TMAX_MIN = 64,   /* of the first lane */
    PIECE_MAX = 512, /* tokens of a long row that are read at once */
    PIECE_MIN = 16,
    REST_MIN = 8,
    REST_ROWS = 512, /* rows of logits at once */
};

struct shaped {
    struct rn_cached_shape shape;
    struct rn_cached_prog c;
};
struct lane {
    int64_t slots, Tmax;  /* Tmax 0: nothing built yet */
    struct shaped *progs; /* the first owns the cache */
    size_t n, cap;
};
struct scorer_model {
    struct rn_model *model;
    int64_t max_len, tokens;
    struct lane lanes[LANES];
    struct rn_score_prog whole; /* of the last batch's shape */
    int64_t B, T;
};

/* --- programs --- */

static void forget_lane(struct lane *c)
{
    while (c->n) /* the owner of the cache last */
        rn_prog_free(c->progs[--c->n].c.prog);
    c->Tmax = 0;
}

static void forget_whole(struct scorer_model *m)
{
    rn_prog_free(m->whole.prog);
    m->whole.prog = NULL;
}

static bool same_shape(const struct rn_cached_shape *a, const struct rn_cached_shape *b)
{
    return a->B == b->B && a->T == b->T && a->slots == b->slots && a->want == b->want;
}

/* Programs with logits are large: one of each lane is kept. */
static void make_room(struct lane *c, enum rn_cached_want want)
{
    for (size_t i = 1; want == RN_WANT_LOSSES && i < c->n; i++) {
        if (c->progs[i].shape.want != RN_WANT_LOSSES)
            continue;
        rn_prog_free(c->progs[i].c.prog);
        c->progs[i] = c->progs[--c->n];
        return;
    }
}

static int build(struct scorer_model *m, struct lane *c, struct rn_cached_shape shape,
                 struct rn_cached_prog **out, struct rn_err *err)
{
    struct shaped p = {.shape = shape};
    make_room(c, shape.want);
    p.shape.cache_of = c->n ? c->progs[0].c.prog : NULL;
    RN_TRY(rn_model_cached_prog(m->model, &p.shape, &p.c, err));
    RN_PUSH(c->progs, c->n, c->cap, p);
    *out = &c->progs[c->n - 1].c;
    return RN_OK;
}

/* The lane's program for B rows of T tokens; the first one made must keep what it reads. */
static int prog_of(struct scorer_model *m, struct lane *c, int64_t B, int64_t T,
                   enum rn_cached_want want, struct rn_cached_prog **out, struct rn_err *err)
{
    struct rn_cached_shape shape = {
        .B = B, .T = T, .Tmax = c->Tmax, .slots = c->slots, .want = want};
    for (size_t i = 0; i < c->n; i++) {
        if (same_shape(&c->progs[i].shape, &shape)) {
            *out = &c->progs[i].c;
            return RN_OK;
        }
    }
    if (c->n == 0 && want != RN_WANT_NOTHING) {
        struct rn_cached_shape owner = shape;
        owner.B = c->slots;
        owner.T = PIECE_MIN;
        owner.want = RN_WANT_NOTHING;
        RN_TRY(build(m, c, owner, out, err));
    }
    return build(m, c, shape, out, err);
}

/* --- one run of a program --- */

struct feed { /* the rows of one run */
    int64_t B, T;
    int32_t *x, *y, *span;
    float *losses; /* B*T each, where losses are wanted */
    int32_t *argmax;
};

static void feed_init(struct feed *f, int64_t B, int64_t T)
{
    size_t n = (size_t)(B * T);
    *f = (struct feed){.B = B,
                       .T = T,
                       .x = rn_xalloc(n * sizeof *f->x),
                       .y = rn_xalloc(n * sizeof *f->y),
                       .span = rn_xalloc(2 * (size_t)B * sizeof *f->span),
                       .losses = rn_xalloc(n * sizeof *f->losses),
                       .argmax = rn_xalloc(n * sizeof *f->argmax)};
}

static void feed_release(struct feed *f)
{
    free(f->x);
    free(f->y);
    free(f->span);
    free(f->losses);
    free(f->argmax);
}

/* Row b reads ids[start .. end) of r, at most T of them; NULL: nothing. */
static void feed_row(struct feed *f, int64_t b, const struct rn_score_row *r, int64_t start,
                     int64_t end)
{
    int64_t n = r && end > start ? end - start : 0;
    n = n < f->T ? n : f->T;
    f->span[2 * b] = n ? (int32_t)start : 0;
    f->span[2 * b + 1] = (int32_t)n;
    for (int64_t i = 0; i < f->T; i++) {
        bool there = i < n;
        f->x[b * f->T + i] = there ? r->ids[start + i] : 0;
        f->y[b * f->T + i] =
            there && start + i >= r->from && start + i + 1 < r->n ? r->ids[start + i + 1] : -1;
    }
}

static int run(struct scorer_model *m, struct lane *c, struct feed *f, enum rn_cached_want want,
               struct rn_err *err)
{
    struct rn_cached_prog *p;
    RN_TRY(prog_of(m, c, f->B, f->T, want, &p, err));
    RN_TRY(rn_cached_put(p, f->x, f->span, err));
    if (want == RN_WANT_LOSSES)
        RN_TRY(rn_prog_put(p->prog, p->y, f->y, err));
    RN_TRY(rn_prog_run(p->prog, err));
    m->tokens += f->B * f->T;
    if (want != RN_WANT_LOSSES)
        return RN_OK;
    RN_TRY(rn_prog_get(p->prog, p->losses, f->losses, err));
    return rn_prog_get(p->prog, p->argmax, f->argmax, err);
}

/* Hands out what run found for row b, which read from ids[start]. */
static void take(const struct feed *f, int64_t b, const struct rn_score_row *r, int64_t start)
{
    for (int64_t i = 0; i < f->span[2 * b + 1]; i++) {
        if (start + i < r->from || start + i + 1 >= r->n)
            continue;
        r->losses[start + i] = f->losses[b * f->T + i];
        r->argmax[start + i] = f->argmax[b * f->T + i];
    }
}

/* --- what a group needs --- */

struct need {
    const struct rn_score_group *group;
    int64_t shared; /* tokens read once */
    int64_t rest;   /* of each row at most, filled up to a power of two; 0: nothing is wanted */
    int lane;
};

static int64_t power_of_two(int64_t least, int64_t n)
{
    while (least < n)
        least *= 2;
    return least;
}

static int64_t shared_of(const struct rn_score_group *g)
{
    const struct rn_score_row *first = &g->rows[0];
    int64_t n = first->from < first->n - 1 ? first->from : first->n - 1;
    for (size_t k = 1; k < g->n; k++) {
        const struct rn_score_row *r = &g->rows[k];
        int64_t most = r->from < r->n - 1 ? r->from : r->n - 1, same = 0;
        while (same < n && same < most && r->ids[same] == first->ids[same])
            same++;
        n = same;
    }
    return n;
}

static int lane_of(const struct scorer_model *m, const struct need *n)
{
    for (int c = 0; c < LANES - 1; c++) {
        const struct lane *k = &m->lanes[c];
        int64_t Tmax = (int64_t)TMAX_MIN << c;
        if (n->shared + n->rest <= Tmax && k->slots * (int64_t)n->group->n * n->rest <= REST_ROWS &&
            (!m->max_len || Tmax <= m->max_len))
            return c;
    }
    return LANES - 1;
}

static struct need need_of(const struct scorer_model *m, const struct rn_score_group *g)
{
    struct need n = {.group = g, .shared = shared_of(g)};
    int64_t rest = 0;
    for (size_t k = 0; k < g->n; k++)
        rest = g->rows[k].n - 1 - n.shared > rest ? g->rows[k].n - 1 - n.shared : rest;
    n.rest = rest ? power_of_two(REST_MIN, rest) : 0;
    n.lane = lane_of(m, &n);
    return n;
}

/* Equal shapes stand together, so that a program is made once. */
static int by_shape(const void *a, const void *b)
{
    const struct need *x = a, *y = b;
    if (x->lane != y->lane)
        return x->lane - y->lane;
    if (x->group->n != y->group->n)
        return x->group->n < y->group->n ? -1 : 1;
    if (x->rest != y->rest)
        return x->rest < y->rest ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

/* --- groups side by side --- */

static int read_shared(struct scorer_model *m, struct lane *c, const struct need *needs, int64_t n,
                       struct rn_err *err)
{
    struct feed f;
    feed_init(&f, c->slots, c->Tmax);
    for (int64_t i = 0; i < c->slots; i++)
        feed_row(&f, i, i < n ? needs[i].group->rows : NULL, 0, i < n ? needs[i].shared : 0);
    int rc = run(m, c, &f, RN_WANT_NOTHING, err);
    feed_release(&f);
    return rc;
}

static int read_rests(struct scorer_model *m, struct lane *c, const struct need *needs, int64_t n,
                      struct rn_err *err)
{
    struct feed f;
    int64_t rows = (int64_t)needs->group->n;
    feed_init(&f, c->slots * rows, needs->rest);
    for (int64_t b = 0; b < f.B; b++) {
        const struct need *at = b / rows < n ? &needs[b / rows] : NULL;
        const struct rn_score_row *r = at ? &at->group->rows[b % rows] : NULL;
        feed_row(&f, b, r, at ? at->shared : 0, r ? r->n - 1 : 0);
    }
    int rc = run(m, c, &f, RN_WANT_LOSSES, err);
    for (int64_t b = 0; b < n * rows && rc == RN_OK; b++)
        take(&f, b, &needs[b / rows].group->rows[b % rows], needs[b / rows].shared);
    feed_release(&f);
    return rc;
}

/* Needs of one lane, rest and number of rows; at most as many as the lane has slots. */
static int read_together(struct scorer_model *m, const struct need *needs, int64_t n,
                         struct rn_err *err)
{
    struct lane *c = &m->lanes[needs->lane];
    c->Tmax = (int64_t)TMAX_MIN << needs->lane;
    RN_TRY(read_shared(m, c, needs, n, err));
    return read_rests(m, c, needs, n, err);
}

/* --- a long group alone --- */

/* The next piece of n tokens: the largest power of two in it, or the next one where that is mostly
 * filled. */
static int64_t piece_of(int64_t n)
{
    int64_t next = power_of_two(PIECE_MIN, n);
    bool mostly = next == PIECE_MIN || 4 * n > 3 * next;
    next = mostly ? next : next / 2;
    return next < PIECE_MAX ? next : PIECE_MAX;
}

static int read_pieces(struct scorer_model *m, struct lane *c, const struct rn_score_row *r,
                       int64_t start, int64_t end, enum rn_cached_want want, struct rn_err *err)
{
    while (start < end) {
        struct feed f;
        feed_init(&f, 1, piece_of(end - start));
        feed_row(&f, 0, r, start, end);
        int rc = run(m, c, &f, want, err);
        if (rc == RN_OK && want == RN_WANT_LOSSES)
            take(&f, 0, r, start);
        start += f.T;
        feed_release(&f);
        RN_TRY(rc);
    }
    return RN_OK;
}

static int64_t longest(const struct rn_score_group *g)
{
    int64_t n = 1;
    for (size_t k = 0; k < g->n; k++)
        n = g->rows[k].n > n ? g->rows[k].n : n;
    return n;
}

static int64_t shared_rows(const struct need *n)
{
    return (int64_t)n->group->n * n->rest <= REST_ROWS ? (int64_t)n->group->n : 0;
}

static int read_alone(struct scorer_model *m, const struct need *n, struct rn_err *err)
{
    struct lane *c = &m->lanes[LANES - 1];
    int64_t Tmax = power_of_two(TMAX_MIN << LANES, longest(n->group) + n->rest);
    Tmax = m->max_len && Tmax > m->max_len ? m->max_len : Tmax;
    if (Tmax > c->Tmax)
        forget_lane(c);
    c->Tmax = Tmax > c->Tmax ? Tmax : c->Tmax;
    RN_TRY(read_pieces(m, c, n->group->rows, 0, n->shared, RN_WANT_NOTHING, err));
    if (shared_rows(n) && n->shared > 0)
        return read_rests(m, c, n, 1, err);
    for (size_t k = 0; k < n->group->n; k++) {
        const struct rn_score_row *r = &n->group->rows[k];
        RN_TRY(read_pieces(m, c, r, n->shared, r->n - 1, RN_WANT_LOSSES, err));
    }
    return RN_OK;
}

/* --- the door's calls --- */

static int read_sorted(struct scorer_model *m, const struct need *needs, size_t n,
                       struct rn_err *err)
{
    for (size_t i = 0, some; i < n; i += some) {
        size_t most = (size_t)m->lanes[needs[i].lane].slots;
        for (some = 1; i + some < n && some < most && needs[i + some].lane == needs[i].lane &&
                       needs[i + some].rest == needs[i].rest &&
                       needs[i + some].group->n == needs[i].group->n;)
            some++;
        if (needs[i].rest == 0)
            continue;
        RN_TRY(needs[i].lane == LANES - 1 ? read_alone(m, &needs[i], err)
                                          : read_together(m, &needs[i], (int64_t)some, err));
    }
    return RN_OK;
}

static int model_groups(void *self, const struct rn_score_group *g, size_t n, struct rn_err *err)
{
    struct scorer_model *m = self;
    struct need *needs = rn_xalloc((n + 1) * sizeof *needs);
    for (size_t i = 0; i < n; i++)
        needs[i] = need_of(m, &g[i]);
    qsort(needs, n, sizeof *needs, by_shape);
    int rc = read_sorted(m, needs, n, err);
    free(needs);
    return rc;
}

static int shape_whole(struct scorer_model *m, int64_t B, int64_t T, struct rn_err *err)
{
    if (m->whole.prog && m->B == B && m->T == T)
        return RN_OK;
    forget_whole(m);
    RN_TRY(rn_model_score_prog(m->model, B, T, &m->whole, err));
    m->B = B;
    m->T = T;
    return rn_prog_put_positions(m->whole.prog, m->whole.pos, err);
}

static int model_batch(void *self, int64_t B, int64_t T, const int32_t *x, const int32_t *y,
                       float *losses, struct rn_err *err)
{
    struct scorer_model *m = self;
    RN_TRY(shape_whole(m, B, T, err));
    RN_TRY(rn_prog_put(m->whole.prog, m->whole.x, x, err));
    RN_TRY(rn_prog_put(m->whole.prog, m->whole.y, y, err));
    RN_TRY(rn_prog_run(m->whole.prog, err));
    m->tokens += B * T;
    return rn_prog_get(m->whole.prog, m->whole.losses, losses, err);
}

static int64_t model_tokens(const void *self)
{
    return ((const struct scorer_model *)self)->tokens;
}

static void model_free(void *self)
{
    struct scorer_model *m = self;
    for (int i = 0; i < LANES; i++) {
        forget_lane(&m->lanes[i]);
        free(m->lanes[i].progs);
    }
    forget_whole(m);
    free(m);
}

static const struct rn_scorer_kind model_kind = {model_groups, model_batch, model_tokens,
                                                 model_free};

struct rn_scorer *rn_scorer_model(struct rn_model *model)
{
    struct scorer_model *m = rn_new(struct scorer_model);
    m->model = model;
    m->max_len = rn_model_max_len(model);
    for (int i = 0; i < LANES; i++)
        m->lanes[i].slots = SLOTS_MAX >> i;
    return rn_scorer_new(&model_kind, m, m->max_len);
}
