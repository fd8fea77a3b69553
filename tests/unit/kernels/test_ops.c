/* Every op against its reference, on every instruction set that this machine has. */
#include "op_check.h"

#include "prog_impl.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

Test(checkers, a_wrong_value_and_a_nan_are_seen)
{
    float got[] = {1, 2, 3};
    double want[] = {1, 2, 3};
    cr_assert(op_worst_error(got, want, 3, 1) <= 0);
    want[2] = 3.3;
    cr_assert(!(op_worst_error(got, want, 3, 1) <= 0.05));
    got[0] = NAN;
    cr_assert(!(op_worst_error(got, want, 3, 1) <= 1e9));
}

enum { DEVICES = 5 };

static int open_devices(struct rn_device *devs[DEVICES])
{
    static const char *const isas[DEVICES] = {"portable", "v3", "v4", "v4bf16", "v4amx"};
    int n = 0;
    for (int i = 0; i < DEVICES; i++) {
        struct rn_err err = {0};
        setenv("RUNNEL_CPU_ISA", isas[i], 1);
        if (rn_device_open(&devs[n], "cpu", 2, NULL, &err) == RN_OK)
            n++;
    }
    cr_assert_gt(n, 0);
    return n;
}

static void check_every_other(size_t first)
{
    struct rn_device *devs[DEVICES];
    int n = open_devices(devs);
    for (size_t i = first; i < op_case_count; i += 2)
        op_check(devs, n, &op_cases[i]);
    for (int d = 0; d < n; d++)
        rn_device_close(devs[d]);
}

Test(ops, agree_with_their_references_even_cases)
{
    check_every_other(0);
}

Test(ops, agree_with_their_references_odd_cases)
{
    check_every_other(1);
}

Test(ops, all_have_a_case)
{
    for (int kind = 0; kind < RN_OP_COUNT; kind++) {
        bool found = kind == RN_OP_ZERO_GRADS; /* tested with the optimizer program */
        found |= kind == RN_OP_QUANTIZE || kind == RN_OP_LINEAR_FP8; /* test_fp8.c */
        for (size_t i = 0; i < op_case_count; i++)
            found |= op_cases[i].kind == kind;
        cr_expect(found, "%s has no case in op_cases.c", rn_op_names[kind]);
    }
}
