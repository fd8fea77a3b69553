/* A stand-in for cuBLASLt: the products that the backend asks for, computed by OpenBLAS. It refuses
 * what the library refuses: sizes that do not fit each other, types that do not go together. As the
 * library's, its two candidates for a product add in different orders. */
#include "emu_stream.h"

#include <cblas.h>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <cublasLt.h>
#include <vector>

namespace
{

struct matrix {
    cudaDataType type;
    uint64_t rows, cols;
    int64_t ld, stride;
    int32_t batch;
};
struct product {
    cublasOperation_t a, b;
    cublasLtEpilogue_t after;
    const void *bias;
    int32_t bias_type;
    const float *a_step, *b_step; /* of codes */
    int8_t fast;                  /* said of products of codes only; nothing here is slow */
};
struct wish {
    uint64_t workspace_bytes;
    uint32_t reductions;
    uint32_t align_a = 256, align_b = 256, align_c = 256, align_d = 256;
};

struct matrix *of(cublasLtMatrixLayout_t m)
{
    return (struct matrix *)m;
}
struct product *of(cublasLtMatmulDesc_t p)
{
    return (struct product *)p;
}
struct wish *of(cublasLtMatmulPreference_t w)
{
    return (struct wish *)w;
}

template <class T> cublasStatus_t take(T *to, const void *from, size_t n)
{
    if (n != sizeof *to)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(to, from, n);
    return CUBLAS_STATUS_SUCCESS;
}

float from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

uint16_t to_bf16(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff;
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

bool is_code(cudaDataType type)
{
    return type == CUDA_R_8F_E4M3 || type == CUDA_R_8F_E5M2;
}

/* By the format's definition, slowly: sign, exponent, mantissa; e4m3 has a NaN and no infinity. */
float from_code(uint8_t code, cudaDataType type)
{
    bool e4m3 = type == CUDA_R_8F_E4M3;
    int digits = e4m3 ? 3 : 2, bias = e4m3 ? 7 : 15, e = (code & 0x7f) >> digits;
    float m = (float)(code & ((1 << digits) - 1)) / (float)(1 << digits);
    float size = e ? ldexpf(1 + m, e - bias) : ldexpf(m, 1 - bias);
    if (e4m3 && (code & 0x7f) == 0x7f)
        size = NAN;
    if (!e4m3 && e == 31)
        size = m == 0 ? INFINITY : NAN;
    return code & 0x80 ? -size : size;
}

float at(const void *p, cudaDataType type, size_t i)
{
    if (is_code(type))
        return from_code(((const uint8_t *)p)[i], type);
    return type == CUDA_R_16BF ? from_bf16(((const uint16_t *)p)[i]) : ((const float *)p)[i];
}

const char *moved(const void *p, const struct matrix &m, int64_t elements)
{
    return (const char *)p + elements * (is_code(m.type) ? 1 : m.type == CUDA_R_16BF ? 2 : 4);
}

/* Columns one after the other, as floats. */
std::vector<float> floats(const void *p, const struct matrix &m)
{
    std::vector<float> out(m.rows * m.cols);
    for (uint64_t c = 0; c < m.cols; c++)
        for (uint64_t r = 0; r < m.rows; r++)
            out[c * m.rows + r] = at(p, m.type, c * (uint64_t)m.ld + r);
    return out;
}

struct call {
    struct product how;
    struct matrix a, b, c, d;
    float alpha, beta;
    const void *pa, *pb, *pc;
    void *pd;
    uint64_t candidate;
};

float scale_of(const struct call &x)
{
    return is_code(x.a.type) ? x.alpha * *x.how.a_step * *x.how.b_step : x.alpha;
}

/* sum += what the terms from..to of each sum come to. */
void add_terms(std::vector<float> &sum, const struct call &x, const std::vector<float> &a,
               const std::vector<float> &b, uint64_t from, uint64_t to)
{
    bool a_plain = x.how.a == CUBLAS_OP_N, b_plain = x.how.b == CUBLAS_OP_N;
    cblas_sgemm(CblasColMajor, a_plain ? CblasNoTrans : CblasTrans,
                b_plain ? CblasNoTrans : CblasTrans, (int)x.d.rows, (int)x.d.cols, (int)(to - from),
                scale_of(x), a.data() + (a_plain ? from * x.a.rows : from), (int)x.a.rows,
                b.data() + (b_plain ? from : from * x.b.rows), (int)x.b.rows, 1.0f, sum.data(),
                (int)x.d.rows);
}

/* One of the batch. Sums in fp32, one rounding. */
void multiply(const struct call &x, int32_t i)
{
    const struct matrix &d = x.d;
    std::vector<float> a = floats(moved(x.pa, x.a, i * x.a.stride), x.a),
                       b = floats(moved(x.pb, x.b, i * x.b.stride), x.b), sum(d.rows * d.cols);
    uint64_t K = x.how.a == CUBLAS_OP_N ? x.a.cols : x.a.rows, first = x.candidate ? K / 2 : 0;
    add_terms(sum, x, a, b, first, K);
    add_terms(sum, x, a, b, 0, first);
    const void *pc = moved(x.pc, x.c, i * x.c.stride);
    void *pd = (void *)moved(x.pd, d, i * d.stride);
    for (uint64_t c = 0; c < d.cols; c++)
        for (uint64_t r = 0; r < d.rows; r++) {
            float y = sum[c * d.rows + r];
            if (x.beta != 0)
                y += x.beta * at(pc, x.c.type, c * (uint64_t)x.c.ld + r);
            if (x.how.after == CUBLASLT_EPILOGUE_BIAS)
                y += at(x.how.bias, (cudaDataType)x.how.bias_type, r);
            if (d.type == CUDA_R_16BF)
                ((uint16_t *)pd)[c * (uint64_t)d.ld + r] = to_bf16(y);
            else
                ((float *)pd)[c * (uint64_t)d.ld + r] = y;
        }
}

bool fits(const struct call &x)
{
    bool at_n = x.how.a == CUBLAS_OP_N, bt_n = x.how.b == CUBLAS_OP_N;
    uint64_t m = at_n ? x.a.rows : x.a.cols, k = at_n ? x.a.cols : x.a.rows;
    uint64_t k2 = bt_n ? x.b.rows : x.b.cols, n = bt_n ? x.b.cols : x.b.rows;
    const struct matrix *all[] = {&x.a, &x.b, &x.c, &x.d};
    for (const struct matrix *one : all)
        if (one->ld < (int64_t)one->rows || one->batch != x.d.batch || one->batch < 1)
            return false;
    return k == k2 && x.d.rows == m && x.d.cols == n && x.c.rows == m && x.c.cols == n;
}

/* Both along what is summed over, not both e5m2, multiples of 16, on boundaries of 16 bytes. */
bool codes_go(const struct call &x)
{
    const struct matrix *all[] = {&x.a, &x.b, &x.d};
    bool fits = x.how.a == CUBLAS_OP_T && x.how.b == CUBLAS_OP_N && x.how.a_step && x.how.b_step &&
                is_code(x.b.type) && !(x.a.type == CUDA_R_8F_E5M2 && x.b.type == CUDA_R_8F_E5M2);
    for (const struct matrix *m : all)
        fits = fits && m->rows % 16 == 0 && m->cols % 16 == 0 && m->ld % 16 == 0;
    bool bias_goes = x.how.after == CUBLASLT_EPILOGUE_DEFAULT || x.how.bias_type == CUDA_R_16BF;
    bool d_goes = x.d.type == CUDA_R_32F || x.d.type == CUDA_R_16BF;
    return fits && bias_goes && d_goes && x.c.type == x.d.type;
}

bool types_go(const struct call &x)
{
    if (is_code(x.a.type) || is_code(x.b.type))
        return codes_go(x);
    bool bias_goes = x.how.after == CUBLASLT_EPILOGUE_DEFAULT || x.how.bias_type == x.d.type;
    return x.a.type == x.b.type && x.c.type == x.d.type && bias_goes &&
           (x.d.type == CUDA_R_32F || x.a.type == CUDA_R_16BF);
}

} /* namespace */

/* --- what the library offers --- */

const char *cublasLtGetStatusString(cublasStatus_t s)
{
    return s == CUBLAS_STATUS_INVALID_VALUE   ? "sizes that do not fit"
           : s == CUBLAS_STATUS_NOT_SUPPORTED ? "types that do not go together"
                                              : "an error that was asked for";
}

size_t cublasLtGetVersion(void)
{
    return 1;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *lt)
{
    openblas_set_num_threads(1);
    *lt = (cublasLtHandle_t)malloc(1);
    return emu::fails("cublasLtCreate") ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t lt)
{
    free(lt);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *m, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld)
{
    *m = (cublasLtMatrixLayout_t) new matrix{type, rows, cols, ld, 0, 1};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t m)
{
    delete of(m);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t m,
                                                cublasLtMatrixLayoutAttribute_t what,
                                                const void *value, size_t n)
{
    switch (what) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
        return take(&of(m)->batch, value, n);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
        return take(&of(m)->stride, value, n);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *p, cublasComputeType_t compute,
                                        cudaDataType_t scale)
{
    if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    *p = (cublasLtMatmulDesc_t) new product{
        CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, NULL, -1, NULL, NULL, 0};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t p)
{
    delete of(p);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t p,
                                              cublasLtMatmulDescAttributes_t what,
                                              const void *value, size_t n)
{
    switch (what) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return take(&of(p)->a, value, n);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return take(&of(p)->b, value, n);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return take(&of(p)->after, value, n);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return take(&of(p)->bias, value, n);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        return take(&of(p)->bias_type, value, n);
    case CUBLASLT_MATMUL_DESC_A_SCALE_POINTER:
        return take(&of(p)->a_step, value, n);
    case CUBLASLT_MATMUL_DESC_B_SCALE_POINTER:
        return take(&of(p)->b_step, value, n);
    case CUBLASLT_MATMUL_DESC_FAST_ACCUM:
        return take(&of(p)->fast, value, n);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *w)
{
    *w = (cublasLtMatmulPreference_t) new wish{0, CUBLASLT_REDUCTION_SCHEME_MASK};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t w)
{
    delete of(w);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t w,
                                                    cublasLtMatmulPreferenceAttributes_t what,
                                                    const void *value, size_t n)
{
    switch (what) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return take(&of(w)->workspace_bytes, value, n);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return take(&of(w)->reductions, value, n);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        return take(&of(w)->align_a, value, n);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        return take(&of(w)->align_b, value, n);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        return take(&of(w)->align_c, value, n);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return take(&of(w)->align_d, value, n);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

/* Two, which compute alike. */
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t p,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t w, int most,
                                              cublasLtMatmulHeuristicResult_t found[], int *n)
{
    struct call x = {*of(p), *of(a), *of(b), *of(c), *of(d), 1, 0, NULL, NULL, NULL, NULL, 0};
    *n = 0;
    if (!fits(x))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!types_go(x))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    for (; *n < 2 && *n < most; (*n)++) {
        memset(&found[*n], 0, sizeof found[*n]);
        uint64_t *data = found[*n].algo.data;
        data[0] = (uint64_t)*n;
        data[1] = of(w)->align_a, data[2] = of(w)->align_b;
        data[3] = of(w)->align_c, data[4] = of(w)->align_d;
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t p, const void *alpha,
                              const void *A, cublasLtMatrixLayout_t a, const void *B,
                              cublasLtMatrixLayout_t b, const void *beta, const void *C,
                              cublasLtMatrixLayout_t c, void *D, cublasLtMatrixLayout_t d,
                              const cublasLtMatmulAlgo_t *algo, void *, size_t, cudaStream_t stream)
{
    struct call x = {
        *of(p), *of(a), *of(b), *of(c), *of(d),       *(const float *)alpha, *(const float *)beta,
        A,      B,      C,      D,      algo->data[0]};
    if (!fits(x))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!types_go(x))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    const void *const at[] = {A, B, C, D}; /* a GPU faults where one lies worse than was promised */
    for (int i = 0; i < 4; i++)
        if ((uintptr_t)at[i] % algo->data[1 + i] != 0)
            return CUBLAS_STATUS_INVALID_VALUE;
    if (algo->data[0] > 1 || emu::fails("cublasLtMatmul"))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    emu::submit(stream, [=] {
        for (int32_t i = 0; i < x.d.batch; i++)
            multiply(x, i);
    });
    return CUBLAS_STATUS_SUCCESS;
}
