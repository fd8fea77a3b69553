/* Causal attention by blocks of TILE queries and TILE keys; blocks that the window hides are never
 * touched. Scores of one block lie in scratch with keys as rows and queries as lanes, so that what
 * a softmax needs of each query (largest, sum) is kept lane by lane while blocks of keys go by.
 * Backward recomputes them from q, k and each query's log-sum. */
#include "bf16.h"
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

/* to(D,TILE) = f * x(n,D) transposed, x from element `at` on; lanes from n on are zero. */
static void transpose(float *to, const struct tensor *x, int64_t at, int64_t n, int64_t D, float f)
{
    float buf[HEAD_MAX];
    memset(to, 0, (size_t)(D * TILE) * sizeof *to);
    for (int64_t i = 0; i < n; i++) {
        const float *row = rn_row_in(x->p, x->type, at + i * x->row, D, buf);
        for (int64_t d = 0; d < D; d++)
            to[d * TILE + i] = f * row[d];
    }
}

/* to(n,Dp) = x(n,D), padded with zeros. */
static void copy_rows(float *to, const struct tensor *x, int64_t at, int64_t n, int64_t D,
                      int64_t Dp)
{
    for (int64_t i = 0; i < n; i++) {
        const float *row = rn_row_in(x->p, x->type, at + i * x->row, D, to + i * Dp);
        if (row != to + i * Dp)
            memcpy(to + i * Dp, row, (size_t)D * sizeof *to);
        memset(to + i * Dp + D, 0, (size_t)(Dp - D) * sizeof *to);
    }
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

struct keys { /* a block of k or v as floats: where it lies, or converted */
    const float *p;
    int64_t row;
};

static struct keys keys_of(const struct tensor *x, const struct block *w, int64_t D, float *buf)
{
    if (x->type == RN_F32)
        return (struct keys){(const float *)x->p + w->k, x->row};
    copy_rows(buf, x, w->k, w->m, D, D);
    return (struct keys){buf, D};
}

/* S(m,TILE) = k QT; what a query does not see is minus infinity. */
static void scores(float *S, struct keys k, const float *QT, const struct att *t,
                   const struct block *w)
{
    memset(S, 0, (size_t)(w->m * TILE) * sizeof *S);
    rn_tile_mad(S, TILE, k.p, k.row, 1, QT, TILE, w->m, TILE, t->D);
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

/* Scores become exponentials below the largest so far; shrink is what older ones are worth now. */
static void softmax_more(float *S, struct running *r, int64_t m)
{
    float largest[TILE];
    memcpy(largest, r->largest, sizeof largest);
    for (int64_t j = 0; j < m; j++)
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++)
            largest[i] = S[j * TILE + i] > largest[i] ? S[j * TILE + i] : largest[i];
#pragma omp simd
    for (int64_t i = 0; i < TILE; i++) {
        r->shrink[i] = rn_expf(r->largest[i] - largest[i]);
        r->sum[i] *= r->shrink[i];
        r->largest[i] = largest[i];
    }
    for (int64_t j = 0; j < m; j++)
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++) {
            float e = rn_expf(S[j * TILE + i] - largest[i]);
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

static void fwd_block(float *scratch, const struct att *t, struct block w)
{
    float *QT = scratch, *YT = QT + t->D * TILE, *S = YT + t->D * TILE, *buf = S + TILE * TILE;
    struct running r;
    running_init(&r);
    transpose(QT, &t->q, w.q, w.n, t->D, t->scale);
    memset(YT, 0, (size_t)(t->D * TILE) * sizeof *YT);
    for (; w.m > 0; next_keys(t, &w)) {
        scores(S, keys_of(&t->k, &w, t->D, buf), QT, t, &w);
        softmax_more(S, &r, w.m);
        multiply_lanes(YT, r.shrink, t->D);
        struct keys v = keys_of(&t->v, &w, t->D, buf);
        rn_tile_mad(YT, TILE, v.p, 1, v.row, S, TILE, t->D, TILE, w.m);
    }
    write_queries(YT, &r, t, &w);
}

static int64_t fwd_floats(int64_t D)
{
    return TILE * (3 * D + TILE);
}

static void fwd(const struct rn_args *a)
{
    struct att t = att_of(a);
    int64_t blocks = rn_div_up(t.T, TILE), n = t.B * t.H * blocks;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < n; i++)
        fwd_block((float *)a->scratch + omp_get_thread_num() * fwd_floats(t.D), &t,
                  first_block(&t, i / (t.H * blocks), i / blocks % t.H, i % blocks * TILE));
}

/* --- backward --- */

struct bwd {                /* scratch of one thread; Dp: D padded to lanes */
    float *dk, *dv;         /* (T,Dp), of one key head */
    float *q, *dy, *dq, *k; /* (TILE,Dp) */
    float *v;               /* (TILE,D) */
    float *qt, *dyt;        /* (D,TILE) */
    float *P, *G;           /* (TILE,TILE) */
    float lse[TILE], mean[TILE];
    int64_t Dp;
};

static int64_t bwd_floats(int64_t T, int64_t D)
{
    int64_t Dp = rn_lanes_up(D);
    return 2 * rn_lanes_up(T) * Dp + TILE * (4 * Dp + 3 * D + 2 * TILE);
}

static void bwd_init(struct bwd *s, float *scratch, int64_t T, int64_t D)
{
    int64_t Dp = rn_lanes_up(D);
    s->Dp = Dp;
    s->dk = scratch;
    s->dv = s->dk + rn_lanes_up(T) * Dp;
    s->q = s->dv + rn_lanes_up(T) * Dp;
    s->dy = s->q + TILE * Dp;
    s->dq = s->dy + TILE * Dp;
    s->k = s->dq + TILE * Dp;
    s->v = s->k + TILE * Dp;
    s->qt = s->v + TILE * D;
    s->dyt = s->qt + TILE * D;
    s->P = s->dyt + TILE * D;
    s->G = s->P + TILE * TILE;
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
    transpose(s->qt, &t->q, w->q, w->n, t->D, t->scale);
    transpose(s->dyt, &t->dy, w->q, w->n, t->D, 1);
    copy_rows(s->q, &t->q, w->q, w->n, t->D, s->Dp);
    copy_rows(s->dy, &t->dy, w->q, w->n, t->D, s->Dp);
    memset(s->dq, 0, (size_t)(TILE * s->Dp) * sizeof *s->dq);
    for (int64_t i = 0; i < TILE; i++) {
        s->lse[i] = i < w->n ? t->lse[w->lse + i] : 0;
        s->mean[i] = i < w->n ? mean_of(t, w, i) : 0;
    }
}

/* P = e^(S - lse) over S, and G = dP becomes dS = P * (dP - sum(dy * y)). */
static void softmax_bwd(struct bwd *s, int64_t m)
{
    for (int64_t j = 0; j < m; j++) {
        float *p = s->P + j * TILE, *g = s->G + j * TILE;
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++) {
            p[i] = rn_expf(p[i] - s->lse[i]);
            g[i] = p[i] * (g[i] - s->mean[i]);
        }
    }
}

static void bwd_keys(struct bwd *s, const struct att *t, const struct block *w)
{
    int64_t Dp = s->Dp;
    copy_rows(s->k, &t->k, w->k, w->m, t->D, Dp);
    scores(s->P, (struct keys){s->k, Dp}, s->qt, t, w);
    memset(s->G, 0, (size_t)(w->m * TILE) * sizeof *s->G);
    struct keys v = keys_of(&t->v, w, t->D, s->v);
    rn_tile_mad(s->G, TILE, v.p, v.row, 1, s->dyt, TILE, w->m, TILE, t->D);
    softmax_bwd(s, w->m);
    rn_tile_mad(s->dq, Dp, s->G, 1, TILE, s->k, Dp, w->n, Dp, w->m);
    rn_tile_mad(s->dk + w->j0 * Dp, Dp, s->G, TILE, 1, s->q, Dp, w->m, Dp, w->n);
    rn_tile_mad(s->dv + w->j0 * Dp, Dp, s->P, TILE, 1, s->dy, Dp, w->m, Dp, w->n);
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
        bwd_init(&s, (float *)a->scratch + omp_get_thread_num() * bwd_floats(t.T, t.D), t.T, t.D);
        bwd_group(&s, &t, i / t.K, i % t.K);
    }
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    int64_t T = a->xs[0].d[1], D = a->xs[0].d[3];
    return (size_t)(threads * (a->bwd ? bwd_floats(T, D) : fwd_floats(D))) * sizeof(float);
}

const struct rn_kernel RN_CPU(attention) = {fwd, bwd, scratch_bytes};
