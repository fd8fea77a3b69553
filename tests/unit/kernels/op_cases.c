#include "op_cases.h"

#include "fp8.h"
#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t rows(const struct ref *r, int i)
{
    return rn_rows(r->xs[i]);
}

static int64_t cols(const struct ref *r, int i)
{
    return rn_cols(r->xs[i]);
}

/* --- the model's ops --- */

static void embed(const struct ref *r)
{
    int64_t C = cols(r, 1);
    for (int64_t i = 0; i < rn_elems(r->xs[0]); i++)
        memcpy(r->y[0] + i * C, r->x[1] + (int64_t)r->x[0][i] * C, (size_t)C * sizeof(double));
}

static void linear(const struct ref *r)
{
    int64_t R = rows(r, 0), K = cols(r, 0), N = rn_cols(r->ys[0]);
    for (int64_t i = 0; i < R; i++)
        for (int64_t n = 0; n < N; n++) {
            double s = r->x[2] ? r->x[2][n] : 0;
            for (int64_t k = 0; k < K; k++)
                s += r->x[0][i * K + k] * r->x[1][r->attrs.i[0] ? k * N + n : n * K + k];
            r->y[0][i * N + n] = s;
        }
}

static void layernorm(const struct ref *r)
{
    int64_t C = cols(r, 0);
    for (int64_t i = 0; i < rows(r, 0); i++) {
        const double *x = r->x[0] + i * C;
        double m = 0, v = 0;
        for (int64_t c = 0; c < C; c++)
            m += x[c] / (double)C;
        for (int64_t c = 0; c < C; c++)
            v += (x[c] - m) * (x[c] - m) / (double)C;
        r->y[1][i] = m;
        r->y[2][i] = 1 / sqrt(v + (double)r->attrs.f[0]);
        for (int64_t c = 0; c < C; c++)
            r->y[0][i * C + c] = (x[c] - m) * r->y[2][i] * r->x[1][c] + r->x[2][c];
    }
}

static void rmsnorm(const struct ref *r)
{
    int64_t C = cols(r, 0);
    for (int64_t i = 0; i < rows(r, 0); i++) {
        double s = 0;
        for (int64_t c = 0; c < C; c++)
            s += r->x[0][i * C + c] * r->x[0][i * C + c] / (double)C;
        r->y[1][i] = 1 / sqrt(s + (double)r->attrs.f[0]);
        for (int64_t c = 0; c < C; c++)
            r->y[0][i * C + c] = r->x[0][i * C + c] * r->y[1][i];
    }
}

static void view(const struct ref *r)
{
    memcpy(r->y[0], r->x[0], (size_t)rn_elems(r->xs[0]) * sizeof(double));
}

static void split(const struct ref *r)
{
    int64_t C = rn_cols(r->ys[0]);
    for (int64_t i = 0; i < rows(r, 0); i++)
        for (int64_t j = 0; j < 3 * C; j++)
            r->y[j / C][i * C + j % C] = r->x[0][i * 3 * C + j];
}

static void lincomb(const struct ref *r)
{
    double ca = (double)r->attrs.f[0] * (r->x[2] ? r->x[2][r->attrs.i[0]] : 1);
    double cb = (double)r->attrs.f[1] * (r->x[3] ? r->x[3][r->attrs.i[1]] : 1);
    for (int64_t i = 0; i < rn_elems(r->xs[0]); i++)
        r->y[0][i] = ca * r->x[0][i] + cb * r->x[1][i];
}

static void scale(const struct ref *r)
{
    for (int64_t i = 0; i < rn_elems(r->xs[0]); i++)
        r->y[0][i] = (double)r->attrs.f[0] * r->x[0][i];
}

static void rope_norm(const struct ref *r)
{
    int64_t H = r->xs[0].d[2], D = r->xs[0].d[3], half = D / 2;
    for (int64_t i = 0; i < rows(r, 0); i++) {
        const double *t = r->x[1] + (int64_t)r->x[2][i / H] * D, *x = r->x[0] + i * D;
        double *y = r->y[0] + i * D, mean = 0;
        for (int64_t d = 0; d < half; d++) {
            y[d] = x[d] * t[d] + x[half + d] * t[half + d];
            y[half + d] = -x[d] * t[half + d] + x[half + d] * t[d];
        }
        for (int64_t d = 0; d < D; d++)
            mean += y[d] * y[d] / (double)D;
        r->y[1][i] = 1 / sqrt(mean + (double)r->attrs.f[0]);
        for (int64_t d = 0; d < D; d++)
            y[d] *= r->y[1][i];
    }
}

/* One query against keys lo .. hi of its head; returns the log of the sum of exponentials. */
static double attend(double *y, const double *q, const double *k, const double *v, int64_t lo,
                     int64_t hi, int64_t row, int64_t D, double f)
{
    double sum = 0;
    memset(y, 0, (size_t)D * sizeof *y);
    for (int64_t j = lo; j <= hi; j++) {
        double s = 0;
        for (int64_t d = 0; d < D; d++)
            s += q[d] * k[j * row + d];
        double e = exp(f * s);
        sum += e;
        for (int64_t d = 0; d < D; d++)
            y[d] += e * v[j * row + d];
    }
    for (int64_t d = 0; d < D; d++)
        y[d] /= sum;
    return log(sum);
}

static void attention(const struct ref *r)
{
    int64_t B = r->xs[0].d[0], T = r->xs[0].d[1], H = r->xs[0].d[2], D = r->xs[0].d[3];
    int64_t K = r->xs[1].d[2], window = r->attrs.i[0];
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < T; t++)
            for (int64_t h = 0; h < H; h++) {
                int64_t q = ((b * T + t) * H + h) * D, k = (b * T * K + h / (H / K)) * D;
                int64_t lo = window < 0 || t < window ? 0 : t - window;
                r->y[1][(b * H + h) * T + t] =
                    attend(r->y[0] + q, r->x[0] + q, r->x[1] + k, r->x[2] + k, lo, t, K * D, D,
                           (double)r->attrs.f[0]);
            }
}

/* Key or value at position j for row b: its own if new, otherwise what the cache holds. */
static const double *cached(const struct ref *r, int new_x, int cache_x, int64_t b, int64_t j)
{
    int64_t T = r->xs[0].d[1], row = r->xs[1].d[2] * r->xs[1].d[3], Tmax = r->xs[3].d[1];
    int64_t start = (int64_t)r->x[5][2 * b], share = r->xs[0].d[0] / r->xs[3].d[0];
    return j >= start ? r->x[new_x] + (b * T + j - start) * row
                      : r->x[cache_x] + (b / share * Tmax + j) * row;
}

static void attend_cached(const struct ref *r, int64_t b, int64_t t, int64_t h)
{
    int64_t T = r->xs[0].d[1], H = r->xs[0].d[2], D = r->xs[0].d[3], K = r->xs[1].d[2];
    int64_t i = (int64_t)r->x[5][2 * b] + t, window = r->attrs.i[0], n = 0;
    double keys[1024], values[1024];
    for (int64_t j = window < 0 || i < window ? 0 : i - window; j <= i; j++, n++)
        for (int64_t d = 0; d < D; d++) {
            keys[n * D + d] = cached(r, 1, 3, b, j)[h / (H / K) * D + d];
            values[n * D + d] = cached(r, 2, 4, b, j)[h / (H / K) * D + d];
        }
    int64_t at = ((b * T + t) * H + h) * D;
    attend(r->y[0] + at, r->x[0] + at, keys, values, 0, n - 1, D, D, (double)r->attrs.f[0]);
}

static void keep_new(const struct ref *r, int new_x, int cache_x)
{
    int64_t T = r->xs[0].d[1], row = r->xs[1].d[2] * r->xs[1].d[3], Tmax = r->xs[3].d[1];
    for (int64_t b = 0; b < r->xs[0].d[0]; b++)
        for (int64_t t = 0; t < (int64_t)r->x[5][2 * b + 1]; t++)
            memcpy(r->x[cache_x] + (b * Tmax + (int64_t)r->x[5][2 * b] + t) * row,
                   r->x[new_x] + (b * T + t) * row, (size_t)row * sizeof(double));
}

static void attention_decode(const struct ref *r)
{
    int64_t B = r->xs[0].d[0], H = r->xs[0].d[2];
    memset(r->y[0], 0, (size_t)rn_elems(r->ys[0]) * sizeof(double));
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < (int64_t)r->x[5][2 * b + 1]; t++)
            for (int64_t h = 0; h < H; h++)
                attend_cached(r, b, t, h);
    if (r->xs[3].d[0] != B)
        return;
    keep_new(r, 1, 3);
    keep_new(r, 2, 4);
}

static void gelu(const struct ref *r)
{
    for (int64_t i = 0; i < rn_elems(r->xs[0]); i++) {
        double x = r->x[0][i];
        r->y[0][i] = 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    }
}

static void relu2(const struct ref *r)
{
    for (int64_t i = 0; i < rn_elems(r->xs[0]); i++)
        r->y[0][i] = r->x[0][i] > 0 ? r->x[0][i] * r->x[0][i] : 0;
}

static double gate(const double *w, const double *x, int64_t G)
{
    double z = 0;
    for (int64_t g = 0; g < G; g++)
        z += w[g] * x[g];
    return 1 / (1 + exp(-z));
}

static void smear(const struct ref *r)
{
    int64_t T = r->xs[0].d[1], C = r->xs[0].d[2];
    for (int64_t i = 0; i < rows(r, 0); i++) {
        const double *x = r->x[0] + i * C;
        double g = i % T ? gate(r->x[1], x, cols(r, 1)) : 0;
        for (int64_t c = 0; c < C; c++)
            r->y[0][i * C + c] = x[c] + (g != 0 ? r->x[2][0] * g * x[c - C] : 0);
        r->y[1][i] = g;
    }
}

static void smear_decode(const struct ref *r)
{
    int64_t B = r->xs[0].d[0], T = r->xs[0].d[1], C = r->xs[0].d[2], S = r->xs[3].d[0];
    for (int64_t i = 0; i < B * T; i++) {
        int64_t b = i / T, t = i % T, pos = (int64_t)r->x[4][2 * b] + t;
        const double *x = r->x[0] + i * C;
        double *cache = r->x[3] + b / (B / S) * r->xs[3].d[1] * C;
        const double *before = t ? x - C : cache + (pos - 1) * C;
        double g = pos > 0 ? gate(r->x[1], x, cols(r, 1)) : 0;
        for (int64_t c = 0; c < C; c++)
            r->y[0][i * C + c] = x[c] + (pos > 0 ? r->x[2][0] * g * before[c] : 0);
        if (S == B && t < (int64_t)r->x[4][2 * b + 1])
            memcpy(cache + pos * C, x, (size_t)C * sizeof *x);
    }
}

static void ve_gate(const struct ref *r)
{
    int64_t K = r->xs[0].d[2], D = r->xs[0].d[3], C = r->xs[1].d[2], G = r->xs[2].d[1];
    for (int64_t i = 0; i < rows(r, 0); i++) {
        double g = gate(r->x[2] + i % K * G, r->x[1] + i / K * C, G);
        const double *ve = r->x[3] + ((int64_t)r->x[4][i / K] * K + i % K) * D;
        for (int64_t d = 0; d < D; d++)
            r->y[0][i * D + d] = r->x[0][i * D + d] + (double)r->attrs.f[0] * g * ve[d];
        r->y[1][i] = g;
    }
}

static void softcap(const struct ref *r)
{
    double cap = (double)r->attrs.f[0];
    for (int64_t i = 0; i < rn_elems(r->xs[0]); i++)
        r->y[0][i] = cap * tanh(r->x[0][i] / cap);
}

static void gather_rows(const struct ref *r)
{
    int64_t C = cols(r, 0);
    for (int64_t i = 0; i < rn_elems(r->xs[1]); i++)
        memcpy(r->y[0] + i * C, r->x[0] + (int64_t)r->x[1][i] * C, (size_t)C * sizeof(double));
}

static double capped(double x, double cap)
{
    return cap > 0 ? cap * tanh(x / cap) : x;
}

/* Loss of one row of logits before the cap. */
static double row_loss(const double *z, int64_t V, int64_t target, double cap)
{
    double sum = 0;
    for (int64_t v = 0; v < V && target >= 0; v++)
        sum += exp(capped(z[v], cap));
    return target < 0 ? 0 : log(sum) - capped(z[target], cap);
}

static void head_loss(const struct ref *r)
{
    int64_t C = cols(r, 0), V = r->attrs.i[0];
    double *z = rn_xalloc((size_t)V * sizeof *z);
    r->y[0][0] = 0;
    for (int64_t i = 0; i < rows(r, 0); i++) {
        int64_t largest = 0;
        for (int64_t v = 0; v < V; v++) {
            z[v] = 0;
            for (int64_t c = 0; c < C; c++)
                z[v] += r->x[0][i * C + c] * r->x[1][v * C + c];
            largest = z[v] > z[largest] ? v : largest;
        }
        r->y[1][i] = row_loss(z, V, (int64_t)r->x[2][i], (double)r->attrs.f[0]);
        r->y[2][i] = (double)largest;
        r->y[0][0] += r->x[3][0] * r->y[1][i];
    }
    free(z);
}

/* --- the optimizer's --- */

static double squares(const double *x, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += x[i] * x[i];
    return s;
}

static void sumsq(const struct ref *r)
{
    r->y[0][0] = (r->x[1] ? r->x[1][0] : 0) + squares(r->x[0], rn_elems(r->xs[0]));
}

static void clip_coef(const struct ref *r)
{
    double most = r->x[1][r->attrs.i[0]], norm = sqrt(r->x[0][0]);
    r->y[1][0] = norm;
    r->y[0][0] = most > 0 ? fmin(1, most / (norm + 1e-6)) : 1;
}

static void adamw(const struct ref *r)
{
    const double *h = r->x[4] + r->attrs.i[0], coef = r->x[5] ? r->x[5][0] : 1;
    double *w = r->x[0], *m = r->x[2], *v = r->x[3];
    for (int64_t i = 0; i < rn_elems(r->xs[0]); i++) {
        double g = r->x[1][i] * coef;
        w[i] *= 1 - h[0] * h[4];
        m[i] = h[1] * m[i] + (1 - h[1]) * g;
        v[i] = h[2] * v[i] + (1 - h[2]) * g * g;
        w[i] -= h[0] / h[5] * m[i] / (sqrt(v[i]) / sqrt(h[6]) + h[3]);
    }
}

/* C(M,N) = A(M,K) B(K,N); ta, tb: stored transposed. */
static void product(double *C, const double *A, bool ta, const double *B, bool tb, int64_t M,
                    int64_t N, int64_t K)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            double s = 0;
            for (int64_t k = 0; k < K; k++)
                s += A[ta ? k * M + m : m * K + k] * B[tb ? n * K + k : k * N + n];
            C[m * N + n] = s;
        }
}

/* X = aX + (b XX^T + c (XX^T)^2) X, written for every shape as nanochat does for wide ones; the
 * tall form, X (b X^TX + c (X^TX)^2), is the same polynomial. */
static void polynomial(double *X, int64_t N, int64_t K, const double *k)
{
    double *A = rn_xalloc((size_t)(2 * N * N + N * K) * sizeof(double)), *B = A + N * N,
           *Y = B + N * N;
    product(A, X, false, X, true, N, N, K);
    product(B, A, false, A, false, N, N, N);
    for (int64_t i = 0; i < N * N; i++)
        B[i] = k[1] * A[i] + k[2] * B[i];
    product(Y, B, false, X, false, N, K, N);
    for (int64_t i = 0; i < N * K; i++)
        X[i] = k[0] * X[i] + Y[i];
    free(A);
}

static void multiply(double *X, int64_t n, double k)
{
    for (int64_t i = 0; i < n; i++)
        X[i] *= k;
}

static void nor_muon(double *X, double *buf2, int64_t N, int64_t K, double beta2)
{
    double before = sqrt(squares(X, N * K));
    for (int64_t i = 0; i < (N >= K ? N : K); i++) {
        double mean = 0;
        for (int64_t j = 0; j < (N >= K ? K : N); j++) {
            double x = N >= K ? X[i * K + j] : X[j * K + i];
            mean += x * x / (double)(N >= K ? K : N);
        }
        buf2[i] = beta2 * buf2[i] + (1 - beta2) * mean;
    }
    for (int64_t i = 0; i < N * K; i++)
        X[i] /= sqrt(fmax(buf2[N >= K ? i / K : i % K], 1e-10));
    multiply(X, N * K, before / fmax(sqrt(squares(X, N * K)), 1e-10));
}

static void muon(const struct ref *r)
{
    static const double old[3] = {3.4445, -4.7750, 2.0315};
    static const double polar[5][3] = {
        {8.156554524902461, -22.48329292557795, 15.878769915207462},
        {4.042929935166739, -2.808917465908714, 0.5000178451051316},
        {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
        {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
        {2.3465413258596377, -1.7097828382687081, 0.42323551169305323}};
    int64_t N = r->xs[0].d[0], K = r->xs[0].d[1], n = N * K;
    const double *h = r->x[4] + r->attrs.i[0], coef = r->x[5] ? r->x[5][0] : 1;
    double *w = r->x[0], *buf = r->x[2], *X = rn_xalloc((size_t)n * sizeof(double));
    double lr = h[0] * sqrt(fmax(1, (double)N / (double)K));
    bool now = r->attrs.i[1] == 1;
    for (int64_t i = 0; i < n; i++) {
        double g = r->x[1][i] * coef;
        buf[i] = h[1] * buf[i] + (1 - h[1]) * g;
        X[i] = (1 - h[1]) * g + h[1] * buf[i];
    }
    double even = sqrt(squares(X, n) / (double)N);
    for (int64_t i = 0; now && i < N; i++)
        multiply(X + i * K, K, even / fmax(sqrt(squares(X + i * K, K)), 1e-6));
    double norm = sqrt(squares(X, n));
    multiply(X, n, now ? 1 / (norm * 1.01 + 1e-6) : 1 / (norm + 1e-7));
    for (int i = 0; i < 5; i++)
        polynomial(X, N, K, now ? polar[i] : old);
    if (now) {
        multiply(X, n, sqrt((double)(N < K ? N : K)) / sqrt(squares(X, n)));
        nor_muon(X, r->x[3], N, K, h[3]);
    }
    for (int64_t i = 0; i < n; i++)
        w[i] -= lr * X[i] + (now && X[i] * w[i] >= 0 ? lr * h[2] * w[i] : 0);
    free(X);
}

static void zero_grads(const struct ref *r)
{
    (void)r;
}

/* Results that are codes, and what comes of them: test_fp8.c. */
static void quantize(const struct ref *r)
{
    (void)r;
}

static void linear_fp8(const struct ref *r)
{
    (void)r;
}

static void amax_roll(const struct ref *r)
{
    int64_t n = cols(r, 0), history = n - RN_AMAX_HISTORY;
    for (int64_t i = 0; i < rows(r, 0); i++) {
        double *row = r->x[0] + i * n, now = row[RN_AMAX_NOW];
        int64_t next = (int64_t)row[RN_AMAX_NEXT];
        row[RN_AMAX_CUT] += now > row[RN_AMAX_LIMIT];
        row[RN_AMAX_HISTORY + next] = isfinite(now) ? now : 0;
        row[RN_AMAX_NEXT] = (double)((next + 1) % history);
        row[RN_AMAX_NOW] = row[RN_AMAX_KNOWN] = 0;
        for (int64_t h = 0; h < history; h++)
            row[RN_AMAX_KNOWN] = fmax(row[RN_AMAX_KNOWN], row[RN_AMAX_HISTORY + h]);
    }
}

static void histogram(const struct ref *r)
{
    int64_t n = rn_elems(r->xs[0]), bins = r->attrs.i[0];
    double *y = r->y[0], low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(r->x[0][i])) {
            low = fmin(low, r->x[0][i]);
            high = fmax(high, r->x[0][i]);
        }
    y[0] = low <= high ? low : 0;
    y[1] = low <= high ? high : 0;
    for (int64_t b = 0; b < bins; b++)
        y[2 + b] = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(r->x[0][i])) {
            int64_t b =
                high > low ? (int64_t)((r->x[0][i] - low) / (high - low) * (double)bins) : 0;
            y[2 + (b < bins ? b : bins - 1)]++;
        }
}

void (*const op_refs[RN_OP_COUNT])(const struct ref *) = {
#define OP(id, name) name,
#include "ops.def"
#undef OP
};

/* --- values that random ones do not serve --- */

/* Magnitudes; runs that cut something off and runs that did not; every place of a history of 7. */
static void amax_values(int operand, double *x, int64_t n)
{
    const int64_t columns = RN_AMAX_HISTORY + 7;
    (void)operand;
    for (int64_t i = 0; i < n; i++)
        x[i] = fabs(x[i]);
    for (int64_t r = 0; r < n / columns; r++) {
        x[r * columns + RN_AMAX_CUT] = (double)(r % 3);
        x[r * columns + RN_AMAX_NEXT] = (double)(r % 7);
    }
}

static void some_targets_absent(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; operand == 2 && i < n; i += 3)
        x[i] = -1;
}

static void all_targets_absent(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; operand == 2 && i < n; i++)
        x[i] = -1;
}

/* Few, so that the sum of their losses has digits left for differences. */
static void ten_targets(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; operand == 2 && i < n; i++)
        x[i] = i % 57 == 3 ? x[i] : -1;
}

static void large_logits(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; operand == 0 && i < n; i++)
        x[i] *= 30;
}

static void adamw_values(int operand, double *x, int64_t n)
{
    static const float hyper[8] = {9, 0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.142625f};
    for (int64_t i = 0; i < n; i++)
        x[i] = operand == 3 ? fabs(x[i]) : operand == 4 ? (double)hyper[i] : x[i];
}

static void muon_values(int operand, double *x, int64_t n)
{
    static const float hyper[5] = {9, 0.02f, 0.95f, 0.1f, 0.9f};
    for (int64_t i = 0; i < n; i++)
        x[i] = operand == 3 ? fabs(x[i]) : operand == 4 ? (double)hyper[i] : x[i];
}

static void small_norm(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = operand == 0 ? 0.25 : 1.0;
}

/* None of them where two of 4 or 32 bins meet, so that rounding does not move any. */
static void far_from_edges(int operand, double *x, int64_t n)
{
    (void)operand;
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)(i * 7 % 10) - 3;
}

static void with_infinities(int operand, double *x, int64_t n)
{
    far_from_edges(operand, x, n);
    for (int64_t i = 0; i < n; i += 3)
        x[i] = i % 2 ? NAN : i % 4 ? INFINITY : -INFINITY;
}

static void all_infinite(int operand, double *x, int64_t n)
{
    (void)operand;
    for (int64_t i = 0; i < n; i++)
        x[i] = INFINITY;
}

static void far_apart(int operand, double *x, int64_t n)
{
    (void)operand;
    for (int64_t i = 0; i < n; i++)
        x[i] = i % 3 ? 3e38 : -3e38;
}

static void large_norm(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = operand == 0 ? 1234.5 : 1.0;
}

static void no_clipping(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = operand == 0 ? 1234.5 : 0.0;
}

/* Spans of new tokens: rows at the beginning, later, and with none. */
static void put_spans(double *x, const int *spans, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = spans[i];
}
static void one_token(int operand, double *x, int64_t n)
{
    if (operand == 5)
        put_spans(x, (const int[]){0, 1, 3, 1, 5, 1}, n);
}
static void one_token_each(int operand, double *x, int64_t n)
{
    for (int64_t i = 0; operand == 5 && i < n; i++)
        x[i] = i % 2 ? 1 : (double)(i / 2 % 6);
}
static void some_tokens(int operand, double *x, int64_t n)
{
    if (operand == 5)
        put_spans(x, (const int[]){0, 5, 4, 3, 2, 0, 4, 5}, n);
}
static void many_tokens(int operand, double *x, int64_t n)
{
    if (operand == 5)
        put_spans(x, (const int[]){6, 70}, n);
}
static void smear_tokens(int operand, double *x, int64_t n)
{
    if (operand == 4)
        put_spans(x, (const int[]){0, 3, 4, 2, 0, 1, 5, 0}, n);
}

#define S(...)     RN_SHAPE(__VA_ARGS__)
#define F(...)     .attrs = {.f = {__VA_ARGS__}}
#define I(...)     .attrs = {.i = {__VA_ARGS__}}
#define ATT(f_, w) .attrs = {.f = {f_}, .i = {w}}
#define CAP(c, V)  .attrs = {.f = {c}, .i = {V}}

const struct op_case op_cases[] = {
    {"", RN_OP_EMBED, {S(2, 5), S(7, 3)}, .below = 7},
    {"one row", RN_OP_EMBED, {S(1, 1), S(1, 1)}, .below = 1},
    {"more rows than pieces", RN_OP_EMBED, {S(3, 9), S(70, 17)}, .below = 70},
    {"whole vectors, rows often", RN_OP_EMBED, {S(3, 9), S(5, 264)}, .below = 5},
    {"more ids than one sort takes", RN_OP_EMBED, {S(3, 1500), S(3, 2)}, .below = 3},
    {"", RN_OP_LINEAR, {S(2, 3, 5), S(7, 5)}},
    {"bias", RN_OP_LINEAR, {S(2, 3, 5), S(7, 5), S(7)}},
    {"w (K,N), bias", RN_OP_LINEAR, {S(4, 5), S(5, 6), S(6)}, I(1)},
    {"w (K,N)", RN_OP_LINEAR, {S(1, 1), S(1, 1)}, I(1)},
    {"one row", RN_OP_LINEAR, {S(1, 33), S(65, 33), S(65)}},
    {"one row, w (K,N)", RN_OP_LINEAR, {S(1, 33), S(33, 65)}, I(1)},
    {"several tiles", RN_OP_LINEAR, {S(131, 33), S(65, 33), S(65)}},
    {"x and w one value", RN_OP_LINEAR, {S(6, 4), S(6, 4)}, .same_b = 1},
    {"", RN_OP_LAYERNORM, {S(2, 3, 17), S(17), S(17)}, F(1e-5f)},
    {"several pieces", RN_OP_LAYERNORM, {S(100, 5), S(5), S(5)}, F(1e-5f)},
    {"whole vectors", RN_OP_LAYERNORM, {S(70, 264), S(264), S(264)}, F(1e-5f)},
    {"", RN_OP_RMSNORM, {S(2, 3, 17)}, F(1.1920929e-07f)},
    {"whole vectors", RN_OP_RMSNORM, {S(9, 264)}, F(1e-5f)},
    {"one column", RN_OP_RMSNORM, {S(5, 1)}, F(1e-2f), .cancels = true},
    {"", RN_OP_VIEW, {S(2, 6)}, I(3, 4)},
    {"", RN_OP_SPLIT, {S(2, 3, 15)}},
    {"whole vectors", RN_OP_SPLIT, {S(2, 3, 48)}},
    {"", RN_OP_LINCOMB, {S(3, 5), S(3, 5)}, F(0.5f, -2.0f)},
    {"coefficients",
     RN_OP_LINCOMB,
     {S(3, 5), S(3, 5), S(4), S(3)},
     .attrs = {.f = {0.5f, -2.0f}, .i = {3, 1}}},
    {"one coefficient",
     RN_OP_LINCOMB,
     {S(3, 5), S(3, 5), {0}, S(3)},
     .attrs = {.f = {1, -1}, .i = {0, 0}}},
    {"a and b one value",
     RN_OP_LINCOMB,
     {S(3, 5), S(3, 5), S(4), S(3)},
     .attrs = {.f = {0.5f, -2.0f}, .i = {3, 1}},
     .same_b = 1},
    {"pa and pb one value",
     RN_OP_LINCOMB,
     {S(3, 5), S(3, 5), S(4), S(4)},
     .attrs = {.f = {0.5f, -2.0f}, .i = {3, 1}},
     .same_a = 2,
     .same_b = 3},
    {"more than one piece", RN_OP_LINCOMB, {S(3, 5501), S(3, 5501)}, F(1, 1)},
    {"", RN_OP_SCALE, {S(3, 5)}, F(-1.5f)},
    {"", RN_OP_ROPE_NORM, {S(2, 3, 2, 6), S(9, 6), S(2, 3)}, F(1e-2f), .below = 9},
    {"two channels",
     RN_OP_ROPE_NORM,
     {S(1, 5, 1, 2), S(4, 2), S(1, 5)},
     F(1e-2f),
     .below = 4,
     .cancels = true},
    {"whole lanes", RN_OP_ROPE_NORM, {S(1, 2, 3, 64), S(9, 64), S(2)}, F(1e-7f), .below = 9},
    {"long heads", RN_OP_ROPE_NORM, {S(1, 3, 3, 592), S(9, 592), S(3)}, F(1e-7f), .below = 9},
    {"", RN_OP_ATTENTION, {S(2, 5, 2, 3), S(2, 5, 2, 3), S(2, 5, 2, 3)}, ATT(0.7f, -1)},
    {"grouped", RN_OP_ATTENTION, {S(1, 5, 4, 3), S(1, 5, 2, 3), S(1, 5, 2, 3)}, ATT(0.7f, -1)},
    {"window 2", RN_OP_ATTENTION, {S(1, 7, 2, 3), S(1, 7, 1, 3), S(1, 7, 1, 3)}, ATT(0.7f, 2)},
    {"window 0", RN_OP_ATTENTION, {S(1, 4, 1, 2), S(1, 4, 1, 2), S(1, 4, 1, 2)}, ATT(0.7f, 0)},
    {"window of all",
     RN_OP_ATTENTION,
     {S(1, 4, 1, 2), S(1, 4, 1, 2), S(1, 4, 1, 2)},
     ATT(1, 99),
     .cancels = true},
    {"whole lanes",
     RN_OP_ATTENTION,
     {S(2, 21, 2, 8), S(2, 21, 2, 8), S(2, 21, 2, 8)},
     ATT(0.4f, -1)},
    {"whole lanes, grouped, tiles and window",
     RN_OP_ATTENTION,
     {S(1, 70, 4, 16), S(1, 70, 2, 16), S(1, 70, 2, 16)},
     ATT(0.2f, 40)},
    {"two slices of a head",
     RN_OP_ATTENTION,
     {S(1, 66, 2, 72), S(1, 66, 1, 72), S(1, 66, 1, 72)},
     ATT(0.1f, 60)},
    {"long heads",
     RN_OP_ATTENTION,
     {S(1, 66, 1, 136), S(1, 66, 1, 136), S(1, 66, 1, 136)},
     ATT(0.08f, -1)},
    {"one position", RN_OP_ATTENTION, {S(2, 1, 1, 2), S(2, 1, 1, 2), S(2, 1, 1, 2)}, ATT(1, -1)},
    {"several tiles",
     RN_OP_ATTENTION,
     {S(1, 131, 1, 2), S(1, 131, 1, 2), S(1, 131, 1, 2)},
     ATT(0.7f, -1)},
    {"tiles and window",
     RN_OP_ATTENTION,
     {S(1, 131, 2, 2), S(1, 131, 1, 2), S(1, 131, 1, 2)},
     ATT(0.7f, 70)},
    {"q and k one value",
     RN_OP_ATTENTION,
     {S(2, 70, 1, 2), S(2, 70, 1, 2), S(2, 70, 1, 2)},
     ATT(0.7f, 9),
     .same_b = 1},
    {"q and v one value",
     RN_OP_ATTENTION,
     {S(2, 5, 2, 3), S(2, 5, 2, 3), S(2, 5, 2, 3)},
     ATT(0.7f, -1),
     .same_b = 2},
    {"k and v one value",
     RN_OP_ATTENTION,
     {S(1, 5, 4, 3), S(1, 5, 2, 3), S(1, 5, 2, 3)},
     ATT(0.7f, -1),
     .same_a = 1,
     .same_b = 2},
    {"one token",
     RN_OP_ATTENTION_DECODE,
     {S(3, 1, 4, 3), S(3, 1, 2, 3), S(3, 1, 2, 3), S(3, 6, 2, 3), S(3, 6, 2, 3), S(3, 2)},
     ATT(0.7f, -1),
     .fill = one_token},
    {"one token, window",
     RN_OP_ATTENTION_DECODE,
     {S(3, 1, 4, 3), S(3, 1, 2, 3), S(3, 1, 2, 3), S(3, 6, 2, 3), S(3, 6, 2, 3), S(3, 2)},
     ATT(0.7f, 2),
     .fill = one_token},
    {"many rows",
     RN_OP_ATTENTION_DECODE,
     {S(257, 1, 1, 2), S(257, 1, 1, 2), S(257, 1, 1, 2), S(257, 6, 1, 2), S(257, 6, 1, 2),
      S(257, 2)},
     ATT(0.7f, -1),
     .fill = one_token_each},
    {"some tokens, kept",
     RN_OP_ATTENTION_DECODE,
     {S(4, 5, 4, 3), S(4, 5, 2, 3), S(4, 5, 2, 3), S(4, 9, 2, 3), S(4, 9, 2, 3), S(4, 2)},
     ATT(0.7f, -1),
     .fill = some_tokens},
    {"some tokens, kept, window",
     RN_OP_ATTENTION_DECODE,
     {S(4, 5, 4, 3), S(4, 5, 2, 3), S(4, 5, 2, 3), S(4, 9, 2, 3), S(4, 9, 2, 3), S(4, 2)},
     ATT(0.7f, 2),
     .fill = some_tokens},
    {"rows that share a cache",
     RN_OP_ATTENTION_DECODE,
     {S(4, 5, 4, 3), S(4, 5, 2, 3), S(4, 5, 2, 3), S(2, 9, 2, 3), S(2, 9, 2, 3), S(4, 2)},
     ATT(0.7f, -1),
     .fill = some_tokens},
    {"rows that share a cache, window",
     RN_OP_ATTENTION_DECODE,
     {S(4, 5, 4, 3), S(4, 5, 2, 3), S(4, 5, 2, 3), S(2, 9, 2, 3), S(2, 9, 2, 3), S(4, 2)},
     ATT(0.7f, 2),
     .fill = some_tokens},
    {"tiles and window",
     RN_OP_ATTENTION_DECODE,
     {S(1, 70, 2, 3), S(1, 70, 2, 3), S(1, 70, 2, 3), S(1, 80, 2, 3), S(1, 80, 2, 3), S(1, 2)},
     ATT(0.7f, 66),
     .fill = many_tokens},
    {"", RN_OP_GELU, {S(3, 37)}},
    {"", RN_OP_RELU2, {S(3, 37)}},
    {"", RN_OP_SMEAR, {S(2, 5, 9), S(1, 4), S(1)}},
    {"one position", RN_OP_SMEAR, {S(2, 1, 9), S(1, 9), S(1)}},
    {"whole vectors", RN_OP_SMEAR, {S(2, 35, 264), S(1, 24), S(1)}},
    {"kept",
     RN_OP_SMEAR_DECODE,
     {S(4, 3, 9), S(1, 4), S(1), S(4, 7, 9), S(4, 2)},
     .fill = smear_tokens},
    {"rows that share a cache",
     RN_OP_SMEAR_DECODE,
     {S(4, 3, 9), S(1, 4), S(1), S(2, 7, 9), S(4, 2)},
     .fill = smear_tokens},
    {"", RN_OP_VE_GATE, {S(2, 3, 2, 5), S(2, 3, 9), S(2, 4), S(7, 10), S(2, 3)}, F(3), .below = 7},
    {"more rows than pieces",
     RN_OP_VE_GATE,
     {S(1, 9, 1, 3), S(1, 9, 4), S(1, 4), S(70, 3), S(1, 9)},
     F(3),
     .below = 70},
    {"whole vectors",
     RN_OP_VE_GATE,
     {S(1, 40, 2, 64), S(1, 40, 128), S(2, 32), S(4, 128), S(1, 40)},
     F(3),
     .below = 4},
    {"", RN_OP_SOFTCAP, {S(3, 37)}, F(1.5f)},
    {"", RN_OP_GATHER_ROWS, {S(2, 3, 5), S(4)}, .below = 6},
    {"", RN_OP_HEAD_LOSS, {S(2, 3, 5), S(7, 5), S(2, 3), S(1)}, I(7), .below = 7},
    {"padded, some absent",
     RN_OP_HEAD_LOSS,
     {S(7, 5), S(9, 5), S(7), S(1)},
     I(6),
     .below = 6,
     .fill = some_targets_absent},
    {"all absent",
     RN_OP_HEAD_LOSS,
     {S(4, 3), S(5, 3), S(4), S(1)},
     I(5),
     .below = 5,
     .fill = all_targets_absent},
    {"capped",
     RN_OP_HEAD_LOSS,
     {S(5, 4), S(21, 4), S(5), S(1)},
     CAP(1.5f, 19),
     .below = 19,
     .fill = some_targets_absent},
    {"large logits",
     RN_OP_HEAD_LOSS,
     {S(4, 3), S(50, 3), S(4), S(1)},
     I(50),
     .below = 50,
     .fill = large_logits},
    {"several chunks, several blocks",
     RN_OP_HEAD_LOSS,
     {S(514, 2), S(516, 2), S(514), S(1)},
     CAP(3, 515),
     .below = 515,
     .fill = ten_targets},
    {"chunks of the size that was asked for",
     RN_OP_HEAD_LOSS,
     {S(40, 4), S(21, 4), S(40), S(1)},
     I(19, 19 * 16),
     .below = 19,
     .fill = some_targets_absent},
    {"x and w one value",
     RN_OP_HEAD_LOSS,
     {S(6, 3), S(6, 3), S(6), S(1)},
     CAP(2, 5),
     .below = 5,
     .same_b = 1},
    {"", RN_OP_AMAX_ROLL, {S(20, RN_AMAX_HISTORY + 7)}, .fill = amax_values},
    {"", RN_OP_SUMSQ, {S(3, 5)}},
    {"chained, several pieces", RN_OP_SUMSQ, {S(7, 5001), S(1)}},
    {"", RN_OP_HISTOGRAM, {S(3, 7)}, I(4), .fill = far_from_edges},
    {"several pieces", RN_OP_HISTOGRAM, {S(7, 5001)}, I(32), .fill = far_from_edges},
    {"not finite", RN_OP_HISTOGRAM, {S(6, 3001)}, I(4), .fill = with_infinities},
    {"nothing finite", RN_OP_HISTOGRAM, {S(5)}, I(30), .fill = all_infinite},
    {"one value", RN_OP_HISTOGRAM, {S(1)}, I(30)},
    {"as far apart as can be", RN_OP_HISTOGRAM, {S(9)}, I(30), .fill = far_apart},
    {"above", RN_OP_CLIP_COEF, {S(1), S(3)}, I(2), .fill = large_norm},
    {"below", RN_OP_CLIP_COEF, {S(1), S(3)}, I(2), .fill = small_norm},
    {"off", RN_OP_CLIP_COEF, {S(1), S(3)}, I(2), .fill = no_clipping},
    {"", RN_OP_ADAMW, {S(3, 7), S(3, 7), S(3, 7), S(3, 7), S(8), S(1)}, I(1), .fill = adamw_values},
    {"no coefficient, several pieces",
     RN_OP_ADAMW,
     {S(7, 5001), S(7, 5001), S(7, 5001), S(7, 5001), S(8)},
     I(1),
     .fill = adamw_values},
    {"2025 wide",
     RN_OP_MUON,
     {S(5, 9), S(5, 9), S(5, 9), {0}, S(5), S(1)},
     I(1, 0),
     .fill = muon_values},
    {"2025 tall", RN_OP_MUON, {S(9, 4), S(9, 4), S(9, 4), {0}, S(5)}, I(1, 0), .fill = muon_values},
    {"2025 square",
     RN_OP_MUON,
     {S(6, 6), S(6, 6), S(6, 6), {0}, S(5)},
     I(1, 0),
     .fill = muon_values},
    {"2026 wide",
     RN_OP_MUON,
     {S(5, 70), S(5, 70), S(5, 70), S(70), S(5), S(1)},
     I(1, 1),
     .fill = muon_values},
    {"2026 tall",
     RN_OP_MUON,
     {S(9, 4), S(9, 4), S(9, 4), S(9, 1), S(5)},
     I(1, 1),
     .fill = muon_values},
    {"2026 square",
     RN_OP_MUON,
     {S(6, 6), S(6, 6), S(6, 6), S(6), S(5)},
     I(1, 1),
     .fill = muon_values},
};
const size_t op_case_count = RN_COUNT(op_cases);
