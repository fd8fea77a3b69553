/* peak.h - how fast this device multiplies matrices (the yardstick of MFU) and how fast its
 * memory is.
 *
 *     double peak = rn_peak_flops(device, RN_BF16);
 *
 * A processor: the best of a few products of square matrices of random numbers, through the op that
 * models use. The matrices grow from 256 x 256 until a product takes a millisecond: a small machine
 * is not kept busy by it, a large one is not measured by its overhead. A GPU: what its data sheet
 * says of bf16, as everybody's MFU has it. 0 if it cannot be measured or is not known. */
#ifndef RN_PEAK_H
#define RN_PEAK_H

#include "device.h"
#include "shape.h"

double rn_peak_flops(struct rn_device *, enum rn_dtype compute); /* a second */
/* Bytes a second that an op reads and writes when nothing but memory holds it up. 0 as above. */
double rn_peak_bytes(struct rn_device *);

#endif
