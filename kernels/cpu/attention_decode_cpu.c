/* New positions of rows whose earlier keys and values lie in a cache. The keys that a tile of
 * queries sees are one or two runs of memory: those of the cache, and where the row does not keep
 * its own there, the new ones behind them. */
#include "cpu.h"
#include "vmath.h"

#include <string.h>

enum { TILE = 64 };

struct dec {
    const float *q, *k, *v;
    float *y, *kcache, *vcache;
    const int32_t *span; /* (B,2): position of the first new token, how many there are */
    int64_t B, T, H, K, D, Tmax, window;
    int64_t share; /* rows that go on from one row of the cache; 1: each keeps its own there */
    float scale;
};

static struct dec dec_of(const struct rn_args *a)
{
    const struct rn_shape *q = &a->xs[0], *cache = &a->xs[3];
    return (struct dec){.q = a->x[0],
                        .k = a->x[1],
                        .v = a->x[2],
                        .y = a->y[0],
                        .kcache = a->x[3],
                        .vcache = a->x[4],
                        .span = a->x[5],
                        .B = q->d[0],
                        .T = q->d[1],
                        .H = q->d[2],
                        .K = a->xs[1].d[2],
                        .D = q->d[3],
                        .Tmax = cache->d[1],
                        .window = a->attrs.i[0] < 0 ? cache->d[1] + q->d[1] : a->attrs.i[0],
                        .share = q->d[0] / cache->d[0],
                        .scale = a->attrs.f[0]};
}

static void keep(const struct dec *t)
{
    int64_t row = t->K * t->D;
    for (int64_t b = 0; b < t->B; b++) {
        int64_t start = t->span[2 * b], n = t->span[2 * b + 1], at = b * t->Tmax + start;
        RN_ASSERT(start >= 0 && n >= 0 && n <= t->T && start + n <= t->Tmax);
        memcpy(t->kcache + at * row, t->k + b * t->T * row, (size_t)(n * row) * sizeof(float));
        memcpy(t->vcache + at * row, t->v + b * t->T * row, (size_t)(n * row) * sizeof(float));
    }
}

struct run { /* keys and values of m positions, K*D floats apart */
    const float *k, *v;
    int64_t m;
};
struct tile { /* queries [i0, i0 + n) of a row and head against positions [lo, lo + m) */
    int64_t i0, n, first, lo, m; /* first: position of query i0 */
    int64_t q;                   /* offset of q[b, i0, h] */
    struct run runs[2];
};

static struct tile tile_of(const struct dec *t, int64_t b, int64_t h, int64_t i0, int64_t tokens)
{
    int64_t start = t->span[2 * b], head = h / (t->H / t->K) * t->D, row = t->K * t->D;
    struct tile w = {.i0 = i0, .n = rn_min(TILE, tokens - i0), .first = start + i0};
    w.lo = rn_max(0, w.first - t->window);
    w.m = w.first + w.n - w.lo;
    w.q = ((b * t->T + i0) * t->H + h) * t->D;
    int64_t cached = t->share == 1 ? w.m : rn_max(0, rn_min(w.m, start - w.lo));
    int64_t old = (b / t->share * t->Tmax + w.lo) * row + head;
    int64_t fresh = (b * t->T + w.lo + cached - start) * row + head;
    w.runs[0] = (struct run){t->kcache + old, t->vcache + old, cached};
    w.runs[1] = (struct run){t->k + fresh, t->v + fresh, w.m - cached};
    return w;
}

/* The usual single query: no tile to fill. */
static void attend_one(const struct dec *t, const struct tile *w, float *s)
{
    float *y = t->y + w->q;
    int64_t at = 0;
    for (int r = 0; r < 2; at += w->runs[r++].m)
        for (int64_t j = 0; j < w->runs[r].m; j++)
            s[at + j] = t->scale * rn_dot(t->q + w->q, w->runs[r].k + j * t->K * t->D, t->D);
    float sum = rn_exp_row(s, s, rn_largest(s, w->m), w->m);
    memset(y, 0, (size_t)t->D * sizeof *y);
    at = 0;
    for (int r = 0; r < 2; at += w->runs[r++].m)
        for (int64_t j = 0; j < w->runs[r].m; j++) {
            float p = s[at + j] / sum;
            const float *v = w->runs[r].v + j * t->K * t->D;
            for (int64_t d = 0; d < t->D; d++)
                y[d] += p * v[d];
        }
}

/* Scores become probabilities; what a query does not see becomes 0. */
static void softmax_rows(const struct dec *t, const struct tile *w, float *S)
{
    for (int64_t r = 0; r < w->n; r++) {
        float *row = S + r * w->m;
        int64_t lo = rn_max(0, w->first + r - t->window - w->lo), hi = w->first + r + 1 - w->lo;
        float sum = rn_exp_row(row + lo, row + lo, rn_largest(row + lo, hi - lo), hi - lo);
        memset(row, 0, (size_t)lo * sizeof *row);
        memset(row + hi, 0, (size_t)(w->m - hi) * sizeof *row);
        for (int64_t j = lo; j < hi; j++)
            row[j] /= sum;
    }
}

static void attend_tile(const struct dec *t, const struct tile *w, float *S)
{
    int64_t q_row = t->H * t->D, k_row = t->K * t->D, at = 0;
    for (int r = 0; r < 2; at += w->runs[r++].m)
        if (w->runs[r].m)
            rn_gemm_one(false, true, w->n, w->runs[r].m, t->D, t->scale, t->q + w->q, q_row,
                        w->runs[r].k, k_row, 0, S + at, w->m);
    softmax_rows(t, w, S);
    at = 0;
    for (int r = 0; r < 2; at += w->runs[r++].m)
        if (w->runs[r].m)
            rn_gemm_one(false, false, w->n, t->D, w->runs[r].m, 1, S + at, w->m, w->runs[r].v,
                        k_row, at > 0, t->y + w->q, q_row);
}

static void clear_rest(const struct dec *t, int64_t b, int64_t h, int64_t tokens)
{
    for (int64_t i = tokens; i < t->T; i++)
        memset(t->y + ((b * t->T + i) * t->H + h) * t->D, 0, (size_t)t->D * sizeof(float));
}

static void attend_head(const struct dec *t, int64_t b, int64_t h, float *S)
{
    int64_t tokens = t->span[2 * b + 1];
    for (int64_t i0 = 0; i0 < tokens; i0 += TILE) {
        struct tile w = tile_of(t, b, h, i0, tokens);
        if (w.n == 1)
            attend_one(t, &w, S);
        else
            attend_tile(t, &w, S);
    }
    clear_rest(t, b, h, tokens);
}

static int64_t scores_of(const struct rn_args *a)
{
    int64_t T = a->xs[0].d[1], n = rn_min(T, TILE);
    return n * (a->xs[3].d[1] + T);
}

static void fwd(const struct rn_args *a)
{
    struct dec t = dec_of(a);
    int64_t scores = scores_of(a);
    if (t.share == 1)
        keep(&t);
#pragma omp parallel for schedule(dynamic) if (rn_worth(t.B * t.T * t.H * t.Tmax * t.D))
    for (int64_t i = 0; i < t.B * t.H; i++)
        attend_head(&t, i / t.H, i % t.H, (float *)a->scratch + omp_get_thread_num() * scores);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    return (size_t)(scores_of(a) * threads) * sizeof(float);
}

const struct rn_kernel RN_CPU(attention_decode) = {fwd, NULL, scratch_bytes};
