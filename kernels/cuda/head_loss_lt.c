/* The last product of a model and its loss, a chunk of rows at a time: logits by the library,
 * losses and slopes by a kernel, gradients by the library. */
#include "head_rows.h"
#include "operand.h"

struct head {
    struct rn_cuda *c;
    const struct rn_args *a;
    int64_t R, C, V, Vp, chunk;
    struct rn_cuda_matrix x, w; /* (R,C), (V,C) */
    void *slopes;               /* of a chunk: the logits' own memory, or scratch where rounded */
    uint8_t slope_type;
    bool add_x, add_w;
};

static int64_t rows_of_chunk(const struct rn_args *a)
{
    return a->ys[3].d[0];
}

static struct head head_of(struct rn_cuda *c, const struct rn_args *a)
{
    struct head h = {.c = c, .a = a, .R = rn_rows(a->xs[0]), .C = rn_cols(a->xs[0])};
    void *at = a->scratch;
    h.V = a->attrs.i[0];
    h.Vp = a->xs[1].d[0];
    h.chunk = rows_of_chunk(a);
    h.x = rn_cuda_operand(c, a->compute, a->x[0], a->x_type[0], h.R * h.C, &at);
    h.w = rn_cuda_operand(c, a->compute, a->x[1], a->x_type[1], h.V * h.C, &at);
    h.x.ld = h.w.ld = h.C;
    h.slope_type = (uint8_t)a->compute;
    h.slopes = a->compute == RN_F32 ? a->y[3] : at;
    h.add_x = a->acc & 1;
    h.add_w = a->acc & 2;
    return h;
}

static size_t scratch_bytes(struct rn_cuda *c, const struct rn_args *a)
{
    (void)c;
    int64_t R = rn_rows(a->xs[0]), C = rn_cols(a->xs[0]), V = a->attrs.i[0];
    size_t slopes = rn_cuda_operand_bytes(a->compute, RN_F32, rows_of_chunk(a) * V);
    return rn_cuda_operand_bytes(a->compute, a->x_type[0], R * C) +
           rn_cuda_operand_bytes(a->compute, a->x_type[1], V * C) + (a->bwd ? slopes : 0);
}

/* Rows from r0 on. */
static struct rn_cuda_matrix rows_from(struct rn_cuda_matrix m, int64_t r0)
{
    m.p = (char *)m.p + (size_t)(r0 * m.ld) * rn_dtype_bytes((enum rn_dtype)m.type);
    return m;
}

/* logits(n,V) = x(n,C) w(V,C)^T */
static void find_logits(const struct head *h, int64_t r0, int64_t n)
{
    struct rn_cuda_product p = RN_CUDA_PRODUCT(n, h->V, h->C);
    p.a = rows_from(h->x, r0);
    p.b = h->w;
    p.b.turned = true;
    p.d = (struct rn_cuda_matrix){.p = h->a->y[3], .ld = h->V, .type = RN_F32};
    rn_cuda_matmul(h->c, &p);
}

static void find_losses(const struct head *h, int64_t r0, int64_t n, bool gradient)
{
    const struct rn_args *a = h->a;
    struct rn_head_rows rows = {.logits = a->y[3],
                                .slope = gradient ? h->slopes : NULL,
                                .slope_type = h->slope_type,
                                .targets = (const int32_t *)a->x[2] + r0,
                                .losses = a->y[1] ? (float *)a->y[1] + r0 : NULL,
                                .argmax = a->y[2] ? (int32_t *)a->y[2] + r0 : NULL,
                                .scale = a->x[3],
                                .dloss = a->dy[0],
                                .n = n,
                                .V = h->V,
                                .cap = a->attrs.f[0]};
    rn_cuda_head_rows(h->c, &rows);
}

static struct rn_cuda_matrix slopes_of(const struct head *h)
{
    return (struct rn_cuda_matrix){.p = h->slopes, .ld = h->V, .type = h->slope_type};
}

/* dx(n,C) = slopes(n,V) w(V,C) */
static void give_dx(const struct head *h, int64_t r0, int64_t n)
{
    struct rn_cuda_product p = RN_CUDA_PRODUCT(n, h->C, h->V);
    p.a = slopes_of(h);
    p.b = h->w;
    p.d = rows_from((struct rn_cuda_matrix){h->a->dx[0], h->C, .type = h->a->dx_type[0]}, r0);
    p.c = p.d.p;
    p.beta = h->add_x ? 1 : 0;
    rn_cuda_matmul(h->c, &p);
}

/* dw(V,C) = slopes(n,V)^T x(n,C), added chunk by chunk */
static void give_dw(const struct head *h, int64_t r0, int64_t n)
{
    struct rn_cuda_product p = RN_CUDA_PRODUCT(h->V, h->C, n);
    p.a = slopes_of(h);
    p.a.turned = true;
    p.b = rows_from(h->x, r0);
    p.d = (struct rn_cuda_matrix){h->a->dx[1], h->C, .type = h->a->dx_type[1]};
    p.c = p.d.p;
    p.beta = h->add_w || r0 > 0 ? 1 : 0;
    rn_cuda_matmul(h->c, &p);
}

/* One value for x and w: dw adds to rows that dx has yet to write. */
static void clear_shared(struct head *h)
{
    void *dx = h->a->dx[0];
    if (!dx || dx != h->a->dx[1] || h->add_x)
        return;
    size_t size_bytes = (size_t)(h->R * h->C) * rn_dtype_bytes((enum rn_dtype)h->a->dx_type[0]);
    rn_cuda_ok(h->c, cudaMemsetAsync(dx, 0, size_bytes, rn_cuda_stream(h->c)),
               "clearing a gradient");
    h->add_x = true;
}

/* Rows of w at and beyond V have no gradient. */
static void clear_padding(const struct head *h)
{
    float *dw = h->a->dx[1];
    if (!dw || h->add_w || h->Vp == h->V)
        return;
    rn_cuda_ok(h->c,
               cudaMemsetAsync(dw + h->V * h->C, 0, (size_t)((h->Vp - h->V) * h->C) * sizeof *dw,
                               rn_cuda_stream(h->c)),
               "clearing a gradient");
}

static void all_chunks(struct rn_cuda *c, const struct rn_args *a, bool gradient)
{
    struct head h = head_of(c, a);
    clear_shared(&h);
    for (int64_t r = 0; r < h.R; r += h.chunk) {
        int64_t n = h.R - r < h.chunk ? h.R - r : h.chunk;
        find_logits(&h, r, n);
        find_losses(&h, r, n, gradient);
        if (a->dx[0])
            give_dx(&h, r, n);
        if (a->dx[1])
            give_dw(&h, r, n);
    }
    clear_padding(&h);
    if (a->y[0])
        rn_cuda_head_sum(c, a->y[0], a->y[1], h.R, a->x[3]);
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    all_chunks(c, a, false);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    all_chunks(c, a, true);
}

const struct rn_cuda_kernel rn_cuda_head_loss = {fwd, bwd, scratch_bytes};
