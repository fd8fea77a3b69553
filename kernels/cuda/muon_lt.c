/* nanochat's Muon: five matrix polynomials, each three products of the library, whose alpha and
 * beta do what a kernel would. With s <= l the sides of the matrix and X as its wide form (s,l):
 *
 *     A = X X^T        B = b A + c A A        X' = a X + B X
 *
 * A and B are fp32 and rounded to what is multiplied: b A + c A A is a small difference. Matrices
 * of one shape are multiplied in one call.
 *
 *     flavour 0    December 2025: Newton-Schulz
 *     flavour 1    July 2026: Polar Express */
#include "matmul.h"
#include "muon_rows.h"
#include "muon_steps.h"

struct work { /* of a batch of matrices, in scratch memory */
    struct rn_muon m;
    void *Y;          /* (N,K) of m.type */
    float *A32, *B32; /* (s,s) */
    void *A, *B;      /* (s,s) of m.type: these, where it is fp32 */
};

static int64_t shorter(int64_t N, int64_t K)
{
    return N < K ? N : K;
}

static void *take(uintptr_t *at, int64_t n, size_t each)
{
    void *p = (void *)*at;
    *at += ((size_t)n * each + RN_ALIGN - 1) / RN_ALIGN * RN_ALIGN;
    return p;
}

/* From one matrix to the next: each begins where memory is touched best. */
static int64_t stride_of(int64_t elements)
{
    return (elements + RN_ALIGN - 1) / RN_ALIGN * RN_ALIGN;
}

/* Lays everything out from `at` on; returns where it ends. */
static uintptr_t place(struct work *w, uintptr_t at)
{
    struct rn_muon *m = &w->m;
    int64_t s = shorter(m->N, m->K), l = m->N + m->K - s;
    size_t each = rn_dtype_bytes((enum rn_dtype)m->type);
    m->stride = stride_of(m->N * m->K);
    m->square_stride = stride_of(s * s);
    m->X32 = take(&at, m->n * m->stride, sizeof *m->X32);
    m->X = take(&at, m->n * m->stride, each);
    w->Y = m->X32; /* X is what the products start from; of five, the last gives Y */
    w->A32 = take(&at, m->n * m->square_stride, sizeof *w->A32);
    w->B32 = take(&at, m->n * m->square_stride, sizeof *w->B32);
    w->A = m->type == RN_F32 ? w->A32 : take(&at, m->n * m->square_stride, each);
    w->B = m->type == RN_F32 ? w->B32 : take(&at, m->n * m->square_stride, each);
    m->squares = take(&at, m->n * l, sizeof *m->squares);
    m->factor = take(&at, m->n * l, sizeof *m->factor);
    m->part = take(&at, rn_cuda_muon_part_floats(m->n, m->N, m->K), sizeof *m->part);
    return at;
}

/* The matrix of one call. */
static struct rn_muon_matrix matrix_of(const struct rn_args *a)
{
    return (struct rn_muon_matrix){.w = a->x[0],
                                   .g = a->x[1],
                                   .buf = a->x[2],
                                   .buf2 = a->x[3],
                                   .hyper = (const float *)a->x[4] + a->attrs.i[0]};
}

/* Without what lies in memory. */
static struct work sizes_of(const struct rn_args *a)
{
    return (struct work){.m = {.n = a->behind + 1,
                               .coef = a->x[5],
                               .N = a->xs[0].d[0],
                               .K = a->xs[0].d[1],
                               .is_2026 = a->attrs.i[1] == 1,
                               .type = (uint8_t)a->compute}};
}

/* Of this call and those behind it that it stands for. */
static struct work work_of(const struct rn_args *a)
{
    struct work w = sizes_of(a);
    for (int i = 0; i < w.m.n; i++) {
        RN_ASSERT(a[i].kind == a->kind && a[i].xs[0].d[0] == w.m.N && a[i].xs[0].d[1] == w.m.K);
        w.m.of[i] = matrix_of(&a[i]);
    }
    place(&w, (uintptr_t)a->scratch);
    return w;
}

static size_t scratch_bytes(struct rn_cuda *c, const struct rn_args *a)
{
    (void)c;
    if (a->behind < 0)
        return 0;
    struct work w = sizes_of(a);
    return place(&w, 0);
}

static struct rn_cuda_matrix x_shaped(const struct work *w, void *p, bool turned)
{
    return (struct rn_cuda_matrix){
        .p = p, .ld = w->m.K, .turned = turned, .type = w->m.type, .stride = w->m.stride};
}

static struct rn_cuda_matrix square(const struct work *w, void *p, uint8_t type)
{
    return (struct rn_cuda_matrix){
        .p = p, .ld = shorter(w->m.N, w->m.K), .type = type, .stride = w->m.square_stride};
}

/* A = X X^T; of a tall X, X^T X. */
static void gram(struct rn_cuda *c, const struct work *w)
{
    const struct rn_muon *m = &w->m;
    int64_t s = shorter(m->N, m->K);
    bool tall = m->N > m->K;
    struct rn_cuda_product p = RN_CUDA_PRODUCT(s, s, m->N + m->K - s);
    p.batch = m->n;
    p.a = x_shaped(w, m->X, tall);
    p.b = x_shaped(w, m->X, !tall);
    p.d = square(w, w->A32, RN_F32);
    rn_cuda_matmul(c, &p);
    if (w->A != w->A32)
        rn_cuda_muon_round(c, m, w->A, w->A32, s, 0);
}

/* B = diagonal I + b A + c A A */
static void polynomial(struct rn_cuda *c, const struct work *w, const float coef[3], float diagonal)
{
    int64_t s = shorter(w->m.N, w->m.K);
    struct rn_cuda_product p = RN_CUDA_PRODUCT(s, s, s);
    p.batch = w->m.n;
    p.a = p.b = square(w, w->A, w->m.type);
    p.d = square(w, w->B32, RN_F32);
    p.c = w->A32;
    p.alpha = coef[2];
    p.beta = coef[1];
    rn_cuda_matmul(c, &p);
    if (w->B != w->B32 || diagonal != 0)
        rn_cuda_muon_round(c, &w->m, w->B, w->B32, s, diagonal);
}

/* Y = B X; of a tall X, X B. */
static struct rn_cuda_product times_b(const struct work *w)
{
    const struct rn_muon *m = &w->m;
    bool tall = m->N > m->K;
    struct rn_cuda_matrix X = x_shaped(w, m->X, false), B = square(w, w->B, m->type);
    struct rn_cuda_product p = RN_CUDA_PRODUCT(m->N, m->K, shorter(m->N, m->K));
    p.batch = m->n;
    p.a = tall ? X : B;
    p.b = tall ? B : X;
    p.d = x_shaped(w, w->Y, false);
    return p;
}

/* X' = a X + B X; the last in fp32, for what comes next counts its squares. */
static void step(struct rn_cuda *c, struct work *w, const float coef[3], bool last)
{
    gram(c, w);
    polynomial(c, w, coef, last ? coef[0] : 0);
    struct rn_cuda_product p = times_b(w);
    if (last)
        p.d.type = RN_F32;
    p.c = w->m.X;
    p.beta = last ? 0 : coef[0];
    rn_cuda_matmul(c, &p);
    void *other = w->m.X;
    w->m.X = w->Y;
    w->Y = other;
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    if (a->behind < 0) /* done with one before */
        return;
    struct work w = work_of(a);
    rn_cuda_muon_before(c, &w.m);
    for (int i = 0; i < RN_MUON_STEPS; i++)
        step(c, &w, w.m.is_2026 ? rn_polar_express[i] : rn_newton_schulz[i],
             i == RN_MUON_STEPS - 1);
    RN_ASSERT(w.m.X == w.m.X32);
    rn_cuda_muon_after(c, &w.m);
}

const struct rn_cuda_kernel rn_cuda_muon = {fwd, NULL, scratch_bytes};
