/* The last product of a model and its loss, a chunk of rows at a time. A row of logits is worked on
 * while it is warm: capped, its largest found, turned into exponentials and, when their sum is
 * known, into its gradient, which lies in half of the row's memory where products take bf16. */
#include "bf16.h"
#include "gemm.h"
#include "vmath.h"

#include <string.h>

struct head {
    const struct rn_args *a;
    const int32_t *targets;
    float *losses, *logits;
    int32_t *argmax;
    int64_t R, C, V, Vp, chunk;
    float cap; /* 0: none */
    float k;   /* gradient of each loss */
    uint8_t gradient_type;
    unsigned acc;
};

static struct head head_of(const struct rn_args *a)
{
    const float *scale = a->x[3], *dloss = a->dy[0];
    return (struct head){.a = a,
                         .targets = a->x[2],
                         .losses = a->y[1],
                         .argmax = a->y[2],
                         .logits = a->y[3],
                         .R = rn_rows(a->xs[0]),
                         .C = rn_cols(a->xs[0]),
                         .V = a->attrs.i[0],
                         .Vp = a->xs[1].d[0],
                         .chunk = a->ys[3].d[0],
                         .cap = a->attrs.f[0],
                         .k = dloss ? *scale * *dloss : 0,
                         .gradient_type = (uint8_t)a->compute,
                         .acc = a->acc};
}

/* --- the products of rows [r0, r0 + n) --- */

static struct rn_matrix rows_of(void *x, uint8_t type, const struct head *h, int64_t r0)
{
    size_t at_bytes = (size_t)(r0 * h->C) * rn_dtype_bytes(type);
    return (struct rn_matrix){x ? (char *)x + at_bytes : NULL, h->C, false, type};
}

static struct rn_matrix logits_of(const struct head *h)
{
    return (struct rn_matrix){h->logits, h->V, false, RN_F32};
}

/* Each row begins where its logits did. */
static struct rn_matrix gradient_of(const struct head *h)
{
    size_t fit = sizeof(float) / rn_dtype_bytes(h->gradient_type);
    return (struct rn_matrix){h->logits, h->V * (int64_t)fit, false, h->gradient_type};
}

/* logits(n,V) = x(n,C) w(V,C)^T */
static struct rn_product logits_product(const struct head *h, int64_t r0, int64_t n)
{
    return (struct rn_product){.M = n,
                               .N = h->V,
                               .K = h->C,
                               .a = rows_of(h->a->x[0], h->a->x_type[0], h, r0),
                               .b = {h->a->x[1], h->C, true, h->a->x_type[1]},
                               .c = logits_of(h)};
}

/* dx(n,C) = dlogits(n,V) w(V,C) */
static struct rn_product dx_product(const struct head *h, int64_t r0, int64_t n)
{
    return (struct rn_product){.M = n,
                               .N = h->C,
                               .K = h->V,
                               .a = gradient_of(h),
                               .b = {h->a->x[1], h->C, false, h->a->x_type[1]},
                               .c = rows_of(h->a->dx[0], h->a->dx_type[0], h, r0),
                               .add = h->acc & 1};
}

/* dw(V,C) = dlogits(n,V)^T x(n,C), added chunk by chunk */
static struct rn_product dw_product(const struct head *h, int64_t r0, int64_t n)
{
    struct rn_matrix dlogits = gradient_of(h);
    dlogits.turned = true;
    return (struct rn_product){.M = h->V,
                               .N = h->C,
                               .K = n,
                               .a = dlogits,
                               .b = rows_of(h->a->x[0], h->a->x_type[0], h, r0),
                               .c = {h->a->dx[1], h->C, false, h->a->dx_type[1]},
                               .add = r0 > 0 || (h->acc >> 1 & 1)};
}

/* --- a row --- */

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

enum { BLOCK = 512 };

/* Caps a row of logits; its largest, and where the first such stands. */
static float cap_row(float *z, int64_t V, float cap, int64_t *where)
{
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

/* The slope of the cap where it gives z. */
static inline float slope(float z, float cap_inverse)
{
    float t = z * cap_inverse;
    return 1.0f - t * t;
}

/* Returns the sum of e^(z - m); z becomes these exponentials times the slope of the cap. */
static float exponentials(float *z, int64_t V, float m, float cap_inverse)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < V; i++) {
        float e = rn_exp_below_1(z[i] - m);
        sum += e;
        z[i] = e * slope(z[i], cap_inverse);
    }
    return sum;
}

/* Row z of exponentials becomes f * z, less `much` at the target, as a gradient. Blocks are
 * written behind where they are read. */
static void row_gradient(const struct head *h, float *z, int32_t target, float f, float much)
{
    typedef float number __attribute__((may_alias));
    const number *from = z;
    for (int64_t at = 0; at < h->V; at += BLOCK) {
        float block[BLOCK];
        int64_t n = rn_min(BLOCK, h->V - at);
        for (int64_t i = 0; i < n; i++)
            block[i] = f * from[at + i];
        if (target >= at && target < at + n)
            block[target - at] -= much;
        if (h->gradient_type == RN_F32)
            memcpy(z + at, block, (size_t)n * sizeof *block);
        rn_row_done(z, h->gradient_type, at, n, block);
    }
}

/* Row r; z its logits. Without a target there is neither loss nor gradient. */
static void head_row(const struct head *h, int64_t r, float *z, bool gradient)
{
    int32_t target = h->targets[r];
    int64_t where;
    RN_ASSERT(target < h->V);
    float m = cap_row(z, h->V, h->cap, &where), loss = 0;
    if (target >= 0) {
        float right = z[target], cap_inverse = h->cap > 0 ? 1.0f / h->cap : 0.0f;
        float sum = exponentials(z, h->V, m, cap_inverse);
        loss = m + logf(sum) - right;
        if (gradient)
            row_gradient(h, z, target, h->k / sum, h->k * slope(right, cap_inverse));
    } else if (gradient) {
        memset(z, 0, (size_t)h->V * sizeof *z);
    }
    if (h->losses)
        h->losses[r] = loss;
    if (h->argmax)
        h->argmax[r] = (int32_t)where;
}

/* --- all of them --- */

static void head_chunk(const struct head *h, int64_t r0, int64_t n, bool gradient)
{
    const struct rn_args *a = h->a;
    struct rn_product logits = logits_product(h, r0, n);
    rn_product_run(&logits, a->compute, a->scratch);
#pragma omp parallel for schedule(static) if (rn_worth(n * h->V))
    for (int64_t i = 0; i < n; i++)
        head_row(h, r0 + i, h->logits + i * h->V, gradient);
    struct rn_product dx = dx_product(h, r0, n), dw = dw_product(h, r0, n);
    if (a->dx[0])
        rn_product_run(&dx, a->compute, a->scratch);
    if (a->dx[1])
        rn_product_run(&dw, a->compute, a->scratch);
}

/* One value for x and w: dw adds to rows that dx has yet to write. */
static void clear_shared(struct head *h)
{
    float *dx = h->a->dx[0];
    if (!dx || dx != h->a->dx[1] || (h->acc & 1))
        return;
    memset(dx, 0, (size_t)(h->R * h->C) * sizeof *dx);
    h->acc |= 1;
}

static void clear_padding(const struct head *h)
{
    float *dw = h->a->dx[1];
    if (dw && !(h->acc >> 1 & 1))
        memset(dw + h->V * h->C, 0, (size_t)((h->Vp - h->V) * h->C) * sizeof *dw);
}

static void all_chunks(const struct rn_args *a, bool gradient)
{
    struct head h = head_of(a);
    const float *scale = a->x[3];
    float *loss = a->y[0];
    clear_shared(&h);
    for (int64_t r = 0; r < h.R; r += h.chunk)
        head_chunk(&h, r, rn_min(h.chunk, h.R - r), gradient);
    clear_padding(&h);
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

static size_t scratch_bytes(const struct rn_args *a, int threads)
{
    struct head h = {.a = a,
                     .C = rn_cols(a->xs[0]),
                     .V = a->attrs.i[0],
                     .chunk = a->ys[3].d[0],
                     .gradient_type = (uint8_t)a->compute};
    struct rn_product p[] = {logits_product(&h, 0, h.chunk), dx_product(&h, 0, h.chunk),
                             dw_product(&h, 0, h.chunk)};
    size_t most = 0;
    for (int i = 0; i < (a->bwd ? 3 : 1); i++) {
        size_t need = rn_product_scratch_bytes(&p[i], a->compute, threads);
        most = need > most ? need : most;
    }
    return most;
}

const struct rn_kernel RN_CPU(head_loss) = {fwd, bwd, scratch_bytes};
