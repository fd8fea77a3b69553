/* model/peak.h - how fast this device multiplies matrices: the yardstick of MFU.
 *
 *     double peak = rn_peak_flops(device);
 *
 * The best of a few fp32 products of square matrices filled with random numbers, through the same
 * op that the model uses. The matrices grow from 256 x 256 until a product takes a millisecond:
 * a small machine is not kept busy by it, a large one is not measured by its overhead. 0 if the
 * device cannot. */
#ifndef RN_PEAK_H
#define RN_PEAK_H

#include "device.h"

double rn_peak_flops(struct rn_device *);

#endif
