/* Causal attention by blocks of TILE queries and TILE keys; blocks that the window hides are never
 * touched. Scores of one block lie in scratch with keys as rows and queries as lanes, so that what
 * a softmax needs of each query (largest, sum) is kept lane by lane while blocks of keys go by.
 * Backward recomputes them from q, k and each query's log-sum. */
#include "cpu.h"
#include "tile.h"
#include "vmath.h"

#include <string.h>

enum { TILE = 64 };

struct att {
    const float *q, *k, *v, *y, *lse, *dy;
    float *dq, *dk, *dv;
    int64_t B, T, H, K, D, window;
    int64_t q_row, k_row; /* elements from one position to the next */
    float scale;
    unsigned acc;
};

static struct att att_of(const struct rn_args *a)
{
    const struct rn_shape *q = &a->xs[0];
    int64_t K = a->xs[1].d[2];
    return (struct att){.q = a->x[0],
                        .k = a->x[1],
                        .v = a->x[2],
                        .y = a->y[0],
                        .lse = a->y[1],
                        .dy = a->dy[0],
                        .dq = a->dx[0],
                        .dk = a->dx[1],
                        .dv = a->dx[2],
                        .B = q->d[0],
                        .T = q->d[1],
                        .H = q->d[2],
                        .K = K,
                        .D = q->d[3],
                        .window = a->attrs.i[0] < 0 ? q->d[1] : a->attrs.i[0],
                        .q_row = q->d[2] * q->d[3],
                        .k_row = K * q->d[3],
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
                          .q = (b * t->T + i0) * t->q_row + h * t->D,
                          .k = (b * t->T + j0) * t->k_row + group * t->D,
                          .lse = (b * t->H + h) * t->T + i0};
}

static void next_keys(const struct att *t, struct block *w)
{
    w->j0 += w->m;
    w->k += w->m * t->k_row;
    w->m = rn_min(TILE, w->i0 + w->n - w->j0);
}

/* to(D,TILE) = f * x(n,D) transposed; lanes from n on are zero. */
static void transpose(float *to, const float *x, int64_t row, int64_t n, int64_t D, float f)
{
    for (int64_t d = 0; d < D; d++) {
        for (int64_t i = 0; i < n; i++)
            to[d * TILE + i] = f * x[i * row + d];
        for (int64_t i = n; i < TILE; i++)
            to[d * TILE + i] = 0;
    }
}

/* S(m,TILE) = k QT; what a query does not see is minus infinity. */
static void scores(float *S, const float *QT, const struct att *t, const struct block *w)
{
    memset(S, 0, (size_t)(w->m * TILE) * sizeof *S);
    rn_tile_mad(S, TILE, t->k + w->k, t->k_row, 1, QT, TILE, w->m, TILE, t->D);
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

static void write_queries(float *y, float *lse, const float *YT, const struct running *r,
                          const struct att *t, const struct block *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        float k = 1.0f / r->sum[i];
        for (int64_t d = 0; d < t->D; d++)
            y[w->q + i * t->q_row + d] = k * YT[d * TILE + i];
        lse[w->lse + i] = r->largest[i] + logf(r->sum[i]);
    }
}

static void fwd_block(float *y, float *lse, float *scratch, const struct att *t, struct block w)
{
    float *QT = scratch, *YT = QT + t->D * TILE, *S = YT + t->D * TILE;
    struct running r;
    running_init(&r);
    transpose(QT, t->q + w.q, t->q_row, w.n, t->D, t->scale);
    memset(YT, 0, (size_t)(t->D * TILE) * sizeof *YT);
    for (; w.m > 0; next_keys(t, &w)) {
        scores(S, QT, t, &w);
        softmax_more(S, &r, w.m);
        multiply_lanes(YT, r.shrink, t->D);
        rn_tile_mad(YT, TILE, t->v + w.k, 1, t->k_row, S, TILE, t->D, TILE, w.m);
    }
    write_queries(y, lse, YT, &r, t, &w);
}

static int64_t fwd_floats(int64_t D)
{
    return TILE * (2 * D + TILE);
}

static void fwd(const struct rn_args *a)
{
    struct att t = att_of(a);
    int64_t blocks = rn_div_up(t.T, TILE), n = t.B * t.H * blocks;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < n; i++) {
        float *scratch = (float *)a->scratch + omp_get_thread_num() * fwd_floats(t.D);
        fwd_block(a->y[0], a->y[1], scratch, &t,
                  first_block(&t, i / (t.H * blocks), i / blocks % t.H, i % blocks * TILE));
    }
}

/* --- backward --- */

struct bwd {                /* scratch of one thread; Dp: D padded to lanes */
    float *dk, *dv;         /* (T,Dp), of one key head */
    float *q, *dy, *dq, *k; /* (TILE,Dp) */
    float *qt, *dyt;        /* (D,TILE) */
    float *P, *G;           /* (TILE,TILE) */
    float lse[TILE], mean[TILE];
    int64_t Dp;
};

static int64_t bwd_floats(int64_t T, int64_t D)
{
    int64_t Dp = rn_lanes_up(D);
    return 2 * rn_lanes_up(T) * Dp + TILE * (4 * Dp + 2 * D + 2 * TILE);
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
    s->qt = s->k + TILE * Dp;
    s->dyt = s->qt + TILE * D;
    s->P = s->dyt + TILE * D;
    s->G = s->P + TILE * TILE;
}

/* to(n,Dp) = x(n,D), padded with zeros. */
static void copy_rows(float *to, const float *x, int64_t row, int64_t n, int64_t D, int64_t Dp)
{
    for (int64_t i = 0; i < n; i++) {
        memcpy(to + i * Dp, x + i * row, (size_t)D * sizeof *to);
        memset(to + i * Dp + D, 0, (size_t)(Dp - D) * sizeof *to);
    }
}

/* x(n,D) = or += f * from(n,Dp). */
static void write_rows(float *x, int64_t row, const float *from, int64_t Dp, int64_t n, int64_t D,
                       float f, bool add)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < D; d++)
            x[i * row + d] = (add ? x[i * row + d] : 0) + f * from[i * Dp + d];
}

static void take_queries(struct bwd *s, const struct att *t, const struct block *w)
{
    transpose(s->qt, t->q + w->q, t->q_row, w->n, t->D, t->scale);
    transpose(s->dyt, t->dy + w->q, t->q_row, w->n, t->D, 1);
    copy_rows(s->q, t->q + w->q, t->q_row, w->n, t->D, s->Dp);
    copy_rows(s->dy, t->dy + w->q, t->q_row, w->n, t->D, s->Dp);
    memset(s->dq, 0, (size_t)(TILE * s->Dp) * sizeof *s->dq);
    memset(s->lse, 0, sizeof s->lse);
    memset(s->mean, 0, sizeof s->mean);
    for (int64_t i = 0; i < w->n; i++) {
        int64_t at = w->q + i * t->q_row;
        s->lse[i] = t->lse[w->lse + i];
        s->mean[i] = rn_dot(t->dy + at, t->y + at, t->D);
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
    scores(s->P, s->qt, t, w);
    memset(s->G, 0, (size_t)(w->m * TILE) * sizeof *s->G);
    rn_tile_mad(s->G, TILE, t->v + w->k, t->k_row, 1, s->dyt, TILE, w->m, TILE, t->D);
    softmax_bwd(s, w->m);
    copy_rows(s->k, t->k + w->k, t->k_row, w->m, t->D, Dp);
    rn_tile_mad(s->dq, Dp, s->G, 1, TILE, s->k, Dp, w->n, Dp, w->m);
    rn_tile_mad(s->dk + w->j0 * Dp, Dp, s->G, TILE, 1, s->q, Dp, w->m, Dp, w->n);
    rn_tile_mad(s->dv + w->j0 * Dp, Dp, s->P, TILE, 1, s->dy, Dp, w->m, Dp, w->n);
}

static void bwd_queries(struct bwd *s, const struct att *t, struct block w)
{
    take_queries(s, t, &w);
    for (; w.m > 0; next_keys(t, &w))
        bwd_keys(s, t, &w);
    if (t->dq)
        write_rows(t->dq + w.q, t->q_row, s->dq, s->Dp, w.n, t->D, t->scale, t->acc & 1);
}

/* One thread owns a key head of one row, with all query heads that share it. dk and dv are written
 * after dq: one value may be two of q, k and v. */
static void bwd_group(struct bwd *s, const struct att *t, int64_t b, int64_t group)
{
    int64_t share = t->H / t->K, at = b * t->T * t->k_row + group * t->D;
    memset(s->dk, 0, (size_t)(t->T * s->Dp) * sizeof *s->dk);
    memset(s->dv, 0, (size_t)(t->T * s->Dp) * sizeof *s->dv);
    for (int64_t h = group * share; h < (group + 1) * share; h++)
        for (int64_t i0 = 0; i0 < t->T; i0 += TILE)
            bwd_queries(s, t, first_block(t, b, h, i0));
    if (t->dk)
        write_rows(t->dk + at, t->k_row, s->dk, s->Dp, t->T, t->D, t->scale, t->acc >> 1 & 1);
    if (t->dv)
        write_rows(t->dv + at, t->k_row, s->dv, s->Dp, t->T, t->D, 1, t->acc >> 2 & 1);
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
