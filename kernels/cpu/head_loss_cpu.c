/* The last product of a model and its loss, a chunk of rows at a time. A row of logits is read
 * while it is warm: capped, its largest found, exponentials added, and turned into its gradient. */
#include "cpu.h"
#include "vmath.h"

#include <string.h>

struct head {
    const float *x, *w;
    const int32_t *targets;
    float *losses, *logits, *dx, *dw;
    int32_t *argmax;
    int64_t R, C, V, Vp, chunk;
    float cap; /* 0: none */
    float k;   /* gradient of each loss */
    unsigned acc;
};

static struct head head_of(const struct rn_args *a)
{
    const float *scale = a->x[3], *dloss = a->dy[0];
    return (struct head){.x = a->x[0],
                         .w = a->x[1],
                         .targets = a->x[2],
                         .losses = a->y[1],
                         .argmax = a->y[2],
                         .logits = a->y[3],
                         .dx = a->dx[0],
                         .dw = a->dx[1],
                         .R = rn_rows(a->xs[0]),
                         .C = rn_cols(a->xs[0]),
                         .V = a->attrs.i[0],
                         .Vp = a->xs[1].d[0],
                         .chunk = a->ys[3].d[0],
                         .cap = a->attrs.f[0],
                         .k = dloss ? *scale * *dloss : 0,
                         .acc = a->acc};
}

static void softcap(float *z, int64_t n, float cap)
{
    float inverse = 1.0f / cap;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        z[i] = cap * rn_tanhf(z[i] * inverse);
}

/* Where the first of z[0..n) stands that equals m; 0 if none does (all are not-a-number). */
static int64_t index_of(const float *z, int64_t n, float m)
{
    for (int64_t i = 0; i < n; i++)
        if (z[i] == m)
            return i;
    return 0;
}

/* Caps a row of logits; its largest, and where the first such stands. */
static float cap_row(float *z, int64_t V, float cap, int64_t *where)
{
    enum { BLOCK = 512 };
    float m = -INFINITY;
    int64_t at = 0;
    for (int64_t i = 0; i < V; i += BLOCK) {
        int64_t n = rn_min(BLOCK, V - i);
        if (cap > 0)
            softcap(z + i, n, cap);
        float largest = rn_largest(z + i, n);
        if (largest > m) {
            m = largest;
            at = i;
        }
    }
    *where = at + index_of(z + at, rn_min(BLOCK, V - at), m);
    return m;
}

/* z becomes k (softmax - [target]), times the slope of the cap at z. */
static void row_gradient(float *z, int64_t V, int32_t target, float lse, float cap, float k)
{
    float inverse = cap > 0 ? 1.0f / cap : 0.0f;
    float slope = 1.0f - z[target] * inverse * (z[target] * inverse);
#pragma omp simd
    for (int64_t i = 0; i < V; i++) {
        float t = z[i] * inverse;
        z[i] = k * rn_expf(z[i] - lse) * (1.0f - t * t);
    }
    z[target] -= k * slope;
}

/* Row r; z its logits. Without a target there is neither loss nor gradient. */
static void head_row(const struct head *h, int64_t r, float *z, bool gradient)
{
    int32_t target = h->targets[r];
    int64_t where;
    RN_ASSERT(target < h->V);
    float m = cap_row(z, h->V, h->cap, &where), lse = 0;
    if (target >= 0)
        lse = m + logf(rn_exp_sum(z, m, h->V));
    if (h->losses)
        h->losses[r] = target >= 0 ? lse - z[target] : 0;
    if (h->argmax)
        h->argmax[r] = (int32_t)where;
    if (gradient && target >= 0)
        row_gradient(z, h->V, target, lse, h->cap, h->k);
    else if (gradient)
        memset(z, 0, (size_t)h->V * sizeof *z);
}

/* Rows [r0, r0 + n). */
static void head_chunk(const struct head *h, int64_t r0, int64_t n, bool gradient)
{
    const float *x = h->x + r0 * h->C;
    rn_gemm(false, true, n, h->V, h->C, 1, x, h->C, h->w, h->C, 0, h->logits, h->V);
#pragma omp parallel for schedule(static) if (rn_worth(n * h->V))
    for (int64_t i = 0; i < n; i++)
        head_row(h, r0 + i, h->logits + i * h->V, gradient);
    if (h->dx)
        rn_gemm(false, false, n, h->C, h->V, 1, h->logits, h->V, h->w, h->C, h->acc & 1,
                h->dx + r0 * h->C, h->C);
    if (h->dw)
        rn_gemm(true, false, h->V, h->C, n, 1, h->logits, h->V, x, h->C,
                r0 > 0 || (h->acc >> 1 & 1), h->dw, h->C);
}

static void all_chunks(const struct rn_args *a, bool gradient)
{
    struct head h = head_of(a);
    const float *scale = a->x[3];
    float *loss = a->y[0];
    if (h.dx && h.dx == h.dw &&
        !(h.acc & 1)) { /* one value: dw adds to rows that dx has yet to write */
        memset(h.dx, 0, (size_t)(h.R * h.C) * sizeof *h.dx);
        h.acc |= 1;
    }
    for (int64_t r = 0; r < h.R; r += h.chunk)
        head_chunk(&h, r, rn_min(h.chunk, h.R - r), gradient);
    if (h.dw && !(h.acc >> 1 & 1))
        memset(h.dw + h.V * h.C, 0, (size_t)((h.Vp - h.V) * h.C) * sizeof *h.dw);
    if (!loss)
        return;
    double sum = 0;
    for (int64_t r = 0; r < h.R; r++)
        sum += (double)h.losses[r];
    *loss = (float)(sum * (double)*scale);
}

static void fwd(const struct rn_args *a)
{
    all_chunks(a, false);
}

static void bwd(const struct rn_args *a)
{
    all_chunks(a, true);
}

const struct rn_kernel RN_CPU(head_loss) = {fwd, bwd, NULL};
