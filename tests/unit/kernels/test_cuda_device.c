/* The CUDA backend as a whole over stand-ins for CUDA's runtime and libraries: tests/emu. The
 * kernels that are the backend's own are tested alone, and harder, by test_cuda_ops.c. */
#include "op_check.h"

#include "prog_impl.h"

#include <criterion/criterion.h>

static struct rn_device *open_emulated(void)
{
    struct rn_err err = {0};
    struct rn_device *dev = NULL;
    if (rn_device_find("cuda-emu", &err) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit, its backend is not tested");
    cr_assert_eq(rn_device_open(&dev, "cuda-emu", 1, NULL, &err), RN_OK, "%s", err.msg);
    return dev;
}

static void check_op(int kind)
{
    struct rn_device *dev = open_emulated();
    for (size_t i = 0; i < op_case_count; i++)
        if (op_cases[i].kind == kind)
            op_check(&dev, 1, &op_cases[i]);
    rn_device_close(dev);
}

/* Those that the libraries compute. */
Test(cuda_device, linear)
{
    check_op(RN_OP_LINEAR);
}

Test(cuda_device, head_loss)
{
    check_op(RN_OP_HEAD_LOSS);
}

Test(cuda_device, muon)
{
    check_op(RN_OP_MUON);
}
