/* Ops that a program says may be computed together (rn_prog_together) are, on a device that can: to
 * the bits of each by itself, in few launches. What each by itself should be: op_cases.c. */
#include "mini.h"
#include "op_batch.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ATTRS(...) ((struct rn_attrs){__VA_ARGS__})
enum { MANY = 70, STEPS = 2 }; /* more than a launch takes */
static const float hyper[] = {0.02f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f};

struct job { /* an op for each of n weights; stays where it is: names are its own */
    int kind, n;
    bool is_2026;
    enum rn_dtype compute;
    char names[MANY][8];
    struct rn_param_spec of[MANY];
};

static void add_weight(struct job *j, struct rn_shape shape, enum rn_dtype dtype)
{
    char *name = j->names[j->n];
    snprintf(name, sizeof j->names[0], "%d", j->n);
    j->of[j->n++] = (struct rn_param_spec){name, shape, dtype};
}

/* Which way to compute a product is the fastest is chance, for one matrix and for three; where the
 * choice cannot be kept it is the first one (matmul_choices.h), whose bits can be compared. */
static struct rn_device *open_emulated(void)
{
    struct rn_err err = {0};
    struct rn_device *dev;
    setenv("RUNNEL_CACHE", "/dev/null/nowhere", 1);
    if (rn_device_find("cuda-emu", &err) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit, its batches are not tested");
    must(rn_device_open(&dev, "cuda-emu", 1, NULL, &err), &err);
    return dev;
}

static float *numbers(const char *stream, int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)rn_rand_normal(rn_stream(1, stream), (uint64_t)i);
    return x;
}

static struct rn_params *weights_of(struct rn_device *dev, const struct job *j)
{
    struct rn_err err = {0};
    struct rn_params *ps;
    must(rn_params_new(&ps, dev, j->of, (size_t)j->n, true, &err), &err);
    for (int i = 0; i < j->n; i++) {
        float *x = numbers(j->names[i], rn_elems(j->of[i].shape));
        must(rn_params_put(ps, (size_t)i, x, &err), &err);
        free(x);
    }
    return ps;
}

static void put_gradients(struct rn_params *ps, const char *stream)
{
    struct rn_err err = {0};
    float *x = numbers(stream, (int64_t)(ps->grads_bytes / sizeof *x));
    must(ps->dev->be->put(ps->dev->ctx, ps->grads, x, ps->grads_bytes, &err), &err);
    free(x);
}

/* Of the second moment: as the weight; of Muon the longer side. */
static struct rn_shape second_shape(const struct job *j, int i)
{
    const struct rn_shape *s = &j->of[i].shape;
    if (j->kind == RN_OP_ADAMW)
        return *s;
    return RN_SHAPE(s->d[0] > s->d[1] ? s->d[0] : s->d[1]);
}

static void emit(struct rn_prog *p, const struct job *j, rn_val h)
{
    for (int i = 0; i < j->n; i++) {
        const struct rn_param_spec *s = &j->of[i];
        char first[16], second[16];
        snprintf(first, sizeof first, "m.%s", s->name);
        snprintf(second, sizeof second, "v.%s", s->name);
        rn_val x[] = {rn_prog_weight(p, s->name), rn_prog_weight_grad(p, s->name),
                      rn_prog_state(p, first, s->dtype, s->shape),
                      rn_prog_state(p, second, s->dtype, second_shape(j, i)), h};
        if (j->kind == RN_OP_MUON && !j->is_2026)
            x[3] = RN_NONE;
        rn_prog_op(p, j->kind, s->name, x, 5, ATTRS(.i = {0, j->is_2026}));
    }
}

struct bytes {
    char *p;
    size_t n;
};

static void append(struct bytes *b, struct rn_device *dev, const void *mem, size_t n)
{
    struct rn_err err = {0};
    b->p = realloc(b->p, b->n + n);
    must(dev->be->get(dev->ctx, b->p + b->n, mem, n, &err), &err);
    b->n += n;
}

/* Weights and moments after some steps. */
static struct bytes train(struct rn_device *dev, const struct job *j, bool together)
{
    static const char *const gradients[STEPS] = {"first", "second"};
    struct rn_err err = {0};
    struct bytes all = {0};
    struct rn_params *ps = weights_of(dev, j);
    struct rn_prog *p = rn_prog_new(ps);
    rn_prog_compute_in(p, j->compute);
    rn_val h = rn_prog_input(p, "hyper", RN_F32, RN_SHAPE(7));
    emit(p, j, h);
    if (together)
        rn_prog_together(p, j->n);
    must(rn_prog_plan(p, &err), &err);
    must(rn_prog_put(p, h, hyper, &err), &err);
    for (int step = 0; step < STEPS; step++) {
        put_gradients(ps, gradients[step]);
        poison_planned(p);
        must(rn_prog_run(p, &err), &err);
    }
    append(&all, dev, ps->weights, ps->size_bytes);
    append(&all, dev, p->held, p->held_bytes);
    rn_prog_free(p);
    rn_params_free(ps);
    return all;
}

static void expect_same_bits(struct rn_device *dev, const struct job *j)
{
    struct bytes alone = train(dev, j, false), together = train(dev, j, true);
    struct bytes again = train(dev, j, true);
    cr_assert(alone.n == together.n && alone.n == again.n);
    cr_expect_eq(memcmp(alone.p, together.p, alone.n), 0, "of %d", j->n);
    cr_expect_eq(memcmp(together.p, again.p, again.n), 0, "of %d", j->n);
    free(alone.p), free(together.p), free(again.p);
}

/* Of one element, of less than a vector, of several blocks; every third in bf16. */
static void many_weights(struct job *j)
{
    *j = (struct job){.kind = RN_OP_ADAMW};
    for (int i = 0; i < MANY; i++)
        add_weight(j, RN_SHAPE(1 + i * 37 % 11 * 457), i % 3 == 2 ? RN_BF16 : RN_F32);
}

/* --- bits --- */

Test(op_batch, of_adamw_is_bit_for_bit_each_weight_by_itself)
{
    struct rn_device *dev = open_emulated();
    struct job j;
    many_weights(&j);
    expect_same_bits(dev, &j);
    rn_device_close(dev);
}

Test(op_batch, of_muon_is_bit_for_bit_each_matrix_by_itself)
{
    static const struct {
        int64_t N, K;
        bool is_2026;
        enum rn_dtype compute;
    } shapes[] = {{6, 10, false, RN_F32}, {24, 9, false, RN_BF16}, {9, 24, true, RN_F32},
                  {33, 8, true, RN_BF16}, {16, 16, true, RN_F32},  {5, 7, true, RN_BF16}};
    struct rn_device *dev = open_emulated();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct job j = {RN_OP_MUON, .is_2026 = shapes[i].is_2026, .compute = shapes[i].compute};
        for (int k = 0; k < 3; k++)
            add_weight(&j, RN_SHAPE(shapes[i].N, shapes[i].K), RN_F32);
        expect_same_bits(dev, &j);
    }
    rn_device_close(dev);
}

/* Sums of squares, each going on from the one before; all of them are results. */
static struct rn_prog *chain_of_sums(struct rn_params *ps, const struct job *j, bool together)
{
    struct rn_prog *p = rn_prog_new(ps);
    rn_val sum = RN_NONE;
    for (int i = 0; i < j->n; i++) {
        rn_val x[] = {rn_prog_weight_grad(p, j->names[i]), sum};
        sum = rn_prog_op(p, RN_OP_SUMSQ, j->names[i], x, 2, ATTRS(.i = {0}));
        rn_prog_pin(p, sum);
    }
    if (together)
        rn_prog_together(p, j->n);
    return p;
}

static void sums_of(struct rn_device *dev, const struct job *j, bool together, float sums[MANY])
{
    struct rn_err err = {0};
    struct rn_params *ps = weights_of(dev, j);
    struct rn_prog *p = chain_of_sums(ps, j, together);
    must(rn_prog_plan(p, &err), &err);
    put_gradients(ps, "first");
    poison_planned(p);
    must(rn_prog_run(p, &err), &err);
    for (int i = 0; i < j->n; i++)
        must(rn_prog_get(p, p->ops[i].y[0], &sums[i], &err), &err);
    rn_prog_free(p);
    rn_params_free(ps);
}

Test(op_batch, of_sums_of_squares_is_bit_for_bit_one_after_the_other)
{
    struct rn_device *dev = open_emulated();
    struct job j;
    many_weights(&j);
    float alone[MANY], together[MANY];
    sums_of(dev, &j, false, alone);
    sums_of(dev, &j, true, together);
    cr_expect_eq(memcmp(alone, together, sizeof alone), 0);
    for (int i = 1; i < MANY; i++)
        cr_expect_gt(together[i], together[i - 1]);
    rn_device_close(dev);
}

/* --- launches --- */

static long launches(void)
{
    struct rn_err err = {0};
    char *path = rn_plugin_path("cuda-emu");
    void *entry;
    long (*count)(void);
    must(rn_plugin_load("cuda-emu", path, "emu_launches", &entry, &err), &err);
    memcpy(&count, &entry, sizeof count);
    free(path);
    return count();
}

/* Of one run, in which nothing else is launched. */
static long launches_of(struct rn_prog *p)
{
    struct rn_err err = {0};
    must(rn_prog_plan(p, &err), &err);
    must(rn_device_sync(p->dev, &err), &err);
    long before = launches();
    must(rn_prog_run(p, &err), &err);
    must(rn_device_sync(p->dev, &err), &err);
    long n = launches() - before;
    rn_prog_free(p);
    return n;
}

static struct rn_prog *steps_of_adamw(struct rn_params *ps, const struct job *j, bool together)
{
    struct rn_prog *p = rn_prog_new(ps);
    emit(p, j, rn_prog_input(p, "hyper", RN_F32, RN_SHAPE(7)));
    if (together)
        rn_prog_together(p, j->n);
    return p;
}

Test(op_batch, takes_a_launch_for_64_weights_and_two_for_their_squares)
{
    struct rn_device *dev = open_emulated();
    struct job j;
    many_weights(&j);
    struct rn_params *ps = weights_of(dev, &j);
    cr_expect_eq(launches_of(steps_of_adamw(ps, &j, false)), MANY);
    cr_expect_eq(launches_of(steps_of_adamw(ps, &j, true)), 2);
    cr_expect_eq(launches_of(chain_of_sums(ps, &j, false)), 2 * MANY);
    cr_expect_eq(launches_of(chain_of_sums(ps, &j, true)), 4);
    rn_params_free(ps);
    rn_device_close(dev);
}

/* --- how much at once --- */

/* The most matrices of (N,K) that Muon is given at once, of MANY. */
static int muon_batch(int64_t N, int64_t K)
{
    struct rn_err err = {0};
    struct rn_device *dev;
    struct job j = {.kind = RN_OP_MUON};
    int most = 0;
    for (int i = 0; i < MANY; i++)
        add_weight(&j, RN_SHAPE(N, K), RN_F32);
    must(rn_device_open(&dev, "cpu", 1, NULL, &err), &err);
    struct rn_params *ps = rn_params_sketch(dev, j.of, (size_t)j.n, true);
    struct rn_prog *p = rn_prog_new(ps);
    emit(p, &j, rn_prog_input(p, "hyper", RN_F32, RN_SHAPE(7)));
    rn_prog_together(p, j.n);
    for (int i = 0, left = 0; i < p->n_ops; i++, left--) {
        int behind = p->ops[i].behind;
        cr_expect(left > 0 ? behind == -1 : behind >= 0 && i + behind < p->n_ops);
        most = behind + 1 > most ? behind + 1 : most;
        left = left > 0 ? left : behind + 1;
    }
    rn_prog_free(p);
    rn_params_free(ps);
    rn_device_close(dev);
    return most;
}

Test(op_batch, is_of_as_many_as_a_device_takes_and_its_scratch_memory_holds)
{
    cr_expect_eq(muon_batch(64, 64), RN_MUON_BATCH);
    cr_expect_eq(muon_batch(2048, 2048), 4);
    cr_expect_eq(muon_batch(8192, 2048), 1);
    cr_expect_eq(muon_batch(8192, 8192), 1);
}
