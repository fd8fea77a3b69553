/* Causal attention over tiles of TILE queries: scores of one tile against all keys it sees lie in
 * scratch and are gone with the tile. Backward recomputes them from q, k and each row's log-sum. */
#include "cpu.h"
#include "vmath.h"

#include <string.h>

enum { TILE = 64 };

struct att {
    const float *q, *k, *v, *y, *lse, *dy;
    float *dq, *dk, *dv;
    int64_t B, T, H, K, D, window;
    float scale;
    unsigned acc;
};

static struct att att_of(const struct rn_args *a)
{
    const struct rn_shape *q = &a->xs[0];
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
                        .K = a->xs[1].d[2],
                        .D = q->d[3],
                        .window = a->attrs.i[0] < 0 ? q->d[1] : a->attrs.i[0],
                        .scale = a->attrs.f[0],
                        .acc = a->acc};
}

struct tile { /* queries [i0, i0 + n) of one head against keys [j0, j0 + m) */
    int64_t i0, n, j0, m;
    int64_t q, k; /* element offsets of q[b, i0, h] and k[b, j0, h's group] */
    int64_t lse;  /* of lse[b, h, i0] */
};

static struct tile tile_of(const struct att *t, int64_t b, int64_t h, int64_t index)
{
    int64_t i0 = index * TILE, n = rn_min(TILE, t->T - i0), j0 = rn_max(0, i0 - t->window);
    int64_t group = h / (t->H / t->K);
    return (struct tile){.i0 = i0,
                         .n = n,
                         .j0 = j0,
                         .m = i0 + n - j0,
                         .q = ((b * t->T + i0) * t->H + h) * t->D,
                         .k = ((b * t->T + j0) * t->K + group) * t->D,
                         .lse = (b * t->H + h) * t->T + i0};
}

/* S(n,m) = scale * q k^T */
static void scores(float *S, const struct att *t, const struct tile *w)
{
    rn_gemm_one(false, true, w->n, w->m, t->D, t->scale, t->q + w->q, t->H * t->D, t->k + w->k,
                t->K * t->D, 0, S, w->m);
}

/* Columns [*lo, *hi) of row r of the tile are the keys that its query sees. */
static void seen(const struct att *t, const struct tile *w, int64_t r, int64_t *lo, int64_t *hi)
{
    int64_t i = w->i0 + r;
    *lo = rn_max(0, i - t->window - w->j0);
    *hi = i + 1 - w->j0;
}

static void clear_unseen(float *row, int64_t lo, int64_t hi, int64_t m)
{
    memset(row, 0, (size_t)lo * sizeof *row);
    memset(row + hi, 0, (size_t)(m - hi) * sizeof *row);
}

/* Scores become exponentials; sums[r] their sum, lse their logarithm. */
static void softmax_rows(float *S, float *sums, float *lse, const struct att *t,
                         const struct tile *w)
{
    for (int64_t r = 0; r < w->n; r++) {
        int64_t lo, hi;
        float *row = S + r * w->m;
        seen(t, w, r, &lo, &hi);
        float m = rn_largest(row + lo, hi - lo);
        sums[r] = rn_exp_row(row + lo, row + lo, m, hi - lo);
        lse[r] = m + logf(sums[r]);
        clear_unseen(row, lo, hi, w->m);
    }
}

static void fwd_tile(float *y, float *lse, float *S, const struct att *t, const struct tile *w)
{
    float sums[TILE];
    scores(S, t, w);
    softmax_rows(S, sums, lse + w->lse, t, w);
    rn_gemm_one(false, false, w->n, t->D, w->m, 1, S, w->m, t->v + w->k, t->K * t->D, 0, y + w->q,
                t->H * t->D);
    for (int64_t r = 0; r < w->n; r++) {
        float *row = y + w->q + r * t->H * t->D, k = 1.0f / sums[r];
        for (int64_t d = 0; d < t->D; d++)
            row[d] *= k;
    }
}

static void fwd(const struct rn_args *a)
{
    struct att t = att_of(a);
    int64_t tiles = rn_div_up(t.T, TILE), n = t.B * t.H * tiles;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < n; i++) {
        float *S = (float *)a->scratch + omp_get_thread_num() * TILE * t.T;
        struct tile w = tile_of(&t, i / (t.H * tiles), i / tiles % t.H, i % tiles);
        fwd_tile(a->y[0], a->y[1], S, &t, &w);
    }
}

/* P = e^(S - lse) over S, and G = dP becomes dS = P * (dP - sum(dy * y)). */
static void softmax_rows_bwd(float *S, float *G, const struct att *t, const struct tile *w)
{
    for (int64_t r = 0; r < w->n; r++) {
        int64_t lo, hi, at = w->q + r * t->H * t->D;
        float *p = S + r * w->m, *g = G + r * w->m;
        float m = t->lse[w->lse + r], mean = rn_dot(t->dy + at, t->y + at, t->D);
        seen(t, w, r, &lo, &hi);
#pragma omp simd
        for (int64_t j = lo; j < hi; j++) {
            p[j] = rn_expf(p[j] - m);
            g[j] = p[j] * (g[j] - mean);
        }
        clear_unseen(p, lo, hi, w->m);
        clear_unseen(g, lo, hi, w->m);
    }
}

/* dq before dk and dv, tiles in rising order: where q and k are one value, the rows of a tile are
 * written through dq before anything is added to them. */
static void bwd_tile(float *S, float *G, const struct att *t, const struct tile *w)
{
    int64_t q_row = t->H * t->D, k_row = t->K * t->D;
    scores(S, t, w);
    rn_gemm_one(false, true, w->n, w->m, t->D, 1, t->dy + w->q, q_row, t->v + w->k, k_row, 0, G,
                w->m);
    softmax_rows_bwd(S, G, t, w);
    if (t->dq)
        rn_gemm_one(false, false, w->n, t->D, w->m, t->scale, G, w->m, t->k + w->k, k_row,
                    t->acc & 1, t->dq + w->q, q_row);
    if (t->dk)
        rn_gemm_one(true, false, w->m, t->D, w->n, t->scale, G, w->m, t->q + w->q, q_row, 1,
                    t->dk + w->k, k_row);
    if (t->dv)
        rn_gemm_one(true, false, w->m, t->D, w->n, 1, S, w->m, t->dy + w->q, q_row, 1, t->dv + w->k,
                    k_row);
}

static void clear_head(float *dk, const struct att *t, int64_t b, int64_t group)
{
    for (int64_t j = 0; dk && j < t->T; j++)
        memset(dk + ((b * t->T + j) * t->K + group) * t->D, 0, (size_t)t->D * sizeof *dk);
}

/* One thread owns a key head of one row, with all query heads that share it. */
static void bwd_group(float *S, float *G, const struct att *t, int64_t b, int64_t group)
{
    int64_t share = t->H / t->K;
    if (!(t->acc & 2))
        clear_head(t->dk, t, b, group);
    if (!(t->acc & 4))
        clear_head(t->dv, t, b, group);
    for (int64_t h = group * share; h < (group + 1) * share; h++)
        for (int64_t i = 0; i < rn_div_up(t->T, TILE); i++) {
            struct tile w = tile_of(t, b, h, i);
            bwd_tile(S, G, t, &w);
        }
}

static void bwd(const struct rn_args *a)
{
    struct att t = att_of(a);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < t.B * t.K; i++) {
        float *S = (float *)a->scratch + omp_get_thread_num() * 2 * TILE * t.T;
        bwd_group(S, S + TILE * t.T, &t, i / t.K, i % t.K);
    }
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    return (size_t)(TILE * a->xs[0].d[1] * threads * (a->bwd ? 2 : 1)) * sizeof(float);
}

const struct rn_kernel RN_CPU(attention) = {fwd, bwd, scratch_bytes};
