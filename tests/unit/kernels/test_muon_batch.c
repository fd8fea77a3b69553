/* Matrices of one shape are updated together, on a device that can: to the bits of each by itself.
 * What each by itself should be: op_cases.c. */
#include "mini.h"
#include "muon_batch.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ATTRS(...) ((struct rn_attrs){__VA_ARGS__})
enum { MANY = 3 };

struct shape {
    int64_t N, K;
    bool is_2026;
    enum rn_dtype compute;
};

static const char *const names[MANY] = {"a", "b", "c"};

static struct rn_params *weights(struct rn_device *dev, const struct shape *s)
{
    struct rn_err err = {0};
    struct rn_params *params;
    struct rn_param_spec specs[MANY];
    for (int i = 0; i < MANY; i++)
        specs[i] = (struct rn_param_spec){names[i], RN_SHAPE(s->N, s->K)};
    must(rn_params_new(&params, dev, specs, MANY, true, &err), &err);
    int64_t n = s->N * s->K;
    float *host = malloc((size_t)n * sizeof *host);
    for (size_t i = 0; i < MANY; i++) {
        for (int64_t k = 0; k < n; k++)
            host[k] = (float)rn_rand_normal(rn_stream(1, names[i]), (uint64_t)k);
        must(rn_params_put(params, i, host, &err), &err);
    }
    free(host);
    return params;
}

/* The gradient of a weight is a multiple of it: every matrix has its own. */
static void emit_gradients(struct rn_prog *p, const struct shape *s)
{
    rn_val sum = RN_NONE;
    int64_t n = s->N * s->K;
    for (int i = 0; i < MANY; i++) {
        rn_val w = rn_prog_weight(p, names[i]);
        w = rn_prog_op(p, RN_OP_VIEW, "flat", &w, 1, ATTRS(.i = {1, n}));
        rn_val in[] = {w, w};
        rn_val square = rn_prog_op(p, RN_OP_LINEAR, "square", in, 2, ATTRS(.i = {0}));
        rn_val both[] = {sum, square};
        sum = i ? rn_prog_op(p, RN_OP_LINCOMB, "sum", both, 2, ATTRS(.f = {1, 0.5f})) : square;
    }
    rn_prog_backward(p, sum);
}

/* Two steps of Muon; `together`: in one batch. All weights, one behind the other. */
static float *train(struct rn_device *dev, const struct shape *s, bool together)
{
    struct rn_err err = {0};
    const float hyper[] = {0.02f, 0.9f, 0.1f, 0.95f};
    int64_t n = s->N * s->K, longer = s->N > s->K ? s->N : s->K;
    struct rn_params *params = weights(dev, s);
    struct rn_prog *grads = rn_prog_new(params), *p = rn_prog_new(params);
    emit_gradients(grads, s);
    rn_prog_compute_in(p, s->compute);
    rn_val h = rn_prog_input(p, "hyper", RN_F32, RN_SHAPE(4));
    for (int i = 0; i < MANY; i++) {
        char buf[8], buf2[8];
        snprintf(buf, sizeof buf, "m.%s", names[i]);
        snprintf(buf2, sizeof buf2, "v.%s", names[i]);
        rn_val in[] = {rn_prog_weight(p, names[i]), rn_prog_weight_grad(p, names[i]),
                       rn_prog_state(p, buf, RN_F32, RN_SHAPE(s->N, s->K)),
                       s->is_2026 ? rn_prog_state(p, buf2, RN_F32, RN_SHAPE(longer)) : RN_NONE, h};
        int64_t behind = !together ? 0 : i ? -1 : MANY - 1;
        rn_prog_op(p, RN_OP_MUON, names[i], in, 5, ATTRS(.i = {0, s->is_2026, behind}));
    }
    must(rn_prog_plan(grads, &err), &err);
    must(rn_prog_plan(p, &err), &err);
    must(rn_prog_put(p, h, hyper, &err), &err);
    for (int step = 0; step < 2; step++) {
        must(rn_prog_run(grads, &err), &err);
        poison_planned(p);
        must(rn_prog_run(p, &err), &err);
    }
    float *all = malloc((size_t)(MANY * n) * sizeof *all);
    for (size_t i = 0; i < MANY; i++)
        must(rn_params_get(params, i, all + (int64_t)i * n, &err), &err);
    rn_prog_free(grads);
    rn_prog_free(p);
    rn_params_free(params);
    return all;
}

Test(muon_batch, is_bit_for_bit_each_matrix_by_itself)
{
    static const struct shape shapes[] = {{6, 10, false, RN_F32}, {24, 9, false, RN_BF16},
                                          {9, 24, true, RN_F32},  {33, 8, true, RN_BF16},
                                          {16, 16, true, RN_F32}, {5, 7, true, RN_BF16}};
    struct rn_err err = {0};
    struct rn_device *dev;
    if (rn_device_find("cuda-emu", &err) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit, its Muon is not tested");
    must(rn_device_open(&dev, "cuda-emu", 1, NULL, &err), &err);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        size_t size_bytes = (size_t)(MANY * s->N * s->K) * sizeof(float);
        float *alone = train(dev, s, false), *together = train(dev, s, true);
        float *again = train(dev, s, true);
        cr_expect_eq(memcmp(alone, together, size_bytes), 0, "%d x %d", (int)s->N, (int)s->K);
        cr_expect_eq(memcmp(together, again, size_bytes), 0);
        free(alone), free(together), free(again);
    }
    rn_device_close(dev);
}

Test(muon_batch, longer_than_a_device_may_take_is_refused)
{
    struct rn_err err = {0};
    struct rn_device *dev;
    const struct shape s = {4, 4, false, RN_F32};
    must(rn_device_open(&dev, "cpu", 1, NULL, &err), &err);
    struct rn_params *params = weights(dev, &s);
    struct rn_prog *p = rn_prog_new(params);
    rn_val in[] = {rn_prog_weight(p, "a"), rn_prog_weight_grad(p, "a"),
                   rn_prog_state(p, "m", RN_F32, RN_SHAPE(4, 4)), RN_NONE,
                   rn_prog_input(p, "hyper", RN_F32, RN_SHAPE(4))};
    rn_prog_op(p, RN_OP_MUON, "a", in, 5, ATTRS(.i = {0, 0, RN_MUON_BATCH}));
    cr_expect_eq(rn_prog_plan(p, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "i2"));
    rn_prog_free(p);
    rn_params_free(params);
    rn_device_close(dev);
}
