/* The CUDA kernels, in the emulator, against the same references as the CPU's: tests/emu. What that
 * device guards beside (bounds, order of threads, bits) is an error of the run. */
#include "mini.h"
#include "op_check.h"

#include <criterion/criterion.h>

static struct rn_device *open_emulator(void)
{
    struct rn_err err = {0};
    struct rn_device *dev = NULL;
    if (rn_device_find("emu-kernels", &err) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit, no CUDA kernel is tested");
    cr_assert_eq(rn_device_open(&dev, "emu-kernels", 1, NULL, &err), RN_OK, "%s", err.msg);
    return dev;
}

/* What the backend makes of libraries is tested with the backend: test_cuda_device.c. */
static bool is_own(int kind)
{
    return kind != RN_OP_LINEAR && kind != RN_OP_HEAD_LOSS && kind != RN_OP_MUON;
}

static void check_op(int kind)
{
    if (!is_own(kind))
        return;
    struct rn_device *dev = open_emulator();
    for (size_t i = 0; i < op_case_count; i++)
        if (op_cases[i].kind == kind)
            op_check(&dev, 1, &op_cases[i]);
    rn_device_close(dev);
}

#define OP(id, name)                                                                               \
    Test(cuda_ops, name)                                                                           \
    {                                                                                              \
        check_op(RN_OP_##id);                                                                      \
    }
#include "ops.def"
#undef OP

/* More rows than the emulator lets a grid be high or deep. Alone at its position, a token sees its
 * own value. */
Test(cuda_ops, attention_takes_as_many_rows_as_a_batch_has)
{
    enum { B = 257, D = 2 };
    struct rn_device *dev = open_emulator();
    struct rn_param_spec none = {"none", RN_SHAPE(1)};
    struct rn_params *params;
    struct rn_err err = {0};
    float v[B * D], y[B * D];
    must(rn_params_new(&params, dev, &none, 1, false, &err), &err);
    struct rn_prog *p = rn_prog_new(params);
    rn_val x = rn_prog_input(p, "x", RN_F32, RN_SHAPE(B, 1, 1, D)), in[] = {x, x, x};
    rn_val out =
        rn_prog_op(p, RN_OP_ATTENTION, "y", in, 3, (struct rn_attrs){.f = {0.7f}, .i = {-1, 0}});
    rn_prog_pin(p, out);
    must(rn_prog_plan(p, &err), &err);
    for (int i = 0; i < B * D; i++)
        v[i] = (float)(i - B);
    must(rn_prog_put(p, x, v, &err), &err);
    must(rn_prog_run(p, &err), &err);
    must(rn_prog_get(p, out, y, &err), &err);
    for (int i = 0; i < B * D; i++)
        cr_expect_eq(y[i], v[i], "%d", i);
    rn_prog_free(p);
    rn_params_free(params);
    rn_device_close(dev);
}
