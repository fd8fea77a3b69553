/* The CUDA backend as a whole over stand-ins for CUDA's runtime and libraries: tests/emu. The
 * kernels that are the backend's own are tested alone, and harder, by test_cuda_ops.c. With
 * RUNNEL_TEST_GPU=1 (tools/gpu_check.sh) the device is a GPU, and every op is tried on it. */
#include "op_check.h"

#include "prog_impl.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct rn_device *open_emulated(void)
{
    struct rn_err err = {0};
    struct rn_device *dev = NULL;
    const char *name = getenv("RUNNEL_TEST_GPU") ? "cuda" : "cuda-emu";
    if (rn_device_find(name, &err) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit, its backend is not tested");
    cr_assert_eq(rn_device_open(&dev, name, 1, NULL, &err), RN_OK, "%s", err.msg);
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

/* Those that the libraries compute; on a GPU, all. */
static bool is_tried(int kind)
{
    return getenv("RUNNEL_TEST_GPU") || kind == RN_OP_LINEAR || kind == RN_OP_HEAD_LOSS ||
           kind == RN_OP_MUON;
}

#define OP(id, name)                                                                               \
    Test(cuda_device, name)                                                                        \
    {                                                                                              \
        if (is_tried(RN_OP_##id))                                                                  \
            check_op(RN_OP_##id);                                                                  \
    }
#include "ops.def"
#undef OP

/* Attention by cuDNN's graphs, which the stand-in computes as they are written: causal, windows,
 * heads that share keys, and the backward of fixed order. */
static void check_cudnn(bool deterministic)
{
    setenv("RN_EMU_CUDNN", "91900", 1);
    struct rn_device *dev = open_emulated();
    for (size_t i = 0; i < op_case_count; i++) {
        struct op_case c = op_cases[i];
        int64_t D = c.xs[0].d[3];
        c.attrs.i[1] = deterministic;
        if (c.kind == RN_OP_ATTENTION && D % 8 == 0 && D <= 16) /* few: they take long here */
            op_check(&dev, 1, &c);
    }
    rn_device_close(dev);
}

Test(cuda_device, attention_by_cudnn)
{
    check_cudnn(false);
}

Test(cuda_device, attention_by_cudnn_in_a_fixed_order)
{
    check_cudnn(true);
}

/* What no plan can be built for is left to the own kernels, call by call. */
Test(cuda_device, attention_of_which_cudnn_does_a_part)
{
    setenv("RN_EMU_FAIL", "cudnnPlan:2", 1);
    check_cudnn(false);
}
