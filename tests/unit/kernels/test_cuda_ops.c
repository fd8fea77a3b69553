/* The CUDA kernels, in the emulator, against the same references as the CPU's: tests/emu. What that
 * device guards beside (bounds, order of threads, bits) is an error of the run. */
#include "op_check.h"

#include "prog_impl.h"

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
