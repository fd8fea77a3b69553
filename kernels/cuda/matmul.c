#include "matmul.h"

#include "cuda_device.h"
#include "fp8.h"
#include "matmul_choices.h"
#include "mem.h"

#include <cublasLt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 8, TIMED_RUNS = 5 };
static const size_t WORKSPACE_BYTES = 32u << 20; /* what the library's fastest want on Hopper */

struct plan {
    char name[256]; /* of the product: two of the same name are computed alike */
    cublasLtMatmulDesc_t how;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algo;
};

struct rn_matmuls {
    cublasLtHandle_t lt;
    void *workspace;
    struct rn_matmul_choices *choices;
    struct plan *plans;
    size_t n, cap;
};

static bool fine(struct rn_cuda *c, cublasStatus_t s, const char *what)
{
    if (s != CUBLAS_STATUS_SUCCESS)
        rn_cuda_failed(c, "cuBLASLt: %s: %s", what, cublasLtGetStatusString(s));
    return s == CUBLAS_STATUS_SUCCESS;
}

/* --- the library --- */

struct rn_matmuls *rn_matmuls_new(struct rn_cuda *c)
{
    struct rn_matmuls *m = rn_new(struct rn_matmuls);
    int driver = 0;
    if (!fine(c, cublasLtCreate(&m->lt), "opening it") ||
        !rn_cuda_ok(c, cudaMalloc(&m->workspace, WORKSPACE_BYTES), "a workspace for products") ||
        !rn_cuda_ok(c, cudaDriverGetVersion(&driver), "the driver's version")) {
        rn_matmuls_free(m);
        return NULL;
    }
    char *machine =
        rn_xprintf("%s, driver %d, cuBLASLt %zu", c->model, driver, cublasLtGetVersion());
    m->choices = rn_matmul_choices_open(machine);
    free(machine);
    return m;
}

static void plan_release(struct plan *p)
{
    if (p->how)
        cublasLtMatmulDescDestroy(p->how);
    if (p->a)
        cublasLtMatrixLayoutDestroy(p->a);
    if (p->b)
        cublasLtMatrixLayoutDestroy(p->b);
    if (p->d)
        cublasLtMatrixLayoutDestroy(p->d);
}

void rn_matmuls_free(struct rn_matmuls *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        plan_release(&m->plans[i]);
    rn_matmul_choices_free(m->choices);
    if (m->workspace)
        cudaFree(m->workspace);
    if (m->lt)
        cublasLtDestroy(m->lt);
    free(m->plans);
    free(m);
}

/* --- a product in the library's words ---
 *
 * The library stores columns where we store rows. So its matrices are our transposes, and what it
 * computes is D^T = B^T A^T: its first operand is our b. */

static const struct { /* by enum rn_dtype */
    cudaDataType_t type;
    const char *word;
} types[] = {{CUDA_R_32F, "fp32"},
             {CUDA_R_32I, "int32"},
             {CUDA_R_16BF, "bf16"},
             {CUDA_R_8F_E4M3, "e4m3"},
             {CUDA_R_8F_E5M2, "e5m2"}};

static bool is_of_codes(const struct rn_cuda_product *p)
{
    return rn_dtype_is_code(p->a.type);
}

static uint8_t bias_type_of(const struct rn_cuda_product *p)
{
    return is_of_codes(p) ? RN_BF16 : p->d.type;
}

/* Of what lies at p, and each matrix of its batch: 256, or the power of two below it that they
 * begin at a multiple of. The library takes 256 for granted, and chunks of rows begin anywhere. */
static uint32_t alignment_of(const void *p, const struct rn_cuda_matrix *m)
{
    uintptr_t step = (uintptr_t)m->stride * rn_dtype_bytes((enum rn_dtype)m->type);
    uintptr_t bits = (uintptr_t)p | step | 256;
    return (uint32_t)(bits & -bits);
}

static uint32_t alignment_of_c(const struct rn_cuda_product *p)
{
    return alignment_of(p->beta == 0 ? p->d.p : p->c, &p->d);
}

static void name_of(const struct rn_cuda_product *p, char *name, size_t cap)
{
    int n = snprintf(
        name, cap,
        "%" PRId64 " %" PRId64 " %" PRId64 " x%" PRId64 " %s%s%s%s%s to %s, rows %" PRId64
        " %" PRId64 " %" PRId64 ", steps %" PRId64 " %" PRId64 " %" PRId64 "%s%s%s%s",
        p->M, p->N, p->K, p->batch, types[p->a.type].word, p->a.turned ? " a'" : "",
        p->a.type == p->b.type ? "" : " ", p->a.type == p->b.type ? "" : types[p->b.type].word,
        p->b.turned ? " b'" : "", types[p->d.type].word, p->a.ld, p->b.ld, p->d.ld, p->a.stride,
        p->b.stride, p->d.stride, p->bias ? " bias" : "", p->beta == 0 ? "" : " add",
        p->beta != 0 && p->c == p->d.p ? " there" : "", p->fast ? " fast" : "");
    uint32_t a = alignment_of(p->a.p, &p->a), b = alignment_of(p->b.p, &p->b),
             c = alignment_of_c(p), d = alignment_of(p->d.p, &p->d);
    RN_ASSERT(n > 0 && (size_t)n < cap);
    if ((a & b & c & d) != 256)
        snprintf(name + n, cap - (size_t)n, " at %u %u %u %u", a, b, c, d);
}

/* Of `rows` rows and `cols` columns as they are multiplied. */
static bool layout(struct rn_cuda *c, const struct rn_cuda_product *p,
                   const struct rn_cuda_matrix *m, int64_t rows, int64_t cols,
                   cublasLtMatrixLayout_t *out)
{
    int64_t stored_rows = m->turned ? cols : rows, stored_cols = m->turned ? rows : cols;
    int32_t batch = (int32_t)p->batch;
    return fine(c,
                cublasLtMatrixLayoutCreate(out, types[m->type].type, (uint64_t)stored_cols,
                                           (uint64_t)stored_rows, m->ld),
                "a matrix") &&
           fine(c,
                cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch,
                                                 sizeof batch),
                "a batch") &&
           fine(c,
                cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                 &m->stride, sizeof m->stride),
                "a batch");
}

static bool set(struct rn_cuda *c, struct plan *plan, cublasLtMatmulDescAttributes_t what,
                const void *value, size_t size_bytes)
{
    return fine(c, cublasLtMatmulDescSetAttribute(plan->how, what, value, size_bytes), "a product");
}

/* Where things lie that another product of the same name may have elsewhere. */
static bool point(struct rn_cuda *c, const struct rn_cuda_product *p, struct plan *plan)
{
    return (!p->bias ||
            set(c, plan, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p->bias, sizeof p->bias)) &&
           (!is_of_codes(p) ||
            (set(c, plan, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &p->b.step, sizeof p->b.step) &&
             set(c, plan, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &p->a.step, sizeof p->a.step)));
}

static bool describe(struct rn_cuda *c, const struct rn_cuda_product *p, struct plan *plan)
{
    cublasOperation_t first = p->b.turned ? CUBLAS_OP_T : CUBLAS_OP_N,
                      second = p->a.turned ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtEpilogue_t after = p->bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    int32_t bias_type = types[bias_type_of(p)].type;
    int8_t fast = p->fast;
    return fine(c, cublasLtMatmulDescCreate(&plan->how, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                "a product") &&
           set(c, plan, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first) &&
           set(c, plan, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second) &&
           set(c, plan, CUBLASLT_MATMUL_DESC_EPILOGUE, &after, sizeof after) &&
           (!p->bias ||
            set(c, plan, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &bias_type, sizeof bias_type)) &&
           (!is_of_codes(p) || set(c, plan, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast, sizeof fast)) &&
           point(c, p, plan) && layout(c, p, &p->a, p->M, p->K, &plan->a) &&
           layout(c, p, &p->b, p->K, p->N, &plan->b) && layout(c, p, &p->d, p->M, p->N, &plan->d);
}

/* --- the fastest of the candidates --- */

/* The library's a is our b. */
static bool wish_for(struct rn_cuda *c, const struct rn_cuda_product *p,
                     cublasLtMatmulPreference_t wish)
{
    const uint32_t orders = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    const uint32_t a = alignment_of(p->b.p, &p->b), b = alignment_of(p->a.p, &p->a),
                   added = alignment_of_c(p), d = alignment_of(p->d.p, &p->d);
    const struct {
        cublasLtMatmulPreferenceAttributes_t what;
        const void *value;
        size_t size_bytes;
    } wishes[] = {
        {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE_BYTES, sizeof WORKSPACE_BYTES},
        {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &orders, sizeof orders},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &a, sizeof a},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &b, sizeof b},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &added, sizeof added},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &d, sizeof d},
    };
    for (size_t i = 0; i < RN_COUNT(wishes); i++)
        if (!fine(c,
                  cublasLtMatmulPreferenceSetAttribute(wish, wishes[i].what, wishes[i].value,
                                                       wishes[i].size_bytes),
                  "a search"))
            return false;
    return true;
}

/* Those that need no more than the workspace, add in a fixed order and take what lies as it
 * does. */
static int candidates(struct rn_cuda *c, const struct rn_cuda_product *p, struct plan *plan,
                      cublasLtMatmulHeuristicResult_t found[CANDIDATES])
{
    struct rn_matmuls *m = c->matmuls;
    cublasLtMatmulPreference_t wish;
    int n = 0;
    if (!fine(c, cublasLtMatmulPreferenceCreate(&wish), "a search"))
        return 0;
    if (wish_for(c, p, wish))
        fine(c,
             cublasLtMatmulAlgoGetHeuristic(m->lt, plan->how, plan->b, plan->a, plan->d, plan->d,
                                            wish, CANDIDATES, found, &n),
             plan->name);
    cublasLtMatmulPreferenceDestroy(wish);
    return n;
}

static cublasStatus_t enqueue(struct rn_cuda *c, const struct rn_cuda_product *p,
                              const struct plan *plan, const cublasLtMatmulAlgo_t *algo, void *d)
{
    struct rn_matmuls *m = c->matmuls;
    const void *addend = p->beta == 0 ? d : p->c;
    return cublasLtMatmul(m->lt, plan->how, &p->alpha, p->b.p, plan->b, p->a.p, plan->a, &p->beta,
                          addend, plan->d, d, plan->d, algo, m->workspace, WORKSPACE_BYTES,
                          c->stream);
}

/* Into memory of its own, for d may be what is added to. Negative: it does not run. */
static float time_ms(struct rn_cuda *c, const struct rn_cuda_product *p, const struct plan *plan,
                     const cublasLtMatmulAlgo_t *algo, void *d, const cudaEvent_t clock[2])
{
    float ms = -1;
    if (enqueue(c, p, plan, algo, d) != CUBLAS_STATUS_SUCCESS)
        return -1;
    cudaEventRecord(clock[0], c->stream);
    for (int i = 0; i < TIMED_RUNS; i++)
        enqueue(c, p, plan, algo, d);
    cudaEventRecord(clock[1], c->stream);
    if (cudaEventSynchronize(clock[1]) != cudaSuccess ||
        cudaEventElapsedTime(&ms, clock[0], clock[1]) != cudaSuccess)
        return -1;
    return ms;
}

static size_t d_bytes(const struct rn_cuda_product *p)
{
    int64_t elements = (p->batch - 1) * p->d.stride + p->M * p->d.ld;
    return (size_t)elements * rn_dtype_bytes((enum rn_dtype)p->d.type);
}

/* The first one where there is no memory to try them. */
static int fastest(struct rn_cuda *c, const struct rn_cuda_product *p, const struct plan *plan,
                   const cublasLtMatmulHeuristicResult_t *found, int n)
{
    void *d = NULL;
    cudaEvent_t clock[2] = {NULL, NULL};
    int best = 0;
    float best_ms = -1;
    if (cudaMalloc(&d, d_bytes(p)) != cudaSuccess || cudaEventCreate(&clock[0]) != cudaSuccess ||
        cudaEventCreate(&clock[1]) != cudaSuccess) {
        cudaGetLastError(); /* it is fine to have none */
        n = 0;
    }
    for (int i = 0; i < n; i++) {
        float ms = time_ms(c, p, plan, &found[i].algo, d, clock);
        if (ms >= 0 && (best_ms < 0 || ms < best_ms)) {
            best_ms = ms;
            best = i;
        }
    }
    for (int i = 0; i < 2; i++)
        if (clock[i])
            cudaEventDestroy(clock[i]);
    if (d)
        cudaFree(d);
    return best;
}

static bool choose(struct rn_cuda *c, const struct rn_cuda_product *p, struct plan *plan)
{
    struct rn_matmul_choices *choices = c->matmuls->choices;
    cublasLtMatmulHeuristicResult_t found[CANDIDATES];
    int n = candidates(c, p, plan, found);
    if (n == 0) {
        rn_cuda_failed(c, "cuBLASLt computes no product of %s", plan->name);
        return false;
    }
    int choice = rn_matmul_choices_find(choices, plan->name, n);
    if (choice < 0)
        choice = rn_matmul_choices_settle(choices, plan->name, n,
                                          n > 1 ? fastest(c, p, plan, found, n) : 0);
    plan->algo = found[choice].algo;
    return true;
}

/* --- plans --- */

static struct plan *plan_of(struct rn_cuda *c, const struct rn_cuda_product *p)
{
    struct rn_matmuls *m = c->matmuls;
    struct plan plan = {.how = NULL};
    name_of(p, plan.name, sizeof plan.name);
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->plans[i].name, plan.name) == 0)
            return &m->plans[i];
    if (!describe(c, p, &plan) || !choose(c, p, &plan)) {
        plan_release(&plan);
        return NULL;
    }
    RN_PUSH(m->plans, m->n, m->cap, plan);
    return &m->plans[m->n - 1];
}

void rn_cuda_matmul(struct rn_cuda *c, const struct rn_cuda_product *p)
{
    struct plan *plan = plan_of(c, p);
    if (!plan || !point(c, p, plan))
        return;
    fine(c, enqueue(c, p, plan, &plan->algo, p->d.p), plan->name);
}
