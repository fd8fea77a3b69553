/* nanochat's Muon: momentum, orthogonalisation by five matrix polynomials, update. The program says
 * what the products of the polynomials round to; everything else is fp32.
 *
 *     flavour 0    December 2025: Newton-Schulz
 *     flavour 1    July 2026: rows made equally long first (MuonEq), Polar Express, Frobenius norm
 *                  restored (Muon+), variance of rows or columns evened out (NorMuon), decay only
 *                  where it agrees with the update */
#include "gemm.h"
#include "mem.h"
#include "muon_steps.h"
#include "vmath.h"

#include <string.h>

struct muon {
    float *w, *buf, *buf2;
    const float *g;
    int64_t N, K;
    float lr, momentum, decay, beta2, coef;
    float *X, *Y;      /* (N,K) each: the update and its successor */
    float *A, *B;      /* (s,s), s = min(N,K) */
    float *mean, *mul; /* max(N,K) each */
    double *row;       /* N */
    enum rn_dtype compute;
    void *scratch; /* of the products */
};

/* Of X, Y, A, B, mean and mul; the products' scratch begins behind them, as aligned as this one. */
static size_t own_bytes(int64_t N, int64_t K)
{
    int64_t s = rn_min(N, K);
    size_t floats = (size_t)(2 * N * K + 2 * s * s + 2 * rn_max(N, K));
    return ((size_t)N * sizeof(double) + floats * sizeof(float) + RN_ALIGN - 1) / RN_ALIGN *
           RN_ALIGN;
}

static struct muon muon_of(const struct rn_args *a)
{
    const float *hyper = (const float *)a->x[4] + a->attrs.i[0], *coef = a->x[5];
    int64_t N = a->xs[0].d[0], K = a->xs[0].d[1], s = rn_min(N, K);
    struct muon m = {.w = a->x[0], .g = a->x[1], .buf = a->x[2], .buf2 = a->x[3], .N = N, .K = K};
    m.lr = hyper[0] * sqrtf(rn_max(N, K) == N ? (float)N / (float)K : 1.0f);
    m.momentum = hyper[1], m.decay = hyper[2], m.beta2 = hyper[3];
    m.coef = coef ? *coef : 1.0f;
    m.row = a->scratch;
    m.X = (float *)(m.row + N);
    m.Y = m.X + N * K;
    m.A = m.Y + N * K;
    m.B = m.A + s * s;
    m.mean = m.B + s * s;
    m.mul = m.mean + rn_max(N, K);
    m.compute = a->compute;
    m.scratch = (char *)a->scratch + own_bytes(N, K);
    return m;
}

/* buf = lerp(buf, g, 1 - momentum); X = lerp(g, buf, momentum): Nesterov's look ahead. */
static void take_momentum(const struct muon *m)
{
    int64_t n = m->N * m->K;
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++)
        for (int64_t i = c * RN_CHUNK; i < rn_chunk_end(c, n); i++) {
            float g = m->g[i] * m->coef;
            float b = m->buf[i] + (1.0f - m->momentum) * (g - m->buf[i]);
            m->buf[i] = b;
            m->X[i] = b - (b - g) * (1.0f - m->momentum);
        }
}

/* Fills m->row with the squared length of each row of X; returns their sum. */
static double row_squares(const struct muon *m)
{
#pragma omp parallel for schedule(static) if (rn_worth(m->N * m->K))
    for (int64_t r = 0; r < m->N; r++)
        m->row[r] = rn_sum_squares(m->X + r * m->K, m->K);
    double sum = 0;
    for (int64_t r = 0; r < m->N; r++)
        sum += m->row[r];
    return sum;
}

/* X[r] *= k * (mul ? mul[r] : 1) */
static void scale_rows(const struct muon *m, float k, const float *mul)
{
#pragma omp parallel for schedule(static) if (rn_worth(m->N * m->K))
    for (int64_t r = 0; r < m->N; r++) {
        float f = mul ? k * mul[r] : k;
        for (int64_t c = 0; c < m->K; c++)
            m->X[r * m->K + c] *= f;
    }
}

/* MuonEq: every row gets the root mean square length of all rows. */
static void even_rows(const struct muon *m)
{
    double length = sqrt(row_squares(m) / (double)m->N);
    for (int64_t r = 0; r < m->N; r++)
        m->mul[r] = (float)(length / fmax(sqrt(m->row[r]), 1e-6));
    scale_rows(m, 1.0f, m->mul);
}

/* A = X X^T, and B = A A; a tall X is treated as its transpose. */
static struct rn_product gram_of(const struct muon *m)
{
    int64_t s = rn_min(m->N, m->K), l = rn_max(m->N, m->K);
    bool tall = m->N > m->K;
    return (struct rn_product){.M = s,
                               .N = s,
                               .K = l,
                               .a = {m->X, m->K, tall, RN_F32},
                               .b = {m->X, m->K, !tall, RN_F32},
                               .c = {m->A, s},
                               .symmetric = true};
}

static struct rn_product square_of(const struct muon *m)
{
    int64_t s = rn_min(m->N, m->K);
    return (struct rn_product){
        .M = s, .N = s, .K = s, .a = {m->A, s}, .b = {m->A, s}, .c = {m->B, s}, .symmetric = true};
}

/* Y = B X */
static struct rn_product next_of(const struct muon *m)
{
    int64_t s = rn_min(m->N, m->K);
    struct rn_matrix X = {m->X, m->K, false, RN_F32}, B = {m->B, s, false, RN_F32};
    bool tall = m->N > m->K;
    return (struct rn_product){m->N, m->K, s, tall ? X : B, tall ? B : X, {m->Y, m->K}};
}

/* B = aI + bA + cB */
static void polynomial(const struct muon *m, const float coef[3])
{
    int64_t s = rn_min(m->N, m->K);
#pragma omp parallel for schedule(static) if (rn_worth(s * s))
    for (int64_t i = 0; i < s; i++) {
        for (int64_t k = i * s; k < (i + 1) * s; k++)
            m->B[k] = coef[1] * m->A[k] + coef[2] * m->B[k];
        m->B[i * s + i] += coef[0];
    }
}

/* X = (aI + bA + cA^2) X with A = XX^T, five times. */
static void polynomials(struct muon *m, const float coef[RN_MUON_STEPS][3])
{
    for (int i = 0; i < RN_MUON_STEPS; i++) {
        struct rn_product gram = gram_of(m), square = square_of(m), next = next_of(m);
        rn_product_run(&gram, m->compute, m->scratch);
        rn_product_run(&square, m->compute, m->scratch);
        polynomial(m, coef[i]);
        rn_product_run(&next, m->compute, m->scratch);
        float *other = m->X;
        m->X = m->Y;
        m->Y = other;
    }
}

static void update_2025(struct muon *m)
{
    int64_t n = m->N * m->K;
    scale_rows(m, (float)(1.0 / (sqrt(row_squares(m)) + 1e-7)), NULL);
    polynomials(m, rn_newton_schulz);
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++)
        for (int64_t i = c * RN_CHUNK; i < rn_chunk_end(c, n); i++)
            m->w[i] -= m->lr * m->X[i];
}

enum { STRIPE = 64 };

/* mean[c] = mean over rows of X[r][c]^2, a stripe of columns a piece. */
static void column_means(const struct muon *m)
{
#pragma omp parallel for schedule(static) if (rn_worth(m->N * m->K))
    for (int64_t at = 0; at < m->K; at += STRIPE) {
        int64_t n = rn_min(STRIPE, m->K - at);
        float sum[STRIPE] = {0};
        for (int64_t r = 0; r < m->N; r++)
            for (int64_t c = 0; c < n; c++)
                sum[c] += m->X[r * m->K + at + c] * m->X[r * m->K + at + c];
        for (int64_t c = 0; c < n; c++)
            m->mean[at + c] = sum[c] / (float)m->N;
    }
}

static void row_means(const struct muon *m)
{
    row_squares(m);
    for (int64_t r = 0; r < m->N; r++)
        m->mean[r] = (float)(m->row[r] / (double)m->K);
}

/* NorMuon: divides rows (columns if wide) by their running root mean square, then restores the
 * Frobenius norm. */
static void even_variance(const struct muon *m)
{
    bool rows = m->N >= m->K;
    int64_t n = rn_max(m->N, m->K);
    double before = 0, after = 0;
    if (rows)
        row_means(m);
    else
        column_means(m);
    for (int64_t i = 0; i < n; i++) {
        m->buf2[i] += (1.0f - m->beta2) * (m->mean[i] - m->buf2[i]);
        m->mul[i] = 1.0f / sqrtf(fmaxf(m->buf2[i], 1e-10f));
        before += (double)m->mean[i];
        after += (double)m->mean[i] * (double)m->mul[i] * (double)m->mul[i];
    }
    double other = (double)rn_min(m->N, m->K); /* elements behind each mean */
    float k = (float)(sqrt(before * other) / fmax(sqrt(after * other), 1e-10));
    if (rows) {
        scale_rows(m, k, m->mul);
        return;
    }
#pragma omp parallel for schedule(static) if (rn_worth(m->N * m->K))
    for (int64_t r = 0; r < m->N; r++)
        for (int64_t c = 0; c < m->K; c++)
            m->X[r * m->K + c] *= k * m->mul[c];
}

static void cautious_update(const struct muon *m)
{
    int64_t n = m->N * m->K;
#pragma omp parallel for schedule(static) if (n > RN_CHUNK)
    for (int64_t c = 0; c < rn_chunks(n); c++)
        for (int64_t i = c * RN_CHUNK; i < rn_chunk_end(c, n); i++) {
            float w = m->w[i], x = m->X[i];
            float decay = x * w >= 0 ? m->decay * w : 0;
            m->w[i] = w - m->lr * (x + decay);
        }
}

static void update_2026(struct muon *m)
{
    even_rows(m);
    scale_rows(m, (float)(1.0 / (sqrt(row_squares(m)) * 1.01 + 1e-6)), NULL);
    polynomials(m, rn_polar_express);
    double side = (double)rn_min(m->N, m->K);
    scale_rows(m, (float)(sqrt(side) / fmax(sqrt(row_squares(m)), 1e-10)), NULL);
    even_variance(m);
    cautious_update(m);
}

static void fwd(const struct rn_args *a)
{
    struct muon m = muon_of(a);
    take_momentum(&m);
    if (a->attrs.i[1] == 0)
        update_2025(&m);
    else
        update_2026(&m);
}

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    struct muon m = {.N = a->xs[0].d[0], .K = a->xs[0].d[1]};
    struct rn_product p[] = {gram_of(&m), square_of(&m), next_of(&m)};
    size_t most = 0;
    for (size_t i = 0; i < RN_COUNT(p); i++) {
        size_t need = rn_product_scratch_bytes(&p[i], a->compute, threads);
        most = need > most ? need : most;
    }
    return own_bytes(m.N, m.K) + most;
}

const struct rn_kernel RN_CPU(muon) = {fwd, NULL, scratch_bytes};
