/* Products of eight-bit codes on every device that has them: the processor's, the GPU's own kernels
 * under guard, the GPU's backend over stand-ins. What a code stands for is spelt out here once
 * more, slowly: the nearest of all 256, the even one of two as near. */
#include "fp8.h"
#include "mini.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ATTRS(...) ((struct rn_attrs){__VA_ARGS__})
enum { HISTORY = 3, COLUMNS = RN_AMAX_HISTORY + HISTORY };

static const char *const device_names[] = {"cpu", "emu-kernels", "cuda-emu"};

/* NULL: not built. */
static struct rn_device *open_device(const char *name)
{
    struct rn_err err = {0};
    struct rn_device *dev;
    if (rn_device_find(name, &err) != RN_OK) {
        printf("SKIP: built without the CUDA toolkit, fp8 is not tested on %s\n", name);
        return NULL;
    }
    must(rn_device_open(&dev, name, 1, NULL, &err), &err);
    return dev;
}

/* --- codes, by their definition --- */

static double value_of(int code, int type)
{
    int digits = type == RN_E4M3 ? 3 : 2, bias = type == RN_E4M3 ? 7 : 15;
    int e = (code & 0x7f) >> digits, m = code & ((1 << digits) - 1);
    double x = e ? ldexp(1 + ldexp(m, -digits), e - bias) : ldexp(m, 1 - bias - digits);
    if (type == RN_E4M3 ? (code & 0x7f) == 0x7f : e == 31)
        return NAN; /* or e5m2's infinities, which nothing is rounded to */
    return code & 0x80 ? -x : x;
}

static int nearest(double x, int type)
{
    int best = 0, sign = signbit(x) ? 0x80 : 0;
    double least = INFINITY;
    if (!isfinite(x))
        return 0x7f;
    for (int code = 0; code < 0x80; code++) {
        double apart = fabs(value_of(code, type) - fmin(fabs(x), (double)rn_fp8_max(type)));
        if (apart < least || (apart == least && code % 2 == 0)) {
            least = apart;
            best = code;
        }
    }
    return sign | best;
}

/* Codes of not-a-number are several: one stands for all. */
static int plain(int code, int type)
{
    return isnan(value_of(code, type)) ? 0x7f : code;
}

/* --- one tensor --- */

struct rig {
    struct rn_device *dev;
    struct rn_params *params;
    struct rn_prog *prog;
    rn_val x, amax, codes;
    int64_t R, K;
};

static void rig_init(struct rig *g, struct rn_device *dev, int64_t R, int64_t K, int type,
                     bool current, float headroom)
{
    struct rn_err err = {0};
    struct rn_param_spec none = {"none", RN_SHAPE(1)};
    *g = (struct rig){.dev = dev, .R = R, .K = K};
    must(rn_params_new(&g->params, dev, &none, 1, false, &err), &err);
    g->prog = rn_prog_new(g->params);
    g->x = rn_prog_input(g->prog, "x", RN_F32, RN_SHAPE(R, K));
    g->amax = rn_prog_state(g->prog, "amax", RN_F32, RN_SHAPE(2, COLUMNS));
    rn_val in[] = {g->x, g->amax};
    g->codes = rn_prog_op(g->prog, RN_OP_QUANTIZE, "x8", in, 2,
                          ATTRS(.f = {headroom}, .i = {type, 1, current}));
    rn_prog_pin(g->prog, g->codes);
    rn_prog_pin(g->prog, rn_prog_out(g->prog, g->codes, 1));
    rn_prog_op(g->prog, RN_OP_AMAX_ROLL, "roll", &g->amax, 1, ATTRS(.i = {0}));
    must(rn_prog_plan(g->prog, &err), &err);
}

static void rig_release(struct rig *g)
{
    rn_prog_free(g->prog);
    rn_params_free(g->params);
}

/* Row 1 of amax before a run: what is known, nothing in the history. */
static void know(struct rig *g, float known)
{
    struct rn_err err = {0};
    float amax[2][COLUMNS] = {{0}};
    amax[1][RN_AMAX_KNOWN] = known;
    must(rn_prog_put(g->prog, g->amax, amax, &err), &err);
}

static void run(struct rig *g, const float *x, uint8_t *codes, float row[COLUMNS])
{
    struct rn_err err = {0};
    float amax[2][COLUMNS];
    size_t n = (size_t)(g->R * g->K);
    uint8_t *turned = malloc(n);
    must(rn_prog_put(g->prog, g->x, x, &err), &err);
    must(rn_prog_run(g->prog, &err), &err);
    must(rn_prog_get(g->prog, g->codes, codes, &err), &err);
    must(rn_prog_get(g->prog, rn_prog_out(g->prog, g->codes, 1), turned, &err), &err);
    must(rn_prog_get(g->prog, g->amax, amax, &err), &err);
    for (int64_t i = 0; i < g->R * g->K; i++)
        cr_assert_eq(turned[i % g->K * g->R + i / g->K], codes[i], "element %d turned", (int)i);
    memcpy(row, amax[1], sizeof amax[1]);
    free(turned);
}

/* Every code, every midpoint between two and its neighbours, both signs; what is beyond. */
static int64_t all_values(float *x, int type)
{
    int64_t n = 0;
    for (int code = 0; code < 0x7f; code++) {
        double a = value_of(code, type), b = value_of(code + 1, type);
        if (isnan(a))
            continue;
        float middle = (float)(isnan(b) ? a * 1.01 : (a + b) / 2);
        const float all[] = {(float)a, middle, nextafterf(middle, 0), nextafterf(middle, INFINITY)};
        for (size_t i = 0; i < 8; i++)
            x[n++] = i % 2 ? -all[i / 2] : all[i / 2];
    }
    const float more[] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, FLT_MAX, 1e-30f, FLT_MIN / 4};
    for (size_t i = 0; i < 8; i++)
        x[n++] = more[i];
    return n;
}

static void codes_are_exact(struct rn_device *dev, int type)
{
    enum { R = 80, K = 16 };
    float x[R * K] = {0}, row[COLUMNS];
    uint8_t codes[R * K];
    struct rig g;
    cr_assert_leq(all_values(x, type), R * K);
    rig_init(&g, dev, R, K, type, false, 1);
    know(&g, rn_fp8_max(type)); /* a code stands for itself */
    run(&g, x, codes, row);
    for (int i = 0; i < R * K; i++)
        cr_expect_eq(plain(codes[i], type), plain(nearest((double)x[i], type), type),
                     "%s: %g became %#x", rn_device_name(dev), (double)x[i], codes[i]);
    cr_expect_eq(row[RN_AMAX_STEP], 1);
    rig_release(&g);
}

static void on_all(void (*test)(struct rn_device *, int))
{
    for (size_t i = 0; i < sizeof device_names / sizeof *device_names; i++) {
        struct rn_device *dev = open_device(device_names[i]);
        if (!dev)
            continue;
        test(dev, RN_E4M3);
        test(dev, RN_E5M2);
        rn_device_close(dev);
    }
}

Test(fp8, every_code_every_midpoint_and_what_is_no_number)
{
    on_all(codes_are_exact);
}

static float *normal(const char *name, int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) { /* numbers of bf16: nothing else rounds them */
        uint32_t bits;
        x[i] = (float)rn_rand_normal(rn_stream(3, name), (uint64_t)i);
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0xffff0000u;
        memcpy(&x[i], &bits, sizeof bits);
    }
    return x;
}

static float largest_of(const float *x, int64_t n)
{
    float most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    return most;
}

/* Squares that are whole, cut short, and more than one. */
static void shapes_are_whole(struct rn_device *dev, int type)
{
    static const int64_t shapes[][2] = {{16, 16}, {64, 64}, {80, 48}, {32, 144}, {208, 64}};
    uint8_t codes[208 * 64];
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int64_t R = shapes[s][0], K = shapes[s][1], n = R * K;
        float *x = normal("shape", n), row[COLUMNS], most = largest_of(x, n);
        struct rig g;
        rig_init(&g, dev, R, K, type, true, 1);
        run(&g, x, codes, row);
        double scale = (double)rn_fp8_scale(most, type, 1);
        cr_expect_eq(row[RN_AMAX_HISTORY], most);
        for (int64_t i = 0; i < n; i++)
            cr_expect_eq(codes[i], nearest((double)(x[i] * (float)scale), type), "%s: element %d",
                         rn_device_name(dev), (int)i);
        rig_release(&g);
        free(x);
    }
}

Test(fp8, tensors_of_every_cut_are_rounded_and_turned)
{
    on_all(shapes_are_whole);
}

/* As many squares down as would end the launch if they stood in y (cuda_emu.cpp). */
static void rows_are_many(struct rn_device *dev, int type)
{
    enum { SQUARES = 257, R = SQUARES * 64, K = 16, LAST = R * K - K };
    float *x = normal("many", R * K), row[COLUMNS];
    uint8_t *codes = malloc(R * K);
    struct rig g;
    rig_init(&g, dev, R, K, type, true, 1);
    run(&g, x, codes, row);
    float scale = rn_fp8_scale(row[RN_AMAX_HISTORY], type, 1);
    for (int i = LAST; i < R * K; i++)
        cr_expect_eq(codes[i], nearest((double)(x[i] * scale), type));
    rig_release(&g);
    free(codes);
    free(x);
}

Test(fp8, rows_are_as_many_as_a_batch_has)
{
    on_all(rows_are_many);
}

/* --- scales --- */

/* A tensor whose largest magnitude is `most`, in one run; its row afterwards. */
static void run_of(struct rig *g, float most, float row[COLUMNS])
{
    float x[16 * 16] = {0};
    uint8_t codes[16 * 16];
    x[77] = -most;
    x[5] = most / 2;
    run(g, x, codes, row);
}

static void scales_follow_the_history(struct rn_device *dev, int type)
{
    struct rig g;
    float row[COLUMNS], max = rn_fp8_max(type);
    rig_init(&g, dev, 16, 16, type, false, 1);
    run_of(&g, 8, row); /* nothing is known: by itself */
    cr_expect_eq(row[RN_AMAX_STEP], 8 / max);
    cr_expect_eq(row[RN_AMAX_KNOWN], 8);
    run_of(&g, 2, row); /* by what was: 8 */
    cr_expect_eq(row[RN_AMAX_STEP], 8 / max);
    run_of(&g, 4, row);
    run_of(&g, 1, row); /* the last that remembers the 8: three runs */
    cr_expect_eq(row[RN_AMAX_STEP], 8 / max);
    cr_expect_eq(row[RN_AMAX_KNOWN], 4);
    cr_expect_eq(row[RN_AMAX_CUT], 0);
    run_of(&g, 16, row); /* cut off at 4 */
    cr_expect_eq(row[RN_AMAX_STEP], 4 / max);
    cr_expect_eq(row[RN_AMAX_CUT], 1);
    cr_expect_eq(row[RN_AMAX_KNOWN], 16);
    rig_release(&g);
}

Test(fp8, delayed_scales_follow_the_largest_of_as_many_runs_as_the_history_has)
{
    on_all(scales_follow_the_history);
}

static void scales_follow_the_run(struct rn_device *dev, int type)
{
    struct rig g;
    float row[COLUMNS], max = rn_fp8_max(type);
    rig_init(&g, dev, 16, 16, type, true, 0.5f);
    for (int i = 0; i < 3; i++) {
        run_of(&g, (float)(1 << i), row);
        cr_expect_eq(row[RN_AMAX_STEP], (float)(2 << i) / max, "a margin of 1 halves the scale");
    }
    cr_expect_eq(row[RN_AMAX_CUT], 0);
    rig_release(&g);
}

Test(fp8, current_scales_follow_the_run_and_a_margin_leaves_room)
{
    on_all(scales_follow_the_run);
}

/* What is not finite makes NaN, which the loss shows, and is forgotten: later runs are sound. */
static void infinities_are_forgotten(struct rn_device *dev, int type)
{
    static const float bad[] = {INFINITY, NAN};
    for (int i = 0; i < 2; i++) {
        struct rig g;
        float x[16 * 16] = {0}, row[COLUMNS];
        uint8_t codes[16 * 16];
        rig_init(&g, dev, 16, 16, type, i == 1, 1);
        run_of(&g, 2, row);
        x[3] = bad[i];
        x[4] = 1;
        run(&g, x, codes, row);
        cr_expect(isnan(value_of(codes[3], type)));
        cr_expect(!isnan(value_of(codes[4], type)));
        cr_expect_eq(row[RN_AMAX_KNOWN], 2);
        run_of(&g, 2, row);
        cr_expect_eq(row[RN_AMAX_STEP], 2 / rn_fp8_max(type));
        rig_release(&g);
    }
}

Test(fp8, what_is_not_finite_becomes_nan_and_scales_nothing_later)
{
    on_all(infinities_are_forgotten);
}

static void zeros_have_a_scale(struct rn_device *dev, int type)
{
    struct rig g;
    float row[COLUMNS];
    rig_init(&g, dev, 16, 16, type, false, 1);
    run_of(&g, 0, row);
    cr_expect_eq(row[RN_AMAX_STEP], 1);
    run_of(&g, 1e-38f, row); /* its scale would not be a number */
    cr_expect(isnormal(row[RN_AMAX_STEP]));
    cr_expect_eq(row[RN_AMAX_CUT], 0);
    rig_release(&g);
}

/* Times the scale of what was tiny it is no number any more, and yet only cut off. */
static void the_largest_number_is_cut_off(struct rn_device *dev, int type)
{
    struct rig g;
    float x[16 * 16] = {0}, row[COLUMNS];
    uint8_t codes[16 * 16];
    x[1] = -FLT_MAX;
    rig_init(&g, dev, 16, 16, type, false, 1);
    know(&g, 1e-9f);
    run(&g, x, codes, row);
    cr_expect_eq(codes[1], nearest((double)-rn_fp8_max(type), type));
    cr_expect_eq(row[RN_AMAX_CUT], 1);
    rig_release(&g);
}

Test(fp8, the_largest_number_there_is_is_cut_off)
{
    on_all(the_largest_number_is_cut_off);
}

Test(fp8, zeros_and_what_is_nearly_zero_have_a_scale)
{
    on_all(zeros_have_a_scale);
}

/* --- a linear layer --- */

enum { ROW_X, ROW_W, ROW_DY };
struct layer {
    int64_t R, N, K;
    bool kn, bias;
    int forward, backward; /* types of codes */
    enum rn_dtype compute;
    float known; /* of each tensor's largest, what the history says */
};

static rn_val emit_layer(struct rn_prog *p, const struct layer *l, rn_val amax)
{
    rn_val x = rn_prog_weight(p, "x"), w = rn_prog_weight(p, "w");
    x = rn_prog_op(p, RN_OP_SCALE, "value", &x, 1, ATTRS(.f = {1}));
    rn_val of_x[] = {x, amax}, of_w[] = {w, amax};
    rn_val x8 =
        rn_prog_op(p, RN_OP_QUANTIZE, "x8", of_x, 2, ATTRS(.f = {1}, .i = {l->forward, ROW_X, 0}));
    rn_val w8 =
        rn_prog_op(p, RN_OP_QUANTIZE, "w8", of_w, 2, ATTRS(.f = {1}, .i = {l->forward, ROW_W, 0}));
    rn_val wt = rn_prog_out(p, w8, 1);
    rn_val in[] = {x,
                   w,
                   l->bias ? rn_prog_weight(p, "bias") : RN_NONE,
                   x8,
                   rn_prog_out(p, x8, 1),
                   l->kn ? wt : w8,
                   l->kn ? w8 : wt,
                   amax};
    return rn_prog_op(p, RN_OP_LINEAR_FP8, "y", in, 8,
                      ATTRS(.f = {1}, .i = {l->backward, ROW_DY, 0, l->kn, ROW_X, ROW_W}));
}

/* The loss is r . y: the gradient of y is r. */
static void emit_loss(struct rn_prog *p, rn_val y, const float *r, int64_t n)
{
    rn_val flat = rn_prog_op(p, RN_OP_VIEW, "flat", &y, 1, ATTRS(.i = {1, n}));
    rn_val in[] = {flat, rn_prog_const(p, "r", RN_F32, RN_SHAPE(1, n), r)};
    rn_prog_backward(p, rn_prog_op(p, RN_OP_LINEAR, "loss", in, 2, ATTRS(.i = {0})));
}

/* As codes say it: the value times its step. */
static double *quantized(const float *x, int64_t n, int type, float known)
{
    double *q = malloc((size_t)n * sizeof *q);
    float scale = rn_fp8_scale(known * largest_of(x, n), type, 1);
    for (int64_t i = 0; i < n; i++)
        q[i] = value_of(nearest((double)(x[i] * scale), type), type) / (double)scale;
    return q;
}

struct tensor {
    const char *name;
    int64_t n;
    float *got;
    double *want;
};

static void compare(const char *device, const struct layer *l, const struct tensor *t)
{
    double worst = 0, most = 0;
    for (int64_t i = 0; i < t->n; i++) {
        worst = fmax(worst, fabs((double)t->got[i] - t->want[i]));
        most = fmax(most, fabs(t->want[i]));
        cr_assert(isfinite(t->got[i]));
    }
    cr_expect(worst <= 1e-5 * most || (l->compute == RN_BF16 && worst <= most / 256),
              "%s, %s %s: %s is off by %.3g of %.3g", device, l->kn ? "(K,N)" : "(N,K)",
              l->compute == RN_BF16 ? "bf16" : "fp32", t->name, worst, most);
}

struct numbers {
    float *x, *w, *bias, *r; /* (R,K); (N,K) or (K,N); (N); the gradient of y (R,N) */
};

static struct numbers numbers_of(const struct layer *l)
{
    struct numbers n = {normal("x", l->R * l->K), normal("w", l->N * l->K), normal("b", l->N),
                        normal("r", l->R * l->N)};
    for (int64_t i = 0; i < l->R * l->N; i++)
        n.r[i] *= 0x1p-13f; /* gradients are small */
    return n;
}

static void numbers_free(struct numbers *n)
{
    free(n->x);
    free(n->w);
    free(n->bias);
    free(n->r);
}

static struct rn_params *params_of(struct rn_device *dev, const struct layer *l,
                                   const struct numbers *v)
{
    struct rn_err err = {0};
    struct rn_params *params;
    struct rn_param_spec specs[] = {{"x", RN_SHAPE(l->R, l->K)},
                                    {"w", l->kn ? RN_SHAPE(l->K, l->N) : RN_SHAPE(l->N, l->K)},
                                    {"bias", RN_SHAPE(l->N)}};
    const float *host[] = {v->x, v->w, v->bias};
    must(rn_params_new(&params, dev, specs, 3, true, &err), &err);
    for (size_t i = 0; i < 3; i++)
        must(rn_params_put(params, i, host[i], &err), &err);
    return params;
}

/* The largest magnitudes of runs before. */
static void put_history(struct rn_prog *p, rn_val amax, const struct layer *l,
                        const struct numbers *v)
{
    struct rn_err err = {0};
    float known[3][COLUMNS] = {{0}};
    known[ROW_X][RN_AMAX_KNOWN] = l->known * largest_of(v->x, l->R * l->K);
    known[ROW_W][RN_AMAX_KNOWN] = l->known * largest_of(v->w, l->N * l->K);
    known[ROW_DY][RN_AMAX_KNOWN] = l->known * largest_of(v->r, l->R * l->N);
    must(rn_prog_put(p, amax, known, &err), &err);
}

/* What y, dx, dw and dbias should be. */
static void refer(const struct layer *l, const struct numbers *v, struct tensor t[4])
{
    double *xq = quantized(v->x, l->R * l->K, l->forward, l->known);
    double *wq = quantized(v->w, l->N * l->K, l->forward, l->known);
    double *rq = quantized(v->r, l->R * l->N, l->backward, l->known);
    for (int64_t i = 0; i < l->R; i++)
        for (int64_t n = 0; n < l->N; n++) {
            double *y = &t[0].want[i * l->N + n], dy = rq[i * l->N + n];
            *y = l->bias ? (double)v->bias[n] : 0;
            t[3].want[n] += (double)v->r[i * l->N + n];
            for (int64_t k = 0; k < l->K; k++) {
                int64_t at = l->kn ? k * l->N + n : n * l->K + k;
                *y += xq[i * l->K + k] * wq[at];
                t[1].want[i * l->K + k] += dy * wq[at];
                t[2].want[at] += dy * xq[i * l->K + k];
            }
        }
    free(xq);
    free(wq);
    free(rq);
}

static void run_layer(struct rn_device *dev, const struct layer *l, const struct numbers *v,
                      struct tensor t[4])
{
    struct rn_err err = {0};
    struct rn_params *params = params_of(dev, l, v);
    struct rn_prog *p = rn_prog_new(params);
    rn_prog_compute_in(p, l->compute);
    rn_val amax = rn_prog_state(p, "amax", RN_F32, RN_SHAPE(3, COLUMNS));
    rn_val y = emit_layer(p, l, amax);
    rn_prog_pin(p, y);
    emit_loss(p, y, v->r, l->R * l->N);
    must(rn_prog_plan(p, &err), &err);
    put_history(p, amax, l, v);
    poison_planned(p);
    must(rn_prog_run(p, &err), &err);
    must(rn_prog_get(p, y, t[0].got, &err), &err);
    for (size_t i = 0; i < 3; i++)
        must(rn_params_get_grad(params, i, t[1 + i].got, &err), &err);
    rn_prog_free(p);
    rn_params_free(params);
}

static void layer_is_right(struct rn_device *dev, const struct layer *l)
{
    struct numbers v = numbers_of(l);
    struct tensor t[4] = {{"y", l->R * l->N},
                          {"dx", l->R * l->K},
                          {"dw", l->N * l->K},
                          {"dbias", l->bias ? l->N : 0}};
    for (int i = 0; i < 4; i++) {
        t[i].got = calloc((size_t)(t[i].n + l->N), sizeof(float));
        t[i].want = calloc((size_t)(t[i].n + l->N), sizeof(double));
    }
    run_layer(dev, l, &v, t);
    refer(l, &v, t);
    for (int i = 0; i < 4; i++) {
        compare(rn_device_name(dev), l, &t[i]);
        free(t[i].got);
        free(t[i].want);
    }
    numbers_free(&v);
}

Test(fp8, a_layer_multiplies_what_the_codes_stand_for)
{
    static const struct layer layers[] = {
        {32, 48, 16, false, false, RN_E4M3, RN_E5M2, RN_F32, 1},
        {16, 32, 80, true, true, RN_E4M3, RN_E5M2, RN_F32, 1},
        {32, 16, 16, false, true, RN_E4M3, RN_E4M3, RN_F32, 0.5f},
        {48, 32, 16, true, true, RN_E4M3, RN_E5M2, RN_BF16, 2},
        {16, 64, 32, false, false, RN_E5M2, RN_E5M2, RN_BF16, 1},
    };
    for (size_t d = 0; d < sizeof device_names / sizeof *device_names; d++) {
        struct rn_device *dev = open_device(device_names[d]);
        for (size_t i = 0; dev && i < sizeof layers / sizeof *layers; i++)
            layer_is_right(dev, &layers[i]);
        rn_device_close(dev);
    }
}
