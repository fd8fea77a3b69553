/* Programs as a whole: building, differentiating, planning, running. */
#include "mini.h"

#include "str.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static float loss_of(struct mini *m)
{
    struct rn_err err = {0};
    float loss;
    must(rn_prog_get(m->prog, m->loss, &loss, &err), &err);
    return loss;
}

/* --- planning --- */

Test(plan, reuse_of_memory_changes_no_bit)
{
    struct mini a, b;
    size_t n, nb;
    mini_init(&a, 2, 2, 20, true);
    mini_init(&b, 2, 2, 20, false);
    cr_assert_lt(rn_prog_bytes(a.prog), rn_prog_bytes(b.prog) * 2 / 3);
    poison_planned(a.prog);
    run_with_dead_poisoned(a.prog);
    mini_step(&b);
    struct rn_err err = {0};
    must(rn_prog_run(a.opt, &err), &err);
    float *wa = mini_weights(&a, &n), *wb = mini_weights(&b, &nb);
    float la = loss_of(&a), lb = loss_of(&b);
    cr_assert(la == lb && la > 3 && la < 6, "loss %g and %g", (double)la, (double)lb);
    cr_assert_eq(memcmp(wa, wb, n * sizeof *wa), 0);
    free(wa);
    free(wb);
    mini_release(&a);
    mini_release(&b);
}

Test(plan, what_is_made_again_has_the_same_bits_in_less_memory)
{
    struct mini kept, again;
    struct rn_err err = {0};
    size_t n;
    mini_init(&kept, 2, 2, 40, true);
    mini_init_recompute(&again, 2, 2, 40);
    cr_expect_lt(rn_prog_bytes(again.prog), rn_prog_bytes(kept.prog));
    poison_planned(again.prog);
    run_with_dead_poisoned(again.prog);
    must(rn_prog_run(kept.prog, &err), &err);
    float *a = mini_gradients(&kept, &n), *b = mini_gradients(&again, &n);
    cr_expect_eq(memcmp(a, b, n * sizeof *a), 0);
    cr_expect(loss_of(&kept) == loss_of(&again));
    free(a);
    free(b);
    mini_release(&kept);
    mini_release(&again);
}

/* Would the check above see a lifetime that ends too early? */
Test(plan, a_lifetime_cut_short_is_seen)
{
    struct mini m;
    mini_init(&m, 1, 1, 6, true);
    rn_val x = rn_prog_find(m.prog, "rmsnorm"); /* x0 */
    rn_value_at(m.prog, x)->dies = rn_value_at(m.prog, x)->born;
    run_with_dead_poisoned(m.prog);
    cr_assert(isnan(loss_of(&m)));
    mini_release(&m);
}

static bool live_together(const struct rn_value *a, const struct rn_value *b)
{
    return a->born <= b->dies && b->born <= a->dies;
}

static bool overlap(const struct rn_value *a, const struct rn_value *b)
{
    return a->offset < b->offset + rn_value_bytes(b) && b->offset < a->offset + rn_value_bytes(a);
}

Test(plan, values_that_live_together_lie_apart)
{
    struct mini m;
    mini_init(&m, 1, 2, 20, true);
    const struct rn_prog *p = m.prog;
    int pairs = 0, handovers = 0;
    for (rn_val i = 0; i < p->n_values; i++)
        for (rn_val j = i + 1; j < p->n_values; j++) {
            const struct rn_value *a = rn_value_at(p, i), *b = rn_value_at(p, j);
            if (a->root != i || b->root != j || !rn_role_is_planned(a->role) ||
                !rn_role_is_planned(b->role) || !live_together(a, b))
                continue;
            pairs++;
            bool handed_on =
                (a->dies == b->born && b->over == i) || (b->dies == a->born && a->over == j);
            cr_expect(handed_on || !overlap(a, b), "%s and %s", a->name, b->name);
            handovers += handed_on;
        }
    cr_assert_gt(pairs, 500);
    cr_assert_gt(handovers, 5);
    mini_release(&m);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they need address space */
Test(plan, too_much_memory_is_an_error_that_says_how_much)
{
    struct rn_err err = {0};
    struct rn_device *dev;
    struct rn_params *ps;
    must(rn_device_open(&dev, "cpu", 1, NULL, &err), &err);
    must(rn_params_new(&ps, dev, NULL, 0, false, &err), &err);
    struct rn_prog *p = rn_prog_new(ps);
    rn_prog_state(p, "huge", RN_F32, RN_SHAPE(INT64_C(1) << 38));
    struct rlimit limit = {INT64_C(1) << 36, INT64_C(1) << 36};
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    cr_assert_eq(rn_prog_plan(p, &err), RN_ENOMEM);
    cr_assert_not_null(strstr(err.msg, "1.0 TiB"), "%s", err.msg);
    rn_prog_free(p);
    rn_params_free(ps);
    rn_device_close(dev);
}
#endif

/* --- determinism --- */

static void expect_same_bits(int threads)
{
    struct mini a, b;
    size_t n;
    mini_init(&a, 1, 3, 150, true);
    mini_init(&b, threads, 3, 150, true);
    for (int step = 0; step < 2; step++) {
        struct rn_err err = {0};
        must(rn_prog_run(a.prog, &err), &err);
        must(rn_prog_run(b.prog, &err), &err);
        float *ga = mini_gradients(&a, &n), *gb = mini_gradients(&b, &n);
        cr_expect_eq(memcmp(ga, gb, n * sizeof *ga), 0, "gradients of step %d", step);
        free(ga);
        free(gb);
        must(rn_prog_run(a.opt, &err), &err);
        must(rn_prog_run(b.opt, &err), &err);
    }
    float *wa = mini_weights(&a, &n), *wb = mini_weights(&b, &n);
    cr_expect_eq(memcmp(wa, wb, n * sizeof *wa), 0, "weights");
    cr_expect(loss_of(&a) == loss_of(&b));
    free(wa);
    free(wb);
    mini_release(&a);
    mini_release(&b);
}

Test(threads, two_give_the_bits_of_one)
{
    expect_same_bits(2);
}

Test(threads, four_give_the_bits_of_one)
{
    expect_same_bits(4);
}

/* --- training --- */

Test(train, the_loss_falls_and_gradients_are_cleared)
{
    struct mini m;
    size_t n;
    mini_init(&m, 2, 2, 20, true);
    mini_step(&m);
    float first = loss_of(&m);
    for (int i = 0; i < 10; i++)
        mini_step(&m);
    cr_expect(loss_of(&m) < first - 1, "%g after %g", (double)loss_of(&m), (double)first);
    float *g = mini_gradients(&m, &n);
    for (size_t i = 0; i < n; i++)
        cr_assert(g[i] == 0);
    free(g);
    mini_release(&m);
}

/* --- no allocation: malloc and friends of this program and its plugins come by here --- */

/* Sanitizers have a malloc of their own; clang's OpenMP takes memory for every region. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
static volatile long allocations;

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t each)
{
    allocations++;
    return __libc_calloc(n, each);
}
void *realloc(void *old, size_t n)
{
    allocations++;
    return __libc_realloc(old, n);
}

Test(run, allocates_nothing)
{
    struct mini m;
    mini_init(&m, 2, 2, 20, true);
    mini_step(&m); /* OpenMP and OpenBLAS make their threads and buffers */
    long before = allocations;
    cr_assert_gt(before, 100, "the counter counts");
    for (int i = 0; i < 3; i++)
        mini_step(&m);
    cr_assert_eq(allocations, before, "%ld allocations", allocations - before);
    mini_release(&m);
}
#endif

/* --- errors of the builder --- */

struct bench { /* an empty program with one weight (4,3) */
    struct rn_device *dev;
    struct rn_params *ps;
    struct rn_prog *p;
};

static void bench_init(struct bench *b)
{
    static const struct rn_param_spec spec = {"w", {2, {4, 3}}};
    struct rn_err err = {0};
    must(rn_device_open(&b->dev, "cpu", 1, NULL, &err), &err);
    must(rn_params_new(&b->ps, b->dev, &spec, 1, true, &err), &err);
    b->p = rn_prog_new(b->ps);
}

static void bench_release(struct bench *b)
{
    rn_prog_free(b->p);
    rn_params_free(b->ps);
    rn_device_close(b->dev);
}

static void expect_refused(struct bench *b, const char *message)
{
    struct rn_err err = {0};
    cr_expect_eq(rn_prog_plan(b->p, &err), RN_ECONFIG);
    cr_expect_str_eq(err.msg, message);
    bench_release(b);
}

Test(build, a_wrong_shape_sticks_and_names_op_and_shapes)
{
    struct bench b;
    bench_init(&b);
    rn_val x[2] = {rn_prog_input(b.p, "x", RN_F32, RN_SHAPE(2, 5)), rn_prog_weight(b.p, "w")};
    rn_val y = rn_prog_op(b.p, RN_OP_LINEAR, "h.0.fc", x, 2, (struct rn_attrs){0});
    cr_expect_eq(y, RN_NONE);
    y = rn_prog_op(b.p, RN_OP_GELU, "later", &y, 1, (struct rn_attrs){0});
    rn_prog_pin(b.p, rn_prog_out(b.p, y, 1));
    rn_prog_backward(b.p, y);
    expect_refused(&b, "linear 'h.0.fc': x and w disagree about K, got (2,5), (4,3)");
}

Test(build, a_weight_that_is_not_there_is_named)
{
    struct bench b;
    bench_init(&b);
    cr_expect_eq(rn_prog_weight(b.p, "wpe"), RN_NONE);
    expect_refused(&b, "the model has no weight 'wpe'");
}

Test(build, operands_are_checked_for_dtype_presence_and_ownership)
{
    struct bench b;
    bench_init(&b);
    rn_val w = rn_prog_weight(b.p, "w"), x[2] = {w, w};
    rn_prog_op(b.p, RN_OP_EMBED, "e", x, 2, (struct rn_attrs){0});
    expect_refused(&b, "embed 'e': an operand has the wrong dtype, got (4,3), (4,3)");

    bench_init(&b);
    w = rn_prog_weight(b.p, "w");
    rn_prog_op(b.p, RN_OP_LINEAR, "l", &w, 1, (struct rn_attrs){0});
    expect_refused(&b, "linear 'l': an operand is missing, got (4,3)");

    bench_init(&b);
    rn_val in = rn_prog_input(b.p, "in", RN_F32, RN_SHAPE(4, 3));
    rn_val a[] = {in, in, in, in, in};
    rn_prog_op(b.p, RN_OP_ADAMW, "a", a, 5, (struct rn_attrs){0});
    expect_refused(&b, "adamw 'a': an operand that the op changes is neither weight nor state, "
                       "got (4,3), (4,3), (4,3), (4,3), (4,3)");
}

Test(build, an_impossible_shape_is_refused_before_it_is_multiplied_out)
{
    struct bench b;
    bench_init(&b);
    rn_prog_input(b.p, "big", RN_F32, RN_SHAPE(INT64_MAX, 8));
    expect_refused(&b, "value 'big' has the impossible shape (9223372036854775807,8)");
    bench_init(&b);
    rn_prog_input(b.p, "none", RN_F32, RN_SHAPE(4, 0));
    expect_refused(&b, "value 'none' has the impossible shape (4,0)");
}

static int count_calls(const struct rn_prog *p, int kind, bool bwd)
{
    int n = 0;
    for (int i = 0; i < p->n_ops; i++)
        n += p->ops[i].kind == kind && p->ops[i].bwd == bwd;
    return n;
}

Test(build, the_last_op_does_both_ways_in_one_call)
{
    struct mini m;
    mini_init(&m, 1, 1, 6, true);
    cr_expect_eq(count_calls(m.prog, RN_OP_HEAD_LOSS, false), 0);
    cr_expect_eq(count_calls(m.prog, RN_OP_HEAD_LOSS, true), 1);
    mini_release(&m);
}

/* --- values --- */

Test(values, the_same_weight_twice_is_one_value)
{
    struct bench b;
    bench_init(&b);
    cr_expect_eq(rn_prog_weight(b.p, "w"), rn_prog_weight(b.p, "w"));
    cr_expect_eq(rn_prog_weight_grad(b.p, "w"), rn_prog_weight_grad(b.p, "w"));
    bench_release(&b);
}

Test(values, state_starts_at_zero_and_is_kept_between_runs)
{
    struct bench b;
    struct rn_err err = {0};
    bench_init(&b);
    rn_val x[5] = {rn_prog_input(b.p, "x", RN_F32, RN_SHAPE(1, 1, 2)),
                   rn_prog_const(b.p, "w", RN_F32, RN_SHAPE(1, 1), (float[]){0}),
                   rn_prog_const(b.p, "lambda", RN_F32, RN_SHAPE(1), (float[]){2}),
                   rn_prog_state(b.p, "cache", RN_F32, RN_SHAPE(1, 3, 2)),
                   rn_prog_input(b.p, "span", RN_I32, RN_SHAPE(1, 2))};
    rn_val y = rn_prog_op(b.p, RN_OP_SMEAR_DECODE, "y", x, 5, (struct rn_attrs){0});
    rn_prog_pin(b.p, y);
    must(rn_prog_plan(b.p, &err), &err);
    cr_expect_eq(rn_prog_state_at(b.p, 0), x[3]);
    cr_expect_eq(rn_prog_state_at(b.p, 1), RN_NONE);
    float in[2] = {3, 5}, out[2];
    must(rn_prog_put(b.p, x[0], in, &err), &err);
    must(rn_prog_put(b.p, x[4], (int32_t[]){1, 1}, &err), &err);
    must(rn_prog_run(b.p, &err), &err);
    must(rn_prog_get(b.p, y, out, &err), &err);
    cr_expect(out[0] == 3 && out[1] == 5);
    must(rn_prog_put(b.p, x[4], (int32_t[]){2, 1}, &err), &err);
    must(rn_prog_run(b.p, &err), &err); /* 2 * sigmoid(0) * previous is added */
    must(rn_prog_get(b.p, y, out, &err), &err);
    cr_expect(out[0] == 6 && out[1] == 10);
    bench_release(&b);
}

/* x + 2 * sigmoid(0) * previous, in a program of its own. */
static struct rn_prog *smearing(struct bench *b, const struct rn_prog *lender, rn_val x[5],
                                rn_val *y)
{
    struct rn_err err = {0};
    struct rn_prog *p = rn_prog_new(b->ps);
    x[0] = rn_prog_const(p, "x", RN_F32, RN_SHAPE(1, 1, 2), (float[]){3, 5});
    x[1] = rn_prog_const(p, "w", RN_F32, RN_SHAPE(1, 1), (float[]){0});
    x[2] = rn_prog_const(p, "lambda", RN_F32, RN_SHAPE(1), (float[]){2});
    x[3] = rn_prog_state(p, "cache", RN_F32, RN_SHAPE(1, 3, 2));
    x[4] = rn_prog_input(p, "span", RN_I32, RN_SHAPE(1, 2));
    *y = rn_prog_op(p, RN_OP_SMEAR_DECODE, "y", x, 5, (struct rn_attrs){0});
    rn_prog_pin(p, *y);
    if (lender)
        rn_prog_borrow_states(p, lender);
    must(rn_prog_plan(p, &err), &err);
    return p;
}

Test(values, a_borrowed_state_is_the_lenders)
{
    struct bench b;
    struct rn_err err = {0};
    rn_val x[5], y;
    float out[2];
    bench_init(&b);
    struct rn_prog *lender = smearing(&b, NULL, x, &y);
    must(rn_prog_put(lender, x[4], (int32_t[]){0, 1}, &err), &err);
    must(rn_prog_run(lender, &err), &err);
    struct rn_prog *p = smearing(&b, lender, x, &y);
    must(rn_prog_put(p, x[4], (int32_t[]){1, 1}, &err), &err);
    must(rn_prog_run(p, &err), &err);
    must(rn_prog_get(p, y, out, &err), &err);
    cr_expect(out[0] == 6 && out[1] == 10);
    rn_prog_free(p);
    must(rn_prog_run(lender, &err), &err); /* its memory is still there */
    rn_prog_free(lender);
    bench_release(&b);
}

Test(values, a_view_shares_memory_and_gradient)
{
    struct bench b;
    struct rn_err err = {0};
    bench_init(&b);
    rn_val w = rn_prog_weight(b.p, "w");
    rn_val x = rn_prog_op(b.p, RN_OP_SCALE, "x", &w, 1, (struct rn_attrs){.f = {2}});
    rn_val v = rn_prog_op(b.p, RN_OP_VIEW, "v", &x, 1, (struct rn_attrs){.i = {1, 12}});
    rn_val dot[2] = {v, v};
    rn_val loss = rn_prog_op(b.p, RN_OP_LINEAR, "dot", dot, 2, (struct rn_attrs){0});
    rn_prog_backward(b.p, loss);
    must(rn_prog_plan(b.p, &err), &err);
    cr_expect_eq(rn_value_at(b.p, v)->data, rn_value_at(b.p, x)->data);
    float ones[12], g[12];
    for (int i = 0; i < 12; i++)
        ones[i] = 1;
    must(rn_params_put(b.ps, 0, ones, &err), &err);
    must(rn_prog_run(b.p, &err), &err); /* loss = sum (2w)^2: gradient 8w */
    must(rn_params_get_grad(b.ps, 0, g, &err), &err);
    for (int i = 0; i < 12; i++)
        cr_expect(g[i] == 8);
    bench_release(&b);
}

/* --- the listing --- */

Test(explain, is_one_line_an_op)
{
    struct bench b;
    struct rn_err err = {0};
    bench_init(&b);
    rn_val w = rn_prog_weight(b.p, "w"), x = rn_prog_input(b.p, "x", RN_F32, RN_SHAPE(2, 3));
    rn_val y = rn_prog_op(b.p, RN_OP_LINEAR, "fc", (rn_val[]){x, w}, 2, (struct rn_attrs){0});
    rn_val v = rn_prog_op(b.p, RN_OP_VIEW, "flat", &y, 1, (struct rn_attrs){.i = {1, 8}});
    rn_val loss = rn_prog_op(b.p, RN_OP_LINEAR, "dot", (rn_val[]){v, v}, 2, (struct rn_attrs){0});
    rn_prog_backward(b.p, loss);
    must(rn_prog_plan(b.p, &err), &err);
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    rn_prog_explain(b.p, f);
    fclose(f);
    const char *want =
        "  op dir kind             name                             operands -> results, as "
        "value(shape)\n"
        "   0 fwd linear           fc                               1(2,3) 0(4,3) -> 2(2,4)  "
        "4.8e-05 Mflop  at 0\n"
        "   1 fwd linear           dot                              3(1,8) 3(1,8) -> 4(1,1)  "
        "1.6e-05 Mflop  at 256\n"
        "   2 bwd linear           dot                              5(1,1) -> 7(1,8) 7(1,8)  acc "
        "2  3.2e-05 Mflop  at 256\n"
        "   3 bwd linear           fc                               6(2,4) -> 8(4,3)  acc 2  "
        "4.8e-05 Mflop  at -1\n"
        "4 ops, 9 values, 1.44e-07 Gflop, 1.0 KiB planned (0 B of it scratch)\n";
    cr_expect_str_eq(text, want);
    free(text);
    bench_release(&b);
}

/* --- decoding --- */

enum { DB = 2, DT = 11, DH = 4, DK = 2, DD = 6 };

static struct rn_shape qkv_shape(int i, int64_t T)
{
    return RN_SHAPE(DB, T, i == 0 ? DH : DK, DD);
}

static float qkv_value(int i, int64_t b, int64_t t, int64_t at)
{
    return sinf((float)(1 + i * 977 + b * 313 + t * 37 + at * 5));
}

static void put_qkv(struct rn_prog *p, const rn_val x[3], int64_t from, int64_t T)
{
    struct rn_err err = {0};
    for (int i = 0; i < 3; i++) {
        int64_t row = (i == 0 ? DH : DK) * DD;
        float *f = rn_xalloc((size_t)(DB * T * row) * sizeof *f);
        for (int64_t k = 0; k < DB * T * row; k++)
            f[k] = qkv_value(i, k / row / T, from + k / row % T, k % row);
        must(rn_prog_put(p, x[i], f, &err), &err);
        free(f);
    }
}

static rn_val full_program(struct bench *b, rn_val x[3], int64_t window)
{
    for (int i = 0; i < 3; i++)
        x[i] = rn_prog_input(b->p, "x", RN_F32, qkv_shape(i, DT));
    return rn_prog_op(b->p, RN_OP_ATTENTION, "y", x, 3,
                      (struct rn_attrs){.f = {0.4f}, .i = {window}});
}

static rn_val decode_program(struct bench *b, rn_val x[6], int64_t window)
{
    for (int i = 0; i < 3; i++)
        x[i] = rn_prog_input(b->p, "x", RN_F32, qkv_shape(i, 1));
    x[3] = rn_prog_state(b->p, "k", RN_F32, qkv_shape(1, DT));
    x[4] = rn_prog_state(b->p, "v", RN_F32, qkv_shape(2, DT));
    x[5] = rn_prog_input(b->p, "span", RN_I32, RN_SHAPE(DB, 2));
    return rn_prog_op(b->p, RN_OP_ATTENTION_DECODE, "y", x, 6,
                      (struct rn_attrs){.f = {0.4f}, .i = {window}});
}

static void expect_decode_agrees(int64_t window)
{
    struct bench full, one;
    struct rn_err err = {0};
    rn_val xf[3], xo[6];
    bench_init(&full);
    bench_init(&one);
    rn_val yf = full_program(&full, xf, window), yo = decode_program(&one, xo, window);
    rn_prog_pin(full.p, yf);
    rn_prog_pin(one.p, yo);
    must(rn_prog_plan(full.p, &err), &err);
    must(rn_prog_plan(one.p, &err), &err);
    float want[DB * DT * DH * DD], got[DB * DH * DD];
    put_qkv(full.p, xf, 0, DT);
    must(rn_prog_run(full.p, &err), &err);
    must(rn_prog_get(full.p, yf, want, &err), &err);
    for (int32_t t = 0; t < DT; t++) {
        put_qkv(one.p, xo, t, 1);
        must(rn_prog_put(one.p, xo[5], (int32_t[2 * DB]){t, 1, t, 1}, &err), &err);
        must(rn_prog_run(one.p, &err), &err);
        must(rn_prog_get(one.p, yo, got, &err), &err);
        for (int i = 0; i < DB * DH * DD; i++) {
            float w = want[(i / (DH * DD) * DT + t) * DH * DD + i % (DH * DD)];
            cr_assert(fabsf(got[i] - w) <= 2e-6f, "t %d: %g, not %g", t, (double)got[i], (double)w);
        }
    }
    bench_release(&full);
    bench_release(&one);
}

Test(decode, agrees_with_full_attention)
{
    expect_decode_agrees(-1);
}

Test(decode, agrees_with_windowed_attention)
{
    expect_decode_agrees(3);
}
