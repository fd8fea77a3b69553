/* One case of op_cases.h on some devices.
 *
 *     op_check(devs, n, &op_cases[i]);
 *
 * An op is held against its reference in double precision: forward values, and gradients against
 * 4-point differences of the reference. Everything a kernel may write is NaN beforehand. Ops that
 * take values in bf16 are tried with them, too: operands are then drawn from bf16's numbers, so
 * that all that is lost is the rounding of results. */
#ifndef OP_CHECK_H
#define OP_CHECK_H

#include "op_cases.h"

/* Differences are failures of the test that calls; what a device reports ends it. */
void op_check(struct rn_device *const *devs, int n_devs, const struct op_case *);

/* Largest difference, relative to the largest reference value or to `least` where all are smaller;
 * NaN if either side holds one. */
double op_worst_error(const float *got, const double *want, int64_t n, double least);

#endif
