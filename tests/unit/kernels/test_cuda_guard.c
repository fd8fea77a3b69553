/* The guard around emulated kernels sees what it promises to see: device "emu-liars" has kernels
 * that each break one promise (tests/emu/liars.cpp). */
#include "prog_impl.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rn_device *open_liars(void)
{
    struct rn_err err = {0};
    struct rn_device *dev = NULL;
    if (rn_device_find("emu-liars", &err) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit, no guard is tested");
    cr_assert_eq(rn_device_open(&dev, "emu-liars", 1, NULL, &err), RN_OK, "%s", err.msg);
    return dev;
}

/* y = op(x) of seven numbers fails, and says so. */
static void expect_told(int kind, const char *complaint)
{
    struct rn_device *dev = open_liars();
    struct rn_params *params;
    struct rn_err err = {0};
    cr_assert_eq(rn_params_new(&params, dev, NULL, 0, false, &err), RN_OK, "%s", err.msg);
    struct rn_prog *p = rn_prog_new(params);
    rn_val x = rn_prog_input(p, "x", RN_F32, RN_SHAPE(7));
    rn_prog_pin(p, rn_prog_op(p, kind, "y", &x, 1, (struct rn_attrs){.f = {1}}));
    cr_assert_eq(rn_prog_plan(p, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_prog_put(p, x, (float[7]){1, 2, 3, 4, 5, 6, 7}, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(rn_prog_run(p, &err), RN_EDEVICE);
    cr_expect(strstr(err.msg, complaint), "'%s' is not '%s'", err.msg, complaint);
    rn_prog_free(p);
    rn_params_free(params);
    rn_device_close(dev);
}

Test(cuda_guard, a_write_behind_the_last_element)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("SKIP: the sanitizer ends the program before the guard can tell");
#endif
    expect_told(RN_OP_SCALE, "scale writes outside of an operand");
}

Test(cuda_guard, an_element_that_nobody_writes)
{
    expect_told(RN_OP_GELU, "gelu gives other bits in another order of threads, or leaves some");
}

Test(cuda_guard, a_write_into_an_operand)
{
    expect_told(RN_OP_RELU2, "relu2 changes an operand that it should read");
}

Test(cuda_guard, a_result_that_depends_on_the_order_of_threads)
{
    expect_told(RN_OP_SOFTCAP, "softcap gives other bits in another order of threads");
}
