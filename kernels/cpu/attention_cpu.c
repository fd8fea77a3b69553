/* Causal attention by blocks of TILE queries and TILE keys; blocks that the window hides are never
 * touched. Scores of one block lie in scratch with keys as rows and queries as lanes, so that what
 * a softmax needs of each query (largest, sum) is kept lane by lane while blocks of keys go by.
 * Backward recomputes them from q, k and each query's log-sum.
 *
 * Operands of products are copied into cells in cache: floats or, in bf16, words along the summed
 * dimension (bf16_word.h). Sums, scores and softmax are fp32. */
#include "cpu.h"
#include "tile.h"
#include "vmath.h"

#include <string.h>

enum { TILE = 64, HEAD_MAX = 1024 }; /* op_attention.c holds D to it */

struct tensor {
    void *p;
    uint8_t type;
    int64_t row; /* elements from one position to the next */
};

struct att {
    struct tensor q, k, v, y, dy, dq, dk, dv;
    float *lse;
    int64_t B, T, H, K, D, window;
    float scale;
    bool words;
    unsigned acc;
};

static struct att att_of(const struct rn_args *a)
{
    const struct rn_shape *q = &a->xs[0];
    int64_t K = a->xs[1].d[2], D = q->d[3], q_row = q->d[2] * D, k_row = K * D;
    return (struct att){.q = {a->x[0], a->x_type[0], q_row},
                        .k = {a->x[1], a->x_type[1], k_row},
                        .v = {a->x[2], a->x_type[2], k_row},
                        .y = {a->y[0], a->y_type[0], q_row},
                        .dy = {a->dy[0], a->dy_type[0], q_row},
                        .dq = {a->dx[0], a->dx_type[0], q_row},
                        .dk = {a->dx[1], a->dx_type[1], k_row},
                        .dv = {a->dx[2], a->dx_type[2], k_row},
                        .lse = a->y[1],
                        .B = q->d[0],
                        .T = q->d[1],
                        .H = q->d[2],
                        .K = K,
                        .D = D,
                        .window = a->attrs.i[0] < 0 ? q->d[1] : a->attrs.i[0],
                        .scale = a->attrs.f[0],
                        .words = a->compute == RN_BF16,
                        .acc = a->acc};
}

struct block { /* queries [i0, i0 + n) of one head against keys [j0, j0 + m) */
    int64_t i0, n, j0, m;
    int64_t q, k; /* element offsets of q[b, i0, h] and k[b, j0, h's group] */
    int64_t lse;  /* of lse[b, h, i0] */
};

/* The block of queries and its first keys; m 0 past the last. */
static struct block first_block(const struct att *t, int64_t b, int64_t h, int64_t i0)
{
    int64_t n = rn_min(TILE, t->T - i0), j0 = rn_max(0, i0 - t->window), group = h / (t->H / t->K);
    return (struct block){.i0 = i0,
                          .n = n,
                          .j0 = j0,
                          .m = rn_min(TILE, i0 + n - j0),
                          .q = (b * t->T + i0) * t->q.row + h * t->D,
                          .k = (b * t->T + j0) * t->k.row + group * t->D,
                          .lse = (b * t->H + h) * t->T + i0};
}

static void next_keys(const struct att *t, struct block *w)
{
    w->j0 += w->m;
    w->k += w->m * t->k.row;
    w->m = rn_min(TILE, w->i0 + w->n - w->j0);
}

/* --- between memory and scratch --- */

/* How many cells n numbers are that are summed over. */
static int64_t cells(const struct att *t, int64_t n)
{
    return t->words ? rn_word_count(n) : n;
}

/* to: D numbers of x from element `at` on, as cells along D. */
static void row_cells(rn_cell *to, const struct tensor *x, int64_t at, const struct att *t)
{
    if (t->words) {
        rn_words_along((rn_word *)to, x->p, x->type, at, t->D);
        return;
    }
    const float *row = rn_row_in(x->p, x->type, at, t->D, to);
    if (row != to)
        memcpy(to, row, (size_t)t->D * sizeof *to);
}

struct lines { /* the left operand of a product: cells from one line or one step of k to the next */
    const rn_cell *p;
    int64_t line, k;
};

/* Lines are positions, summed over D. */
static struct lines along(rn_cell *to, const struct tensor *x, int64_t at, int64_t n,
                          const struct att *t)
{
    int64_t each = cells(t, t->D);
    for (int64_t i = 0; i < n; i++)
        row_cells(to + i * each, x, at + i * x->row, t);
    return (struct lines){to, each, 1};
}

/* to(cells(D),TILE): lanes are positions, summed over D; lanes from n on are zero. */
static void turned(rn_cell *to, const struct tensor *x, int64_t at, int64_t n, const struct att *t)
{
    rn_cell row[HEAD_MAX];
    int64_t each = cells(t, t->D);
    memset(to, 0, (size_t)(each * TILE) * sizeof *to);
    for (int64_t i = 0; i < n; i++) {
        row_cells(row, x, at + i * x->row, t);
        for (int64_t d = 0; d < each; d++)
            to[d * TILE + i] = row[d];
    }
}

/* to(cells(n),Dp): lanes are channels, padded with zeros, summed over positions. */
static void down(rn_cell *to, const struct tensor *x, int64_t at, int64_t n, const struct att *t)
{
    int64_t Dp = rn_lanes_up(t->D), step = t->words ? 2 : 1;
    for (int64_t i = 0; i < n; i += step, to += Dp) {
        if (t->words)
            rn_words_down((rn_word *)to, x->p, x->type, at + i * x->row,
                          i + 1 < n ? x->row : RN_NO_ROW, t->D);
        else
            row_cells(to, x, at + i * x->row, t);
        memset(to + t->D, 0, (size_t)(Dp - t->D) * sizeof *to);
    }
}

/* The same of a block of weights S(m,TILE): lines or lanes are queries, summed over keys. */
static const rn_cell *weights_down(rn_cell *to, const float *S, int64_t m, const struct att *t)
{
    if (!t->words)
        return S;
    for (int64_t j = 0; j < m; j += 2)
        rn_words_down((rn_word *)to + j / 2 * TILE, S, RN_F32, j * TILE,
                      j + 1 < m ? TILE : RN_NO_ROW, TILE);
    return to;
}

/* Lines are keys, summed over queries. */
static struct lines weights_along(rn_cell *to, const float *S, int64_t m, const struct att *t)
{
    if (!t->words)
        return (struct lines){S, TILE, 1};
    for (int64_t j = 0; j < m; j++)
        rn_words_along((rn_word *)to + j * TILE / 2, S, RN_F32, j * TILE, TILE);
    return (struct lines){to, TILE / 2, 1};
}

/* C(M,N) += a(M,K) b(K,N) */
static void mad(const struct att *t, float *C, struct lines a, const rn_cell *b, int64_t ld,
                int64_t M, int64_t N, int64_t K)
{
    if (t->words)
        rn_tile_mad_words(C, ld, (const rn_word *)a.p, a.line, a.k, (const rn_word *)b, ld, M, N,
                          cells(t, K));
    else
        rn_tile_mad(C, ld, a.p, a.line, a.k, b, ld, M, N, K);
}

/* x(n,D) = or += f * from(n,Dp). */
static void write_rows(const struct tensor *x, int64_t at, const float *from, int64_t Dp, int64_t n,
                       int64_t D, float f, bool add)
{
    float out[HEAD_MAX];
    for (int64_t i = 0; i < n && x->p; i++) {
        float *row = rn_row_out(x->p, x->type, at + i * x->row, out);
        for (int64_t d = 0; d < D; d++)
            row[d] = (add ? row[d] : 0) + f * from[i * Dp + d];
        rn_row_done(x->p, x->type, at + i * x->row, D, row);
    }
}

/* S(m,TILE) = k QT; what a query does not see is minus infinity. */
static void scores(float *S, struct lines k, const rn_cell *QT, const struct att *t,
                   const struct block *w)
{
    memset(S, 0, (size_t)(w->m * TILE) * sizeof *S);
    mad(t, S, k, QT, TILE, w->m, TILE, t->D);
    for (int64_t j = 0; j < w->m; j++) {
        int64_t lo = w->j0 + j - w->i0, hi = lo + t->window; /* queries that see key j */
        for (int64_t i = 0; i < rn_min(lo, TILE); i++)
            S[j * TILE + i] = -INFINITY;
        for (int64_t i = rn_max(0, hi + 1); i < TILE; i++)
            S[j * TILE + i] = -INFINITY;
    }
}

/* --- forward --- */

struct running { /* of each query, over the keys so far */
    float largest[TILE], sum[TILE], shrink[TILE];
};

static void running_init(struct running *r)
{
    for (int64_t i = 0; i < TILE; i++) {
        r->largest[i] = -1e30f; /* finite: its difference to itself is zero */
        r->sum[i] = 0;
    }
}

/* Scores, scaled, become exponentials below the largest so far; shrink is what older ones are worth
 * now. */
static void softmax_more(float *S, struct running *r, int64_t m, float scale)
{
    float largest[TILE];
    memcpy(largest, r->largest, sizeof largest);
    for (int64_t j = 0; j < m; j++)
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++) {
            float s = scale * S[j * TILE + i];
            S[j * TILE + i] = s;
            largest[i] = s > largest[i] ? s : largest[i];
        }
#pragma omp simd
    for (int64_t i = 0; i < TILE; i++) {
        r->shrink[i] = rn_exp_below_1(r->largest[i] - largest[i]);
        r->sum[i] *= r->shrink[i];
        r->largest[i] = largest[i];
    }
    for (int64_t j = 0; j < m; j++)
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++) {
            float e = rn_exp_below_1(S[j * TILE + i] - largest[i]);
            S[j * TILE + i] = e;
            r->sum[i] += e;
        }
}

static void multiply_lanes(float *x, const float *f, int64_t rows)
{
    for (int64_t d = 0; d < rows; d++)
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++)
            x[d * TILE + i] *= f[i];
}

static void write_queries(const float *YT, const struct running *r, const struct att *t,
                          const struct block *w)
{
    float out[HEAD_MAX];
    for (int64_t i = 0; i < w->n; i++) {
        int64_t at = w->q + i * t->y.row;
        float k = 1.0f / r->sum[i], *y = rn_row_out(t->y.p, t->y.type, at, out);
        for (int64_t d = 0; d < t->D; d++)
            y[d] = k * YT[d * TILE + i];
        rn_row_done(t->y.p, t->y.type, at, t->D, y);
        t->lse[w->lse + i] = r->largest[i] + logf(r->sum[i]);
    }
}

struct fwd { /* scratch of one thread */
    rn_cell *qt, *k, *v, *p;
    float *yt, *S;
};

static int64_t fwd_cells(int64_t D)
{
    return TILE * (3 * D + rn_lanes_up(D) + 2 * TILE);
}

static void fwd_init(struct fwd *s, float *scratch, int64_t D)
{
    s->qt = scratch;
    s->k = s->qt + TILE * D;
    s->yt = s->k + TILE * D;
    s->S = s->yt + TILE * D;
    s->p = s->S + TILE * TILE;
    s->v = s->p + TILE * TILE;
}

static void fwd_block(struct fwd *s, const struct att *t, struct block w)
{
    struct running r;
    running_init(&r);
    turned(s->qt, &t->q, w.q, w.n, t);
    memset(s->yt, 0, (size_t)(t->D * TILE) * sizeof *s->yt);
    for (; w.m > 0; next_keys(t, &w)) {
        scores(s->S, along(s->k, &t->k, w.k, w.m, t), s->qt, t, &w);
        softmax_more(s->S, &r, w.m, t->scale);
        multiply_lanes(s->yt, r.shrink, t->D);
        down(s->v, &t->v, w.k, w.m, t);
        struct lines v = {s->v, 1, rn_lanes_up(t->D)};
        mad(t, s->yt, v, weights_down(s->p, s->S, w.m, t), TILE, t->D, TILE, w.m);
    }
    write_queries(s->yt, &r, t, &w);
}

static void fwd(const struct rn_args *a)
{
    struct att t = att_of(a);
    int64_t blocks = rn_div_up(t.T, TILE), n = t.B * t.H * blocks;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < n; i++) {
        struct fwd s;
        fwd_init(&s, (float *)a->scratch + omp_get_thread_num() * fwd_cells(t.D), t.D);
        fwd_block(&s, &t, first_block(&t, i / (t.H * blocks), i / blocks % t.H, i % blocks * TILE));
    }
}

/* --- backward --- */

struct bwd {             /* scratch of one thread; Dp: D padded to lanes */
    float *dk, *dv;      /* (T,Dp), of one key head */
    float *dq;           /* (TILE,Dp) */
    float *P, *G;        /* (TILE,TILE) */
    rn_cell *q, *dy, *k; /* (TILE,Dp), summed over positions */
    rn_cell *kd, *vd;    /* (TILE,D), summed over D */
    rn_cell *qt, *dyt;   /* (D,TILE), likewise */
    rn_cell *weights;    /* (TILE,TILE) */
    float lse[TILE], mean[TILE];
    int64_t Dp;
};

static int64_t bwd_cells(int64_t T, int64_t D)
{
    int64_t Dp = rn_lanes_up(D);
    return 2 * rn_lanes_up(T) * Dp + TILE * (4 * Dp + 4 * D + 3 * TILE);
}

static void bwd_init(struct bwd *s, float *scratch, int64_t T, int64_t D)
{
    int64_t Dp = rn_lanes_up(D);
    s->Dp = Dp;
    s->dk = scratch;
    s->dv = s->dk + rn_lanes_up(T) * Dp;
    s->dq = s->dv + rn_lanes_up(T) * Dp;
    s->q = s->dq + TILE * Dp;
    s->dy = s->q + TILE * Dp;
    s->k = s->dy + TILE * Dp;
    s->P = s->k + TILE * Dp;
    s->G = s->P + TILE * TILE;
    s->weights = s->G + TILE * TILE;
    s->kd = s->weights + TILE * TILE;
    s->vd = s->kd + TILE * D;
    s->qt = s->vd + TILE * D;
    s->dyt = s->qt + TILE * D;
}

/* sum of dy * y of the i-th query */
static float mean_of(const struct att *t, const struct block *w, int64_t i)
{
    float dy_buf[HEAD_MAX], y_buf[HEAD_MAX];
    int64_t at = w->q + i * t->q.row;
    return rn_dot(rn_row_in(t->dy.p, t->dy.type, at, t->D, dy_buf),
                  rn_row_in(t->y.p, t->y.type, at, t->D, y_buf), t->D);
}

static void take_queries(struct bwd *s, const struct att *t, const struct block *w)
{
    turned(s->qt, &t->q, w->q, w->n, t);
    turned(s->dyt, &t->dy, w->q, w->n, t);
    down(s->q, &t->q, w->q, w->n, t);
    down(s->dy, &t->dy, w->q, w->n, t);
    memset(s->dq, 0, (size_t)(TILE * s->Dp) * sizeof *s->dq);
    for (int64_t i = 0; i < TILE; i++) {
        s->lse[i] = i < w->n ? t->lse[w->lse + i] : 0;
        s->mean[i] = i < w->n ? mean_of(t, w, i) : 0;
    }
}

/* P = e^(scale S - lse) over S, and G = dP becomes dS = P * (dP - sum(dy * y)). */
static void softmax_bwd(struct bwd *s, int64_t m, float scale)
{
    for (int64_t j = 0; j < m; j++) {
        float *p = s->P + j * TILE, *g = s->G + j * TILE;
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++) {
            p[i] = rn_exp_below_1(scale * p[i] - s->lse[i]);
            g[i] = p[i] * (g[i] - s->mean[i]);
        }
    }
}

static void bwd_keys(struct bwd *s, const struct att *t, const struct block *w)
{
    int64_t Dp = s->Dp;
    scores(s->P, along(s->kd, &t->k, w->k, w->m, t), s->qt, t, w);
    memset(s->G, 0, (size_t)(w->m * TILE) * sizeof *s->G);
    mad(t, s->G, along(s->vd, &t->v, w->k, w->m, t), s->dyt, TILE, w->m, TILE, t->D);
    softmax_bwd(s, w->m, t->scale);
    down(s->k, &t->k, w->k, w->m, t);
    struct lines g = {weights_down(s->weights, s->G, w->m, t), 1, TILE};
    mad(t, s->dq, g, s->k, Dp, w->n, Dp, w->m);
    g = weights_along(s->weights, s->G, w->m, t);
    mad(t, s->dk + w->j0 * Dp, g, s->q, Dp, w->m, Dp, w->n);
    struct lines p = weights_along(s->weights, s->P, w->m, t);
    mad(t, s->dv + w->j0 * Dp, p, s->dy, Dp, w->m, Dp, w->n);
}

static void bwd_queries(struct bwd *s, const struct att *t, struct block w)
{
    take_queries(s, t, &w);
    for (; w.m > 0; next_keys(t, &w))
        bwd_keys(s, t, &w);
    write_rows(&t->dq, w.q, s->dq, s->Dp, w.n, t->D, t->scale, t->acc & 1);
}

/* One thread owns a key head of one row, with all query heads that share it. dk and dv are written
 * after dq: one value may be two of q, k and v. */
static void bwd_group(struct bwd *s, const struct att *t, int64_t b, int64_t group)
{
    int64_t share = t->H / t->K, at = b * t->T * t->k.row + group * t->D;
    memset(s->dk, 0, (size_t)(t->T * s->Dp) * sizeof *s->dk);
    memset(s->dv, 0, (size_t)(t->T * s->Dp) * sizeof *s->dv);
    for (int64_t h = group * share; h < (group + 1) * share; h++)
        for (int64_t i0 = 0; i0 < t->T; i0 += TILE)
            bwd_queries(s, t, first_block(t, b, h, i0));
    write_rows(&t->dk, at, s->dk, s->Dp, t->T, t->D, t->scale, t->acc >> 1 & 1);
    write_rows(&t->dv, at, s->dv, s->Dp, t->T, t->D, 1, t->acc >> 2 & 1);
}

static void bwd(const struct rn_args *a)
{
    struct att t = att_of(a);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < t.B * t.K; i++) {
        struct bwd s;
        bwd_init(&s, (float *)a->scratch + omp_get_thread_num() * bwd_cells(t.T, t.D), t.T, t.D);
        bwd_group(&s, &t, i / t.K, i % t.K);
    }
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    int64_t T = a->xs[0].d[1], D = a->xs[0].d[3];
    return (size_t)(threads * (a->bwd ? bwd_cells(T, D) : fwd_cells(D))) * sizeof(float);
}

const struct rn_kernel RN_CPU(attention) = {fwd, bwd, scratch_bytes};
